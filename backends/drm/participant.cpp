// A card as a participant of plans: it imports memory, and may show it.
#include "backends/drm/cards.h"
#include "common/kernel.h"
#include "common/without_exceptions.h"
#include "hwalloc/drm.h"
#include "hwalloc/image.h"

namespace hwalloc::drm {
namespace {

constexpr Recipe as_handle{.use = "GEM handle",
                           .once = "drm::Device::gem_handle(): one import for each buffer, counted",
                           .begin =
                               "nothing: the driver waits for the fences in the dma-buf, where there are any",
                           .end = "wait for the driver's own fence before another device writes the memory"};
constexpr Recipe as_framebuffer{
    .use = "framebuffer",
    .once = "drm::Device::framebuffer() with the plan's layout; its id() is for the file that sets the mode",
    .begin = "finish writing (a GPU's fence, or IN_FENCE_FD), then flip to the framebuffer",
    .end = "reuse the memory when the flip to the next one has been told: until then it is on the screen"};

class Card final : public Participant {
public:
    Card(const Device& device, CardUse use)
        : device_(device)
        , use_(use)
        , name_((use == CardUse::framebuffer ? "screen of " : "card ") + device.node() + " (" +
                device.driver() + ")")
        , key_("drm " + name_) {}

    std::string_view name() const noexcept override { return name_; }
    std::string_view cache_key() const noexcept override { return key_; }

    std::vector<AllocatorRef> own_allocators() noexcept override {
        try {
            struct stat node {};
            (void)kernel.fstat(device_.fd(), &node);
            if (const std::string name = detail::allocator_name_of(node.st_rdev); !name.empty())
                if (Allocator* registered = Allocator::find(name))
                    return {AllocatorRef(registered)};
            if (auto own = device_.dumb_allocator())
                return {*own};
        } catch (const std::bad_alloc&) {
            // Nothing brought: other memory is tried.
        }
        return {};
    }

    // What a plane can show beyond linear pixels is known to whoever sets the mode; a format that the driver
    // cannot show is told by the trial.
    Result<Constraints> ask(const ImageSpec& image) noexcept override {
        if (use_ == CardUse::framebuffer && !image.pixels())
            return Error(ErrorKind::unsupported, "a screen shows pixels: the plan needs a format and a size")
                .on(name_);
        return without_exceptions([&]() -> Result<Constraints> {
            struct stat node {};
            (void)kernel.fstat(device_.fd(), &node);
            Constraints needs{.contiguous = Answer::unknown,
                              .sees_cpu_caches = sees_cpu_caches(node.st_rdev)};
            if (image.pixels())
                needs.modifiers = {linear_modifier};
            return needs;
        });
    }

    Result<Recipe> attempt(Memory& memory, const ImageLayout& layout) noexcept override {
        if (use_ == CardUse::framebuffer) {
            auto framebuffer = device_.framebuffer(memory, layout);
            if (!framebuffer)
                return std::move(framebuffer).error();
            return as_framebuffer;
        }
        auto handle = device_.gem_handle(memory);
        if (!handle)
            return std::move(handle).error();
        return as_handle;
    }

    Result<Recipe> attempt_image(const Image& image) noexcept override {
        if (auto given = check_memories(image); !given)
            return std::move(given).error();
        if (use_ == CardUse::framebuffer) {
            auto framebuffer = device_.framebuffer(image);
            if (!framebuffer)
                return std::move(framebuffer).error();
            return as_framebuffer;
        }
        for (std::uint32_t i = 0; i < image.layout.memory_count; ++i)
            if (auto handle = device_.gem_handle(image.memory_at(i)); !handle)
                return std::move(handle).error();
        return as_handle;
    }

private:
    Device device_;
    CardUse use_;
    std::string name_, key_;
};

} // namespace

Result<ParticipantRef> participant(const Device& device, CardUse use) noexcept {
    if (device.fd() < 0)
        return Error(ErrorKind::invalid, "the Device of the card was moved from");
    return without_exceptions(
        [&]() -> Result<ParticipantRef> { return ParticipantRef(std::make_shared<Card>(device, use)); });
}

} // namespace hwalloc::drm
