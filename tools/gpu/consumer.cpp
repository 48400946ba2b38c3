#include "tools/gpu/consumer.h"

#include <fmt/format.h>

#include <optional>

#include "hwalloc/vulkan.h"
#include "tools/capture/samples.h"
#include "tools/gpu/converter.h"

namespace hwalloc::tools {
namespace {

constexpr std::uint32_t known_formats[] = {fourcc('Y', 'U', 'Y', 'V'), fourcc('U', 'Y', 'V', 'Y'),
                                           fourcc('N', 'V', '1', '2'), fourcc('G', 'R', 'E', 'Y')};

// All frames go into one picture, in memory that the CPU can read: the GPU is waited for after each anyway.
class GpuConsumer final : public FrameConsumer {
public:
    GpuConsumer(vulkan::Device device, std::uint64_t frames) : device_(std::move(device)), gpu_ns_(frames) {}

    std::span<const std::uint32_t> formats() const override { return known_formats; }

    Result<void> set_format(const v4l2::CaptureFormat& format) override {
        auto conversion = make_conversion(format.layout);
        if (!conversion)
            return Error(conversion.error()).on(device_.name());
        layout_ = format.layout;
        return {};
    }

    // The shader reads whole words.
    std::uint64_t memory_size() const override { return (layout_.memory_sizes[0] + 3) / 4 * 4; }

    Result<void> bind(std::span<const MemoryRef> memories) override {
        unbind();
        auto bound = import(memories);
        if (!bound)
            unbind();
        return bound;
    }

    void unbind() override {
        converter_.reset();
        cameras_.clear();
        offsets_.clear();
    }

    Result<void> take(const v4l2::Frame& frame) override {
        // Some drivers place the image behind a header, always at the same distance.
        if (frame.offset != offsets_[frame.index]) {
            if (auto ready = converter_->prepare(frame.index, cameras_[frame.index], picture_, frame.offset);
                !ready)
                return ready;
            offsets_[frame.index] = frame.offset;
        }
        auto times = converter_->run(frame.index);
        if (!times)
            return std::move(times).error();
        ++frames_;
        wait_ns_ += times->wait_ns;
        if (times->gpu_ns)
            gpu_ns_.add(*times->gpu_ns);
        return {};
    }

    Result<void> finish() override { return {}; }

    Result<void> picture(std::vector<std::uint8_t>& rgb) override {
        if (frames_ == 0)
            return Error(ErrorKind::unavailable, "the GPU made no picture, for lack of a frame");
        auto mapping = picture_memory_->map(MapFlags::read);
        if (!mapping)
            return std::move(mapping).error();
        const std::size_t pixels = std::size_t{layout_.width} * layout_.height;
        rgb.resize(3 * pixels);
        for (std::size_t i = 0; i < pixels; ++i)
            for (std::size_t channel = 0; channel < 3; ++channel)
                rgb[3 * i + channel] = mapping->data()[4 * i + channel];
        return mapping->unmap();
    }

    std::uint64_t copies() const override { return 0; }

    void report(Json& document) const override {
        const auto or_null = [](const std::optional<double>& number) {
            return number ? Json(*number) : Json();
        };
        const Samples::Percentiles gpu = gpu_ns_.percentiles();
        document["gpu"] = device_.name();
        document["gpu_imports"] = imports_;
        document["gpu_us"] = {{"p50", or_null(gpu.p50)}, {"p99", or_null(gpu.p99)}};
        document["wait_us"] = frames_ ? Json(wait_us()) : Json();
    }

    std::string summary() const override {
        const Samples::Percentiles gpu = gpu_ns_.percentiles();
        std::string text = fmt::format("converted by {}; {} of {} buffers imported", device_.name(), imports_,
                                       cameras_.size());
        if (gpu.p50)
            text += fmt::format("; {:.0f} us (p50), {:.0f} us (p99) on the GPU", *gpu.p50, *gpu.p99);
        if (frames_)
            text += fmt::format("; waited for {:.0f} us a frame", wait_us());
        return text;
    }

private:
    double wait_us() const { return static_cast<double>(wait_ns_) / 1000.0 / static_cast<double>(frames_); }

    Result<void> import(std::span<const MemoryRef> memories) {
        auto converter = Converter::make(device_, layout_, PixelOrder::rgba, 0,
                                         static_cast<std::uint32_t>(memories.size()));
        if (!converter)
            return std::move(converter).error();
        converter_.emplace(std::move(*converter));
        if (!picture_) {
            auto allocator = device_.allocator(vulkan::Placement::host);
            if (!allocator)
                return std::move(allocator).error();
            auto memory = (*allocator)->alloc(converter_->picture_bytes());
            if (!memory)
                return std::move(memory).error();
            auto buffer = device_.buffer(**memory);
            if (!buffer)
                return std::move(buffer).error();
            picture_memory_ = std::move(*memory);
            picture_ = std::move(*buffer);
        }
        imports_ = 0;
        for (const MemoryRef& memory : memories) {
            auto camera = device_.buffer(*memory);
            if (!camera)
                return std::move(camera).error();
            const auto index = static_cast<std::uint32_t>(cameras_.size());
            if (auto ready = converter_->prepare(index, *camera, picture_); !ready)
                return ready;
            imports_ += camera->foreign() ? 1u : 0u;
            cameras_.push_back(std::move(*camera));
            offsets_.push_back(0);
        }
        // Drivers compile shaders at their first use: not while frames wait.
        auto rehearsed = converter_->run(0);
        if (!rehearsed)
            return std::move(rehearsed).error();
        return {};
    }

    vulkan::Device device_;
    ImageLayout layout_;
    MemoryRef picture_memory_;
    vulkan::Buffer picture_;
    std::vector<vulkan::Buffer> cameras_;
    std::vector<std::uint64_t> offsets_; // of the image in each memory, as its slot was prepared
    std::optional<Converter> converter_;
    std::uint32_t imports_ = 0;
    std::uint64_t frames_ = 0;
    std::int64_t wait_ns_ = 0;
    Samples gpu_ns_;
};

} // namespace

Result<std::unique_ptr<FrameConsumer>> open_gpu(const ConsumerRequest& request) {
    auto device = vulkan::Device::open(request.gpu);
    if (!device)
        return std::move(device).error();
    return std::unique_ptr<FrameConsumer>(std::make_unique<GpuConsumer>(std::move(*device), request.frames));
}

} // namespace hwalloc::tools
