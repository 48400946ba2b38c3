// The CPU as a participant: whatever can be mapped will do.
#include "common/without_exceptions.h"
#include "hwalloc/image.h"
#include "hwalloc/participant.h"

namespace hwalloc {
namespace {

class Cpu final : public Participant {
public:
    explicit Cpu(MapFlags access) noexcept : access_(access) {}

    std::string_view name() const noexcept override {
        return access_ == MapFlags::read    ? "CPU, reading"
               : access_ == MapFlags::write ? "CPU, writing"
                                            : "CPU, reading and writing";
    }
    std::string_view cache_key() const noexcept override { return name(); }

    Result<Constraints> ask(const ImageSpec&) noexcept override {
        // Pixels are where a loop over rows expects them.
        return without_exceptions([&]() -> Result<Constraints> {
            return Constraints{.prefers_cached = has(access_, MapFlags::read),
                               .needs_dma_buf = false,
                               .through_cpu_caches = true,
                               .sees_cpu_caches = Answer::yes,
                               .modifiers = {linear_modifier}};
        });
    }
    Result<ImageLayout> settle(const ImageLayout& layout) noexcept override {
        if (layout.modifier != linear_modifier)
            return Error(ErrorKind::incompatible, "the CPU reads linear pixels only");
        return layout;
    }
    Result<Recipe> attempt(Memory& memory, const ImageLayout&) noexcept override {
        if (auto mapped = try_mapping(memory); !mapped)
            return std::move(mapped).error();
        return Recipe{.use = "mapping",
                      .once = "nothing: the mapping is kept by the memory",
                      .begin = "Memory::map(): it brackets the access for the caches",
                      .end = "end the Mapping before any device uses the memory"};
    }
    Result<Recipe> attempt_image(const Image& image) noexcept override {
        if (auto given = check_memories(image); !given)
            return std::move(given).error();
        for (std::uint32_t i = 1; i < image.layout.memory_count; ++i)
            if (auto mapped = try_mapping(*image.memory_at(i)); !mapped)
                return std::move(mapped).error();
        return attempt(*image.memory, image.layout);
    }

private:
    Result<void> try_mapping(Memory& memory) const noexcept {
        auto mapping = memory.map(access_);
        if (!mapping)
            return std::move(mapping).error();
        // One byte at each end: a mapping that faults is none.
        const volatile std::uint8_t* bytes = mapping->data();
        if (mapping->size() > 0 && has(access_, MapFlags::read))
            (void)bytes[0], (void)bytes[mapping->size() - 1];
        return mapping->unmap();
    }

    MapFlags access_;
};

} // namespace

Result<ParticipantRef> cpu_participant(MapFlags access) noexcept {
    access = access & MapFlags::readwrite;
    if (access == MapFlags::none)
        return Error(ErrorKind::invalid, "the CPU takes part by reading, writing or both");
    return without_exceptions(
        [&]() -> Result<ParticipantRef> { return ParticipantRef(std::make_shared<Cpu>(access)); });
}

} // namespace hwalloc
