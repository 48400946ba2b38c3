// Who shares memory, for C.
#include "bindings/c/participant.h"

#include <new>

#include "hwalloc/v4l2.h"

using namespace hwalloc;
using c::answer_participant;

int c::answer_participant(Result<ParticipantRef> made, hwalloc_participant** participant,
                          hwalloc_error** error) noexcept {
    if (!participant)
        return refuse_null("there is no place for the participant", error);
    if (!made)
        return refuse(made.error(), error);
    return give(new (std::nothrow) hwalloc_participant{*std::move(made)}, participant, error);
}

int hwalloc_participant_of(const char* allocator, hwalloc_participant** participant,
                           hwalloc_error** error) noexcept {
    return answer_participant(participant_of(allocator), participant, error);
}
int hwalloc_cpu_participant(uint32_t access, hwalloc_participant** participant,
                            hwalloc_error** error) noexcept {
    return answer_participant(cpu_participant(static_cast<MapFlags>(access)), participant, error);
}
int hwalloc_output_participant(const char* path, int allow_copies, hwalloc_participant** participant,
                               hwalloc_error** error) noexcept {
    return answer_participant(v4l2::output_participant(path, allow_copies != 0), participant, error);
}
uint32_t hwalloc_sees_cpu_caches(uint64_t device) noexcept {
    return static_cast<uint32_t>(sees_cpu_caches(device));
}
void hwalloc_participant_free(hwalloc_participant* participant) noexcept {
    delete participant;
}
