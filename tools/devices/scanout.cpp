#include "tools/devices/scanout.h"

#include <fmt/format.h>

#include <cstring>

#include "hwalloc/image.h"

namespace hwalloc::tools {
namespace {

constexpr std::uint32_t xrgb8888 = fourcc('X', 'R', '2', '4');
// What display engines want of a row's distance: 64 bytes most of them, 256 some. A guess that the card
// judges.
constexpr std::uint32_t pitch_step = 256;

const char* name_of(Scanout::Kind kind) {
    return kind == Scanout::Kind::vulkan ? "vulkan" : kind == Scanout::Kind::drm_dumb ? "drm-dumb" : "copy";
}

} // namespace

const char* Scanout::name() const {
    return name_of(kind_);
}

Result<std::vector<Scanout::Kind>> Scanout::kinds(const std::string& name, bool allow_copy) {
    std::vector<Kind> chosen;
    for (const Kind kind : {Kind::vulkan, Kind::drm_dumb, Kind::copy})
        if (name == name_of(kind) || (name == "auto" && (kind != Kind::copy || allow_copy)))
            chosen.push_back(kind);
    if (chosen.empty())
        return Error(ErrorKind::invalid, "there is no such memory for a display");
    return chosen;
}

Result<Scanout> Scanout::make(const Screen& screen, const vulkan::Device& gpu, std::uint32_t width,
                              std::uint32_t height, unsigned count, std::span<const Kind> kinds) {
    auto card = drm::Device::wrap(screen.fd());
    if (!card)
        return std::move(card).error();
    std::vector<Error> refusals;
    bool copies = false;
    for (const Kind kind : kinds) {
        copies = copies || kind == Kind::copy;
        Scanout scanout(*card, width, height);
        auto filled = scanout.fill(screen, gpu, kind, count);
        // The card may take memory for a framebuffer that its plane then refuses (pitch, place, modifier).
        if (filled)
            filled = screen.accepts(scanout.framebuffer(0));
        if (filled) {
            scanout.passed_over_ = std::move(refusals);
            return scanout;
        }
        refusals.push_back(std::move(filled).error());
    }
    Error none = Error(ErrorKind::incompatible, "finding memory for a display")
                     .doing(fmt::format("no memory was found that {} draws into and {} shows", gpu.name(),
                                        screen.driver()))
                     .on(screen.path());
    if (!copies)
        none = std::move(none).remedy("--allow-copy lets the CPU copy each picture, and counts it");
    for (Error& refusal : refusals)
        none = std::move(none).because(std::move(refusal));
    return none;
}

// Memory for a whole screen; it comes zeroed, which is black.
Result<Image> Scanout::allocate(const Screen& screen, vulkan::Device& gpu, Kind kind) {
    if (kind != Kind::vulkan) {
        auto dumb = card_.dumb_allocator();
        if (!dumb)
            return std::move(dumb).error();
        return alloc_image(**dumb, {.fourcc = xrgb8888, .width = screen.width(), .height = screen.height()});
    }
    const std::uint32_t pitch = (4 * screen.width() + pitch_step - 1) / pitch_step * pitch_step;
    auto layout = linear_layout(xrgb8888, screen.width(), screen.height(), pitch);
    if (!layout)
        return std::move(layout).error();
    auto allocator = gpu.allocator(vulkan::Placement::exportable);
    if (!allocator)
        return std::move(allocator).error();
    auto memory = (*allocator)->alloc(static_cast<std::size_t>(layout->memory_sizes[0]));
    if (!memory)
        return std::move(memory).error();
    return Image{std::move(*memory), *layout};
}

Result<void> Scanout::fill(const Screen& screen, const vulkan::Device& gpu, Kind kind, unsigned count) {
    kind_ = kind;
    vulkan::Device device = gpu;
    for (unsigned i = 0; i < count; ++i) {
        auto image = allocate(screen, device, kind);
        if (!image)
            return std::move(image).error();
        const std::uint32_t pitch = image->layout.planes[0].stride;
        if (i > 0 && pitch != pitch_)
            return Error(ErrorKind::incompatible, "two buffers for one screen differ in their pitch");
        pitch_ = pitch;
        offset_ = image->layout.planes[0].offset + std::uint64_t{(screen.height() - height_) / 2} * pitch +
                  std::uint64_t{4} * ((screen.width() - width_) / 2);
        auto framebuffer = card_.framebuffer(*image->memory, image->layout);
        if (!framebuffer)
            return std::move(framebuffer).error();
        if (kind != Kind::copy) {
            auto picture = device.buffer(*image->memory);
            if (!picture)
                return std::move(picture).error();
            pictures_.push_back(std::move(*picture));
        }
        buffers_.push_back({std::move(image->memory), std::move(*framebuffer)});
    }
    draw_pitch_ = pitch_;
    draw_offset_ = offset_;
    return kind == Kind::copy ? draw_apart(device) : Result<void>();
}

Result<void> Scanout::draw_apart(vulkan::Device& gpu) {
    auto allocator = gpu.allocator(vulkan::Placement::host);
    if (!allocator)
        return std::move(allocator).error();
    auto memory = (*allocator)->alloc(row_bytes() * height_);
    if (!memory)
        return std::move(memory).error();
    auto picture = gpu.buffer(**memory);
    if (!picture)
        return std::move(picture).error();
    apart_ = std::move(*memory);
    pictures_.push_back(std::move(*picture));
    draw_pitch_ = static_cast<std::uint32_t>(row_bytes());
    draw_offset_ = 0;
    return {};
}

Result<void> Scanout::drawn(unsigned index) {
    if (kind_ != Kind::copy)
        return {};
    auto source = apart_->map(MapFlags::read);
    if (!source)
        return std::move(source).error();
    auto target = buffers_[index].memory->map(MapFlags::write);
    if (!target)
        return std::move(target).error();
    for (std::uint32_t y = 0; y < height_; ++y)
        std::memcpy(target->data() + offset_ + std::size_t{y} * pitch_, source->data() + y * row_bytes(),
                    row_bytes());
    return target->unmap();
}

Result<void> Scanout::read(unsigned index, std::vector<std::uint8_t>& rgb) const {
    auto mapping = buffers_[index].memory->map(MapFlags::read);
    if (!mapping)
        return std::move(mapping).error();
    rgb.resize(3 * std::size_t{width_} * height_);
    std::uint8_t* to = rgb.data();
    for (std::uint32_t y = 0; y < height_; ++y) {
        const std::uint8_t* from = mapping->data() + offset_ + std::size_t{y} * pitch_;
        for (std::uint32_t x = 0; x < width_; ++x, from += 4)
            for (int channel = 2; channel >= 0; --channel)
                *to++ = from[channel];
    }
    return mapping->unmap();
}

} // namespace hwalloc::tools
