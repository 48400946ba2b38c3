// Frames that go back by themselves, and their bytes.
#include <utility>

#include "backends/v4l2/session.h"

namespace hwalloc::v4l2 {

Result<HeldFrame> Camera::take(int timeout_ms) noexcept {
    auto frame = dequeue(timeout_ms);
    if (!frame)
        return std::move(frame).error();
    return HeldFrame(session_, *frame);
}

Result<MappedFrame> Camera::map(const Frame& frame, std::uint32_t which) const noexcept {
    if (!session_)
        return Error(ErrorKind::invalid, "the application does not hold this frame");
    return session_->map(frame, which);
}

Result<MappedFrame> detail::Session::map(const Frame& frame, std::uint32_t which) const noexcept {
    if (!application_holds(frame.index))
        return Error(ErrorKind::invalid, "the application does not hold this frame");
    const Slot& slot = slots[frame.index];
    if (which >= slot.count)
        return error(ErrorKind::invalid,
                     FixedText("mapping memory ", which, " of a frame that has ", slot.count));
    auto mapping = slot.memories[which]->map(MapFlags::read);
    if (!mapping)
        return std::move(mapping).error();
    const FramePart part = frame.part(which);
    if (part.offset > mapping->size() || part.bytes_used > mapping->size() - part.offset)
        return error(ErrorKind::incompatible, "the driver says that a frame is larger than its memory")
            .wanted(part.offset + part.bytes_used)
            .held(mapping->size());
    // Both fit into the mapping, and so into std::size_t.
    const std::span<const std::uint8_t> bytes =
        std::span<const std::uint8_t>(mapping->bytes())
            .subspan(static_cast<std::size_t>(part.offset), static_cast<std::size_t>(part.bytes_used));
    return MappedFrame{*std::move(mapping), bytes};
}

HeldFrame::HeldFrame(std::shared_ptr<Session> session, const Frame& frame) noexcept
    : session_(std::move(session)), binding_(session_->bindings), frame_(frame) {}

HeldFrame::HeldFrame(HeldFrame&& other) noexcept = default; // a shared_ptr that was moved from is null

HeldFrame& HeldFrame::operator=(HeldFrame&& other) noexcept {
    if (this != &other) {
        (void)queue();
        session_ = std::move(other.session_);
        binding_ = other.binding_;
        frame_ = other.frame_;
    }
    return *this;
}

HeldFrame::~HeldFrame() {
    (void)queue();
}

Memory* HeldFrame::memory(std::uint32_t which) const noexcept {
    // Its index may be another memory's by now.
    const bool has_it =
        session_ && session_->bindings == binding_ && session_->application_holds(frame_.index);
    return has_it ? session_->slots[frame_.index].memory_at(which) : nullptr;
}

Result<MappedFrame> HeldFrame::map(std::uint32_t which) const noexcept {
    if (!memory())
        return Error(ErrorKind::invalid, "the frame was given back, or the camera's memory let go");
    return session_->map(frame_, which);
}

Result<void> HeldFrame::queue() noexcept {
    if (!memory())
        return Error(ErrorKind::invalid, "the frame was given back, or the camera's memory let go");
    auto done = session_->requeue(frame_.index);
    if (done)
        session_.reset();
    return done;
}

} // namespace hwalloc::v4l2
