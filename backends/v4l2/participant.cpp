// A camera, and a device that takes video, as participants of plans: a queue that imports dma-bufs.
#include <algorithm>
#include <array>
#include <cerrno>

#include "backends/v4l2/session.h"
#include "common/dma_buf.h"
#include "common/kernel.h"

namespace hwalloc::v4l2 {
namespace {

constexpr Recipe fills{
    .use = "V4L2 buffer",
    .once = "Camera::negotiate() with the plan's stride, then Camera::bind(): each buffer keeps one index",
    .begin = "Camera::dequeue(): the frame is complete",
    .end = "wait until every other device is done, then Camera::queue(): V4L2 waits for no fence"};
constexpr Recipe takes{
    .use = "V4L2 buffer",
    .once = "VIDIOC_S_FMT with the plan's stride, then VIDIOC_REQBUFS: each buffer keeps one index",
    .begin = "wait until it is written (V4L2 waits for no fence), then VIDIOC_QBUF",
    .end = "VIDIOC_DQBUF: the device has read it"};

class Queue final : public Participant {
public:
    explicit Queue(std::shared_ptr<Session> session)
        : session_(std::move(session))
        , name_((session_->output() ? "output " : "camera ") + session_->info.path + " (" +
                session_->info.card + ")")
        , key_("v4l2 " + std::to_string(session_->node->device) + " " + session_->info.bus + " " + name_) {}

    std::string_view name() const noexcept override { return name_; }
    std::string_view cache_key() const noexcept override { return key_; }

    // The camera's own buffers, by the name of its node: the path may be a link.
    std::vector<AllocatorRef> brings() noexcept override {
        if (session_->output())
            return {};
        std::array<char, 256> node;
        const FixedText link("/proc/self/fd/", session_->fd.get());
        const ssize_t length = kernel.readlink(link.c_str(), node.data(), node.size());
        if (length <= 0)
            return {};
        const std::string_view path(node.data(), static_cast<std::size_t>(length));
        Allocator* own = Allocator::find(FixedText("v4l2/", path.substr(path.rfind('/') + 1)).view());
        try {
            return own ? std::vector{AllocatorRef(own)} : std::vector<AllocatorRef>();
        } catch (const std::bad_alloc&) {
            return {};
        }
    }

    Result<Constraints> ask(const ImageSpec& image) noexcept override {
        return without_exceptions([&]() -> Result<Constraints> {
            if (auto can = session_->imports_dma_bufs("sharing memory"); !can)
                return std::move(can).error();
            auto format =
                propose(VIDIOC_TRY_FMT, "VIDIOC_TRY_FMT", image.fourcc, image.width, image.height, 0);
            if (!format)
                return std::move(format).error();
            Constraints needs{.min_size = format->layout.memory_sizes[0], .contiguous = Answer::unknown};
            if (image.pixels()) {
                needs.modifiers = {0}; // V4L2 knows linear pixels only
                needs.pitch_min = format->layout.planes[0].stride;
            }
            return needs;
        });
    }

    Result<ImageLayout> settle(const ImageLayout& layout) noexcept override {
        return without_exceptions([&]() -> Result<ImageLayout> {
            if (layout.fourcc == 0)
                return layout; // ask() has told the size
            if (layout.modifier != 0)
                return session_->wrong(ErrorKind::incompatible, "V4L2 knows linear pixels only");
            auto format = propose(VIDIOC_TRY_FMT, "VIDIOC_TRY_FMT", layout.fourcc, layout.width,
                                  layout.height, layout.planes[0].stride);
            if (!format)
                return std::move(format).error();
            ImageLayout& own = format->layout;
            own.memory_sizes[0] = std::max(own.memory_sizes[0], layout.memory_sizes[0]);
            if (layout.matrix != ColorMatrix::unspecified) // whoever said it first
                own.matrix = layout.matrix, own.range = layout.range;
            return own;
        });
    }

    Result<Recipe> attempt(Memory& memory, const ImageLayout& layout) noexcept override {
        return without_exceptions([&]() -> Result<Recipe> {
            const std::lock_guard guard(session_->node->queue);
            Session& session = *session_;
            if (!session.slots.empty())
                return session.wrong(ErrorKind::busy, "trying memory: the queue holds bound buffers");
            // Restored at the end: a plan changes nothing.
            const std::uint32_t reserved = session.reserved;
            if (const int answer = session.release_buffers(); answer < 0)
                return session.refused(answer, "VIDIOC_REQBUFS", doing);
            v4l2_format before{};
            before.type = session.type;
            if (const int answer = session.call(VIDIOC_G_FMT, &before); answer < 0)
                return session.refused(answer, "VIDIOC_G_FMT", doing);
            auto tried = import_once(memory, layout);
            (void)session.call(VIDIOC_S_FMT, &before);
            if (std::uint32_t again = reserved; again > 0 && session.request_buffers(again) >= 0)
                session.reserved = again;
            return tried;
        });
    }

private:
    static constexpr const char* doing = "trying memory";

    // For bytes: the format that there is.
    Result<CaptureFormat> propose(unsigned long call_number, const char* call_name, std::uint32_t drm_fourcc,
                                  std::uint32_t width, std::uint32_t height, std::uint32_t stride) {
        if (drm_fourcc == 0)
            return session_->propose(call_number, call_name, {});
        return session_->propose_pixels(call_number, call_name, drm_fourcc, width, height, stride);
    }

    Result<Recipe> import_once(Memory& memory, const ImageLayout& layout) {
        Session& session = *session_;
        auto format = propose(VIDIOC_S_FMT, "VIDIOC_S_FMT", layout.fourcc, layout.width, layout.height,
                              layout.planes[0].stride);
        if (!format)
            return std::move(format).error();
        if (layout.fourcc != 0 && format->layout.planes != layout.planes)
            return session
                .wrong(ErrorKind::incompatible,
                       FixedText(doing, ": the driver wants a stride of ", format->layout.planes[0].stride,
                                 " bytes, not ", layout.planes[0].stride))
                .call("VIDIOC_S_FMT");
        const std::uint64_t wanted = format->layout.memory_sizes[0];
        auto lent = session.lend(memory, wanted, doing);
        if (!lent)
            return std::move(lent).error();
        std::uint32_t count = 1;
        if (const int answer = session.request_buffers(count); answer < 0)
            return answer == -EINVAL
                       ? session.refused(ErrorKind::unsupported, answer, "VIDIOC_REQBUFS", doing)
                             .remedy("this driver cannot import dma-bufs")
                       : session.refused(answer, "VIDIOC_REQBUFS", doing);
        session.reserved = count;
        const int answer = session.queue_dma_buf(0, lent->fd, wanted);
        const int released = session.release_buffers();
        if (answer < 0)
            return not_queued(answer, wanted, lent->size, dma_buf::exporter_of(lent->fd));
        if (released < 0)
            return session.refused(released, "VIDIOC_REQBUFS", doing);
        return session.output() ? takes : fills;
    }

    // The size is right, so the memory is at fault.
    Error not_queued(int answer, std::uint64_t wanted, std::uint64_t held, std::string_view exporter) const {
        if (answer != -EFAULT && answer != -EINVAL && answer != -ENOSYS && answer != -EOPNOTSUPP)
            return session_->refused(answer, "VIDIOC_QBUF", doing).wanted(wanted).held(held);
        return session_->refused(ErrorKind::incompatible, answer, "VIDIOC_QBUF", doing)
            .wanted(wanted)
            .held(held)
            .remedy(answer == -EFAULT
                        ? FixedText("the device cannot reach this memory: it is not contiguous, lies beyond "
                                    "the device's addresses, or cannot be mapped for it")
                        : FixedText("whoever made this memory (", exporter.empty() ? "unknown" : exporter,
                                    ") lets no such device have it, or the device cannot map it"));
    }

    std::shared_ptr<Session> session_;
    std::string name_, key_;
};

} // namespace

Result<ParticipantRef> capture_participant(Camera& camera) noexcept {
    return without_exceptions([&]() -> Result<ParticipantRef> {
        if (!camera.session_)
            return Error(ErrorKind::invalid, "the camera is closed");
        return ParticipantRef(std::make_shared<Queue>(camera.session_));
    });
}

Result<ParticipantRef> output_participant(const std::string& path) noexcept {
    return without_exceptions([&]() -> Result<ParticipantRef> {
        auto session = Session::open(path, ErrorKind::unavailable, detail::Direction::output);
        if (!session)
            return std::move(session).error();
        return ParticipantRef(std::make_shared<Queue>(std::move(*session)));
    });
}

} // namespace hwalloc::v4l2
