// Plans for C.
#include <cstdint>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <vector>

#include "bindings/c/layout.h"
#include "bindings/c/participant.h"
#include "hwalloc/c_plan.h"
#include "hwalloc/plan.h"

struct hwalloc_plan {
    hwalloc::PlanRef plan;
    std::string explained;
};

struct hwalloc_plan_buffers {
    hwalloc::PlanBuffers buffers;
    std::vector<hwalloc_memory*> memories; // the same, as C has them
};

using namespace hwalloc;
using c::refuse;
using c::refuse_null;

namespace {

constexpr const char *no_plan = "there is no plan", *no_plan_place = "there is no place for the plan";

int refuse_shortage(hwalloc_error** error) noexcept {
    return refuse(Error(ErrorKind::exhausted, "out of memory"), error);
}

// May throw std::bad_alloc.
std::unique_ptr<hwalloc_plan> plan_object(PlanRef made) {
    std::string explained = made->explain();
    return std::make_unique<hwalloc_plan>(hwalloc_plan{std::move(made), std::move(explained)});
}

Result<PlanRef> planned(const hwalloc_plan_request& request) {
    std::vector<ParticipantRef> participants;
    for (std::size_t i = 0; i < request.participant_count; ++i)
        participants.push_back(request.participants[i] ? request.participants[i]->participant : nullptr);
    std::vector<std::string_view> prefer;
    for (std::size_t i = 0; i < request.prefer_count; ++i)
        prefer.emplace_back(request.prefer[i] ? request.prefer[i] : "");
    ImageSpec image{.fourcc = request.fourcc,
                    .width = request.width,
                    .height = request.height,
                    .size = request.size,
                    .memory_per_plane = request.memory_per_plane != 0};
    std::copy(std::begin(request.more_sizes), std::end(request.more_sizes), image.more_sizes.begin());
    return plan({.participants = participants,
                 .image = image,
                 .policy = static_cast<PlanPolicy>(request.policy),
                 .prefer = prefer,
                 .complete = request.complete != 0});
}

const PlanCandidate* candidate_at(const hwalloc_plan* plan, std::size_t index) noexcept {
    return plan && index < plan->plan->candidates().size() ? &plan->plan->candidates()[index] : nullptr;
}
const PlanCell* cell_at(const hwalloc_plan* plan, std::size_t index, std::size_t participant) noexcept {
    const PlanCandidate* candidate = candidate_at(plan, index);
    return candidate && participant < candidate->cells.size() ? &candidate->cells[participant] : nullptr;
}
const PlanParticipant* participant_at(const hwalloc_plan* plan, std::size_t index) noexcept {
    return plan && index < plan->plan->participants().size() ? &plan->plan->participants()[index] : nullptr;
}
hwalloc_error* error_of(const std::optional<Error>& why) noexcept {
    hwalloc_error* made = nullptr;
    if (why)
        (void)refuse(*why, &made);
    return made;
}
const char* step_of(const hwalloc_plan* plan, std::size_t index, std::size_t participant,
                    const char* Recipe::*step) noexcept {
    const PlanCell* cell = cell_at(plan, index, participant);
    return cell ? cell->recipe.*step : "";
}

int answer_buffers(Result<PlanBuffers> made, hwalloc_plan_buffers** buffers, hwalloc_error** error) noexcept
    try {
    if (!made)
        return refuse(made.error(), error);
    auto ours = std::make_unique<hwalloc_plan_buffers>();
    ours->buffers = *std::move(made);
    for (const MemoryRef& memory : ours->buffers.memories)
        ours->memories.push_back(c::to_c(memory.get()));
    *buffers = ours.release();
    return 0;
} catch (const std::bad_alloc&) {
    return refuse_shortage(error);
}

int answer_constraints(const Constraints& from, hwalloc_constraints* to, hwalloc_error** error) noexcept {
    const auto need = [](bool has, uint32_t bit) { return has ? bit : 0u; };
    return c::answer(
        c::write_struct(
            to, hwalloc_constraints{.struct_size = 0,
                                    .modifiers = from.modifiers.data(),
                                    .modifier_count = from.modifiers.size(),
                                    .needs = need(from.needs_dma_buf, HWALLOC_NEEDS_DMA_BUF) |
                                             need(from.memory_per_plane, HWALLOC_NEEDS_MEMORY_PER_PLANE) |
                                             need(from.prefers_cached, HWALLOC_PREFERS_CACHED) |
                                             need(from.through_cpu_caches, HWALLOC_THROUGH_CPU_CACHES) |
                                             need(from.syncs_cpu_access, HWALLOC_SYNCS_CPU_ACCESS),
                                    .contiguous = static_cast<uint32_t>(from.contiguous),
                                    .min_size = from.min_size,
                                    .size_align = from.size_align,
                                    .sees_cpu_caches = static_cast<uint32_t>(from.sees_cpu_caches),
                                    .pitch_align = from.pitch_align,
                                    .pitch_min = from.pitch_min,
                                    .pitch_max = from.pitch_max}),
        error);
}

} // namespace

int hwalloc_plan_new(const hwalloc_plan_request* request, hwalloc_plan** plan, hwalloc_error** error) noexcept
    try {
    if (!request || !plan)
        return refuse_null(request ? no_plan_place : "there is no request", error);
    const auto wanted = c::read_struct(request);
    if (!wanted)
        return refuse(wanted.error(), error);
    if (wanted->policy > HWALLOC_POLICY_ALLOW_COPY || (!wanted->participants && wanted->participant_count) ||
        (!wanted->prefer && wanted->prefer_count))
        return refuse_null("there is no such policy, or a list is missing", error);
    auto made = planned(*wanted);
    if (!made)
        return refuse(made.error(), error);
    *plan = plan_object(*std::move(made)).release();
    return 0;
} catch (const std::bad_alloc&) {
    return refuse_shortage(error);
}
void hwalloc_plan_free(hwalloc_plan* plan) noexcept {
    delete plan;
}
void hwalloc_forget_plans(void) noexcept {
    forget_plans();
}

const char* hwalloc_preferred_allocator(size_t index) noexcept {
    const auto& names = preferred_allocators().names;
    return index < names.size() ? names[index].c_str() : nullptr;
}
const char* hwalloc_preferred_allocators_source(void) noexcept {
    return preferred_allocators().source.c_str();
}
hwalloc_error* hwalloc_preferred_allocators_error(void) noexcept {
    return error_of(preferred_allocators().why);
}

const char* hwalloc_plan_explain(const hwalloc_plan* plan) noexcept {
    return plan ? plan->explained.c_str() : nullptr;
}
size_t hwalloc_plan_ranking(const hwalloc_plan* plan, size_t place) noexcept {
    return plan && place < plan->plan->ranking().size() ? plan->plan->ranking()[place] : SIZE_MAX;
}
hwalloc_error* hwalloc_plan_error(const hwalloc_plan* plan) noexcept {
    return plan ? error_of(plan->plan->error()) : nullptr;
}

size_t hwalloc_plan_candidates(const hwalloc_plan* plan) noexcept {
    return plan ? plan->plan->candidates().size() : 0;
}
const char* hwalloc_plan_candidate_name(const hwalloc_plan* plan, size_t index) noexcept {
    const PlanCandidate* candidate = candidate_at(plan, index);
    return candidate ? candidate->name.c_str() : nullptr;
}
hwalloc_allocator* hwalloc_plan_candidate_allocator(const hwalloc_plan* plan, size_t index) noexcept {
    const PlanCandidate* candidate = candidate_at(plan, index);
    return candidate ? c::to_c(candidate->allocator.get()) : nullptr;
}
uint32_t hwalloc_plan_candidate_verdict(const hwalloc_plan* plan, size_t index) noexcept {
    const PlanCandidate* candidate = candidate_at(plan, index);
    return candidate ? static_cast<uint32_t>(candidate->verdict) : uint32_t{HWALLOC_REFUSED};
}
int hwalloc_plan_candidate_layout(const hwalloc_plan* plan, size_t index, hwalloc_image_layout* layout,
                                  hwalloc_error** error) noexcept {
    const PlanCandidate* candidate = candidate_at(plan, index);
    return candidate ? c::answer_layout(candidate->layout, layout, error)
                     : refuse_null(plan ? "there is no such candidate" : no_plan, error);
}
uint32_t hwalloc_plan_cell_verdict(const hwalloc_plan* plan, size_t index, size_t participant) noexcept {
    const PlanCell* cell = cell_at(plan, index, participant);
    return cell ? static_cast<uint32_t>(cell->verdict) : hwalloc_plan_candidate_verdict(plan, index);
}
hwalloc_error* hwalloc_plan_cell_why(const hwalloc_plan* plan, size_t index, size_t participant) noexcept {
    const PlanCell* cell = cell_at(plan, index, participant);
    const PlanCandidate* candidate = candidate_at(plan, index);
    if (cell)
        return error_of(cell->why);
    return candidate && participant == SIZE_MAX ? error_of(candidate->why) : nullptr;
}
const char* hwalloc_plan_cell_use(const hwalloc_plan* plan, size_t index, size_t participant) noexcept {
    return step_of(plan, index, participant, &Recipe::use);
}
const char* hwalloc_plan_cell_once(const hwalloc_plan* plan, size_t index, size_t participant) noexcept {
    return step_of(plan, index, participant, &Recipe::once);
}
const char* hwalloc_plan_cell_begin(const hwalloc_plan* plan, size_t index, size_t participant) noexcept {
    return step_of(plan, index, participant, &Recipe::begin);
}
const char* hwalloc_plan_cell_end(const hwalloc_plan* plan, size_t index, size_t participant) noexcept {
    return step_of(plan, index, participant, &Recipe::end);
}

const char* hwalloc_plan_participant_name(const hwalloc_plan* plan, size_t index) noexcept {
    const PlanParticipant* participant = participant_at(plan, index);
    return participant ? participant->name.c_str() : nullptr;
}
uint32_t hwalloc_plan_participant_needs_contiguous(const hwalloc_plan* plan, size_t index) noexcept {
    const PlanParticipant* participant = participant_at(plan, index);
    return participant ? static_cast<uint32_t>(participant->needs_contiguous) : uint32_t{HWALLOC_UNKNOWN};
}
const char* hwalloc_plan_participant_why_contiguous(const hwalloc_plan* plan, size_t index) noexcept {
    const PlanParticipant* participant = participant_at(plan, index);
    return participant ? participant->why_contiguous.c_str() : nullptr;
}

int hwalloc_plan_participant_only_own(const hwalloc_plan* plan, size_t index) noexcept {
    const PlanParticipant* participant = participant_at(plan, index);
    return participant && participant->only_own;
}
int hwalloc_plan_constraints(const hwalloc_plan* plan, size_t index, hwalloc_constraints* constraints,
                             hwalloc_error** error) noexcept {
    if (!plan || !constraints)
        return refuse_null(plan ? "there is no place for the constraints" : no_plan, error);
    if (const PlanParticipant* participant = participant_at(plan, index))
        return answer_constraints(participant->constraints, constraints, error);
    if (index != SIZE_MAX)
        return refuse_null("there is no such participant", error);
    if (const auto& all = plan->plan->constraints())
        return answer_constraints(*all, constraints, error);
    const auto& why = plan->plan->error();
    return refuse(why ? *why : Error(ErrorKind::incompatible, "the participants contradict each other"),
                  error);
}

int hwalloc_plan_copy(const hwalloc_plan* plan, size_t* participants, hwalloc_plan** from, hwalloc_plan** to,
                      hwalloc_error** error) noexcept try {
    if (!plan || !participants || !from || !to)
        return refuse_null(plan ? no_plan_place : no_plan, error);
    const auto& copy = plan->plan->copy();
    *from = *to = nullptr;
    *participants = 0;
    if (!copy)
        return 0;
    auto first = plan_object(copy->from), second = plan_object(copy->to);
    *participants = copy->participants;
    *from = first.release();
    *to = second.release();
    return 0;
} catch (const std::bad_alloc&) {
    return refuse_shortage(error);
}

int hwalloc_plan_allocate(const hwalloc_plan* plan, size_t count, size_t first,
                          hwalloc_plan_buffers** buffers, hwalloc_error** error) noexcept {
    if (!plan || !buffers)
        return refuse_null(plan ? "there is no place for the buffers" : no_plan, error);
    return answer_buffers(plan->plan->allocate(count, first), buffers, error);
}
int hwalloc_plan_allocate_from(const hwalloc_plan* plan, size_t candidate, size_t count,
                               hwalloc_plan_buffers** buffers, hwalloc_error** error) noexcept {
    if (!plan || !buffers)
        return refuse_null(plan ? "there is no place for the buffers" : no_plan, error);
    return answer_buffers(plan->plan->allocate_from(candidate, count), buffers, error);
}
size_t hwalloc_plan_buffers_candidate(const hwalloc_plan_buffers* buffers) noexcept {
    return buffers ? buffers->buffers.candidate : SIZE_MAX;
}
hwalloc_memory* const* hwalloc_plan_buffers_memories(const hwalloc_plan_buffers* buffers,
                                                     size_t* count) noexcept {
    if (count)
        *count = buffers ? buffers->memories.size() : 0;
    return buffers ? buffers->memories.data() : nullptr;
}
int hwalloc_plan_buffers_layout(const hwalloc_plan_buffers* buffers, hwalloc_image_layout* layout,
                                hwalloc_error** error) noexcept {
    return buffers ? c::answer_layout(buffers->buffers.layout, layout, error)
                   : refuse_null("there are no buffers", error);
}
void hwalloc_plan_buffers_free(hwalloc_plan_buffers* buffers) noexcept {
    delete buffers;
}
