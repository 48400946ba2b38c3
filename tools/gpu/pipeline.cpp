#include "tools/gpu/pipeline.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "tools/capture/format_options.h"

namespace hwalloc::tools {
namespace {

// The formats that most cameras have first, as they are the fastest; then the table's others.
std::vector<std::uint32_t> list_formats() {
    std::vector<std::uint32_t> formats{fourcc('Y', 'U', 'Y', 'V'), fourcc('U', 'Y', 'V', 'Y'),
                                       fourcc('N', 'V', '1', '2'), fourcc('G', 'R', 'E', 'Y')};
    for (const PixelFormat& format : pixel_formats())
        if (format.v4l2 && format.drm && converts(format) &&
            std::find(formats.begin(), formats.end(), format.v4l2.code) == formats.end())
            formats.push_back(format.v4l2.code);
    for (const PixelFormat& format : pixel_formats())
        if (format.v4l2_memory_per_plane && format.drm && converts(format))
            formats.push_back(format.v4l2_memory_per_plane);
    return formats;
}

// Dma-bufs that the device has imported, whoever asked for it.
std::uint32_t imports_of(const vulkan::Device& device) {
    auto heaps = device.heaps();
    std::uint32_t imports = 0;
    if (heaps)
        for (const vulkan::HeapStatistics& heap : *heaps)
            imports += heap.imports;
    return imports;
}

} // namespace

std::span<const std::uint32_t> Pipeline::formats() {
    static const std::vector<std::uint32_t> formats = list_formats();
    return formats;
}

Result<void> Pipeline::set_format(const v4l2::CaptureFormat& format) {
    auto conversion = make_conversion(format.layout);
    if (!conversion && conversion.error().kind() == ErrorKind::unsupported) // in the word that --format takes
        return Error(conversion.error())
            .doing(fmt::format("converting frames of {} on the GPU", format_name(format.pixel_format)))
            .on(device_.name());
    if (!conversion)
        return Error(conversion.error()).on(device_.name());
    layout_ = format.layout;
    return {};
}

// The shader reads whole words.
std::uint64_t Pipeline::memory_size(std::uint32_t which) const {
    return (layout_.memory_sizes[which] + 3) / 4 * 4;
}

std::uint64_t Pipeline::most_bytes() const {
    VkPhysicalDeviceProperties properties{};
    vkGetPhysicalDeviceProperties(device_.physical_device(), &properties);
    return std::min<std::uint64_t>(properties.limits.maxStorageBufferRange, most_bytes_converted);
}

Result<void> Pipeline::bind(std::span<const MemoryRef> memories, const Target& target) {
    unbind();
    auto bound = import(memories, target);
    if (!bound)
        unbind();
    return bound;
}

void Pipeline::unbind() {
    converter_.reset();
    cameras_.clear();
    pictures_.clear();
}

Result<void> Pipeline::import(std::span<const MemoryRef> memories, const Target& target) {
    const std::uint32_t each = layout_.memory_count;
    auto converter =
        Converter::make(device_, layout_, target.order, target.pitch,
                        static_cast<std::uint32_t>(memories.size() / each * target.buffers.size()));
    if (!converter)
        return std::move(converter).error();
    converter_.emplace(std::move(*converter));
    pictures_.assign(target.buffers.begin(), target.buffers.end());
    picture_offset_ = target.offset;
    const std::uint32_t before = imports_of(device_);
    for (std::size_t i = 0; i + each <= memories.size(); i += each) {
        Converter::Source& camera = cameras_.emplace_back();
        for (std::uint32_t which = 0; which < each; ++which) {
            auto buffer = device_.buffer(*memories[i + which]);
            if (!buffer)
                return std::move(buffer).error();
            camera.memories[which] = std::move(*buffer);
        }
        if (auto ready = prepare(static_cast<std::uint32_t>(cameras_.size() - 1)); !ready)
            return ready;
    }
    imports_ = imports_of(device_) - before;
    auto rehearsed = converter_->run(0);
    if (!rehearsed)
        return std::move(rehearsed).error();
    return {};
}

Result<void> Pipeline::prepare(std::uint32_t camera) {
    const auto count = static_cast<std::uint32_t>(pictures_.size());
    for (std::uint32_t picture = 0; picture < count; ++picture)
        if (auto ready = converter_->prepare(camera * count + picture, cameras_[camera], pictures_[picture],
                                             picture_offset_);
            !ready)
            return ready;
    return {};
}

Result<void> Pipeline::run(const v4l2::Frame& frame, std::uint32_t picture) {
    // Some drivers place the image behind a header, always at the same distance.
    Converter::Source& camera = cameras_[frame.index];
    const auto before = camera.offsets;
    for (std::uint32_t i = 0; i < layout_.memory_count; ++i)
        camera.offsets[i] = frame.part(i).offset;
    if (camera.offsets != before)
        if (auto ready = prepare(frame.index); !ready) {
            camera.offsets = before; // so the next frame is prepared for again
            return ready;
        }
    auto times = converter_->run(frame.index * static_cast<std::uint32_t>(pictures_.size()) + picture);
    if (!times)
        return std::move(times).error();
    ++frames_;
    wait_ns_ += times->wait_ns;
    if (times->gpu_ns)
        gpu_ns_.add(*times->gpu_ns);
    return {};
}

double Pipeline::wait_us() const {
    return static_cast<double>(wait_ns_) / 1000.0 / static_cast<double>(frames_);
}

void Pipeline::report(Json& document) const {
    const auto or_null = [](const std::optional<double>& number) { return number ? Json(*number) : Json(); };
    const Samples::Percentiles gpu = gpu_ns_.percentiles();
    document["gpu"] = device_.name();
    document["gpu_imports"] = imports_;
    document["gpu_us"] = {{"p50", or_null(gpu.p50)}, {"p99", or_null(gpu.p99)}};
    document["wait_us"] = frames_ ? Json(wait_us()) : Json();
}

std::string Pipeline::summary() const {
    const Samples::Percentiles gpu = gpu_ns_.percentiles();
    std::string text = fmt::format("converted by {}; {} of {} buffers imported", device_.name(), imports_,
                                   cameras_.size() * layout_.memory_count);
    if (gpu.p50)
        text += fmt::format("; {:.0f} us (p50), {:.0f} us (p99) on the GPU", *gpu.p50, *gpu.p99);
    if (frames_)
        text += fmt::format("; waited for {:.0f} us a frame", wait_us());
    return text;
}

} // namespace hwalloc::tools
