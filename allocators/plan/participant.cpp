// What every participant does unless it says otherwise, and the device behind an allocator.
#include "hwalloc/participant.h"

#include "common/fixed_text.h"
#include "hwalloc/image.h"

namespace hwalloc {

Participant::~Participant() = default;

std::vector<AllocatorRef> Participant::own_allocators() noexcept {
    return {};
}

Result<ImageLayout> Participant::settle(const ImageLayout& layout) noexcept {
    return layout;
}

Result<void> Participant::begin_trials(const ImageLayout& /*layout*/) noexcept {
    return {};
}

void Participant::end_trials() noexcept {}

Result<Recipe> Participant::attempt_image(const Image& image) noexcept {
    if (auto given = check_memories(image); !given)
        return std::move(given).error();
    if (image.layout.memory_count == 1)
        return attempt(*image.memory, image.layout);
    return Error(ErrorKind::unsupported, "trying an image")
        .doing(FixedText("trying an image in ", image.layout.memory_count, " memories"))
        .on(name())
        .remedy("it takes images in one memory only: choose a format that has all planes in one");
}

Result<ParticipantRef> participant_of(std::string_view allocator) noexcept {
    auto found = Allocator::resolve(allocator);
    if (!found)
        return std::move(found).error();
    auto* device = (*found)->extension<OffersParticipant>();
    if (!device)
        return Error(ErrorKind::unsupported, "asking for a participant")
            .doing("asking for the device behind an allocator")
            .on((*found)->name())
            .remedy("no device stands behind this memory: name a camera's, a GPU's or a card's allocator, as "
                    "`hwalloc list` prints them");
    return device->participant();
}

} // namespace hwalloc
