// The public face: an open file of a card, handles and framebuffers on it.
#include <drm.h>
#include <drm_fourcc.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <new>

#include "backends/drm/cards.h"
#include "backends/drm/dumb_allocator.h"
#include "common/checked.h"
#include "common/fixed_text.h"
#include "common/immortal.h"
#include "common/open_files.h"
#include "hwalloc/image.h"

namespace hwalloc::drm {

using detail::File;

// ---- opening

namespace {

Error no_such_card(std::string_view which, const std::vector<detail::Card>& cards) {
    std::string there;
    for (const detail::Card& card : cards)
        there.append(there.empty() ? "" : ", ")
            .append(card.name)
            .append(card.driver.empty() ? "" : " (" + card.driver + ")");
    auto error = Error(ErrorKind::unavailable, "opening a graphics card").on(which);
    if (cards.empty())
        return std::move(error).remedy("there is no graphics card under /dev/dri");
    return std::move(error).remedy("there is no such card, and none with a driver of that name; there is: " +
                                   there);
}

// By what /sys calls the drivers, else by what they call themselves, which takes opening every card.
Result<std::shared_ptr<File>> open_by_driver(std::string_view driver) {
    RefusedListing refused;
    const auto cards = detail::list_cards(refused);
    for (const detail::Card& card : cards)
        if (card.driver == driver || card.short_driver() == driver)
            return File::open(card.node);
    if (refused && cards.empty())
        return refused.error("looking for graphics cards");
    Error error = no_such_card(driver, cards);
    for (const detail::Card& card : cards) {
        auto file = File::open(card.node);
        if (!file)
            error = std::move(error).because(std::move(file).error());
        else if ((*file)->driver == driver)
            return file;
    }
    if (refused)
        error = std::move(error).because(refused.error("looking for graphics cards"));
    return error;
}

} // namespace

Device::Device(std::shared_ptr<File> file) noexcept : file_(std::move(file)) {}

Result<Device> Device::open(std::string_view which) noexcept {
    return without_exceptions([&]() -> Result<Device> {
        auto file = which.starts_with('/') ? File::open(std::string(which))
                    : detail::is_card(which)
                        ? File::open(std::string(detail::node_directory) + "/" + std::string(which))
                        : open_by_driver(which);
        if (!file)
            return std::move(file).error();
        return Device(std::move(*file));
    });
}

Result<Device> Device::wrap(int fd, HandlesOn where) noexcept {
    auto file = where == HandlesOn::given_file ? File::given(fd) : File::reopen(fd);
    if (!file)
        return std::move(file).error();
    return Device(std::move(*file));
}

// ---- what it is

namespace {
HWALLOC_IMMORTAL(std::string, no_name);

Error moved_from() noexcept {
    return {ErrorKind::invalid, "the Device of the card was moved from"};
}
} // namespace

int Device::fd() const noexcept {
    return file_ ? file_->fd.get() : -1;
}
const std::string& Device::driver() const noexcept {
    return file_ ? file_->driver : *no_name;
}
const std::string& Device::node() const noexcept {
    return file_ ? file_->node : *no_name;
}

Result<AllocatorRef> Device::dumb_allocator() noexcept {
    if (!file_)
        return moved_from();
    return without_exceptions(
        [&]() -> Result<AllocatorRef> { return AllocatorRef::adopt(new detail::DumbAllocator(file_)); });
}

// ---- memory on it

Result<GemHandle> Device::gem_handle(Memory& memory) noexcept {
    if (!file_)
        return moved_from();
    auto* own = memory.block().extension<detail::HasGemHandle>();
    if (own)
        if (GemHandle handle = own->gem_handle_on(*file_))
            return handle;
    auto lent = borrow_fd(memory, FdKind::dmabuf);
    if (!lent)
        return std::move(lent).error().doing("giving memory to a graphics card").on(file_->node);
    auto handle = file_->import(lent->fd, own ? own->maker() : nullptr);
    if (!handle)
        return std::move(handle).error().wanted(memory.maxsize());
    return handle;
}

Result<GemHandle> Device::adopt_handle(std::uint32_t handle) noexcept {
    return file_ ? file_->adopt(handle) : moved_from();
}

namespace {

Error bad_layout(ErrorKind kind, const char* what) noexcept {
    return {kind, what};
}

// A memory of a picture: its window begins `begin` bytes into the buffer.
struct Held {
    std::uint64_t size = 0;
    std::size_t begin = 0;
    std::uint32_t handle = 0;
};

// Fills in the planes.
Result<void> lay_planes(drm_mode_fb_cmd2& request, std::span<const Held> memories,
                        const ImageLayout& layout) noexcept {
    if (layout.fourcc == 0 || layout.width == 0 || layout.height == 0 || layout.plane_count == 0 ||
        layout.plane_count > ImageLayout::max_planes)
        return bad_layout(ErrorKind::invalid,
                          "a framebuffer needs pixels: a format, a size and at least one plane");
    for (std::uint32_t i = 0; i < layout.plane_count; ++i) {
        const ImagePlane& plane = layout.planes[i];
        if (plane.memory >= memories.size())
            return bad_layout(
                ErrorKind::invalid,
                "a framebuffer needs the memories of all planes: a picture in several is an Image");
        const Held& memory = memories[plane.memory];
        std::uint64_t end;
        if (!checked_add(plane.offset, plane.size, end) || end > memory.size)
            return Error(ErrorKind::invalid, "a plane of the picture lies outside the memory")
                .wanted(end)
                .held(memory.size);
        if (memory.begin + plane.offset > std::numeric_limits<std::uint32_t>::max())
            return bad_layout(ErrorKind::limit, "the offset of a plane does not fit");
        request.handles[i] = memory.handle;
        request.pitches[i] = plane.stride;
        request.offsets[i] = static_cast<std::uint32_t>(memory.begin + plane.offset);
        request.modifier[i] = layout.modifier;
    }
    request.width = layout.width;
    request.height = layout.height;
    request.pixel_format = layout.fourcc;
    return {};
}

Error framebuffer_refused(const File& file, int answer, const drm_mode_fb_cmd2& request,
                          const ImageLayout& layout) noexcept try {
    const auto explained = [&](Error&& error, const char* remedy) {
        FixedText what("making a framebuffer of ", layout.width, "x", layout.height, " ");
        what.append(fourcc_name(layout.fourcc)).append(" with a pitch of ").append(layout.planes[0].stride);
        what.append(" bytes and modifier 0x").append(layout.modifier, 16);
        return std::move(error).doing(what).remedy(remedy);
    };
    constexpr const char* call_name = "MODE_ADDFB2";
    constexpr const char* doing = "making a framebuffer";
    switch (-answer) {
    case EOPNOTSUPP:
    case ENOSYS:
        return explained(file.refused(ErrorKind::unsupported, answer, call_name, doing),
                         "this card has no screens, or its driver sets no modes");
    case EACCES:
        return explained(file.refused(ErrorKind::permission, answer, call_name, doing),
                         "framebuffers are made on the primary node (/dev/dri/cardN), not on a render node");
    case ENOENT: // also virtio_gpu's word for a format
        if (const int gone = file.look_up(request.handles[0]); gone < 0 && !is_too_many_files(gone))
            return explained(
                file.refused(ErrorKind::invalid, answer, call_name, doing),
                "another closed the memory's GEM handle on this open file: whoever imports on it too does "
                "so by gem_handle(), or tells its handles by adopt_handle()");
        [[fallthrough]];
    case EINVAL:
    case ERANGE:
        return explained(
            file.refused(ErrorKind::incompatible, answer, call_name, doing),
            "the driver cannot show this format, size, pitch or modifier; its planes tell what they can "
            "(drm_info, modetest -p)");
    default:
        return file.refused(answer, call_name, doing);
    }
} catch (const std::bad_alloc&) {
    return file.refused(answer, "MODE_ADDFB2", "making a framebuffer");
}

// The linear modifier is given where the driver knows modifiers. Where its planes do not list it, a
// framebuffer without a modifier is taken to be linear all the same.
int add_framebuffer(File& file, drm_mode_fb_cmd2& request, std::uint64_t modifier) noexcept {
    if (modifier != DRM_FORMAT_MOD_INVALID && file.knows_modifiers()) {
        request.flags = DRM_MODE_FB_MODIFIERS;
        const int done = file.call(DRM_IOCTL_MODE_ADDFB2, &request);
        if (done != -EINVAL || modifier != DRM_FORMAT_MOD_LINEAR)
            return done;
        request.flags = 0;
    }
    std::fill(std::begin(request.modifier), std::end(request.modifier), 0);
    return file.call(DRM_IOCTL_MODE_ADDFB2, &request);
}

} // namespace

Result<Framebuffer> Device::framebuffer(Memory& memory, const ImageLayout& layout) noexcept {
    Memory* const only = &memory;
    return framebuffer_of({&only, 1}, layout);
}

Result<Framebuffer> Device::framebuffer(const Image& image) noexcept {
    if (auto given = check_memories(image); !given)
        return std::move(given).error();
    std::array<Memory*, ImageLayout::max_planes> all{};
    for (std::uint32_t i = 0; i < image.layout.memory_count; ++i)
        all[i] = image.memory_at(i).get();
    return framebuffer_of({all.data(), image.layout.memory_count}, image.layout);
}

Result<Framebuffer> Device::framebuffer_of(std::span<Memory* const> memories,
                                           const ImageLayout& layout) noexcept {
    if (!file_)
        return moved_from();
    if (layout.modifier != DRM_FORMAT_MOD_LINEAR && layout.modifier != DRM_FORMAT_MOD_INVALID &&
        !file_->knows_modifiers())
        return Error(ErrorKind::unsupported, "making a framebuffer")
            .on(file_->node)
            .remedy("the driver knows no modifiers: only linear pictures can be shown");
    Framebuffer framebuffer;
    std::array<Held, ImageLayout::max_planes> held{};
    for (std::size_t i = 0; i < memories.size(); ++i) {
        Memory& memory = *memories[i];
        auto kept = memory.ref();
        if (!kept)
            return std::move(kept).error();
        auto lent = borrow_fd(memory, FdKind::dmabuf);
        if (!lent)
            return std::move(lent).error().doing("giving memory to a graphics card").on(file_->node);
        auto handle = gem_handle(memory);
        if (!handle)
            return std::move(handle).error();
        held[i] = {memory.size(), lent->offset, handle->value()};
        framebuffer.memories_[i] = std::move(*kept);
        framebuffer.handles_[i] = std::move(*handle);
    }
    drm_mode_fb_cmd2 request{};
    if (auto laid = lay_planes(request, {held.data(), memories.size()}, layout); !laid)
        return std::move(laid).error();
    if (const int done = add_framebuffer(*file_, request, layout.modifier); done < 0)
        return framebuffer_refused(*file_, done, request, layout);
    framebuffer.file_ = file_;
    framebuffer.id_ = request.fb_id;
    return framebuffer;
}

void Framebuffer::reset() noexcept {
    if (std::uint32_t id = std::exchange(id_, 0); id != 0 && file_->of_this_process())
        file_->call(DRM_IOCTL_MODE_RMFB, &id);
    for (GemHandle& handle : handles_)
        handle.reset();
    for (MemoryRef& memory : memories_)
        memory.reset();
    file_.reset();
}

} // namespace hwalloc::drm
