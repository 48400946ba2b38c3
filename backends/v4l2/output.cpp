// Sending frames: a queue of a session whose use is Use::output, on which all that does not differ is done as
// for cameras.
#include "hwalloc/v4l2_output.h"

#include <algorithm>
#include <cstring>

#include "backends/v4l2/session.h"

namespace hwalloc::v4l2 {
namespace {

Error no_output() noexcept {
    return Error(ErrorKind::invalid, "the output is closed");
}
Error binds_once() noexcept {
    return Error(ErrorKind::invalid, "memory is bound once, after negotiate(), one buffer at least");
}

} // namespace

// What was queued to be imported, before there is a stream, is given back unsent by STREAMOFF
// (userspace-api/media/v4l/vidioc-streamon.rst), and stays imported.
Result<void> detail::Session::hold_all() noexcept {
    if (!mapped && !is_own)
        if (const int answer = ioctl(VIDIOC_STREAMOFF, &type); answer < 0)
            return refused(answer, "VIDIOC_STREAMOFF", "binding memory");
    for (Slot& slot : slots)
        take_from_driver(slot, Holder::application);
    return {};
}

Result<void> detail::Session::send_copy(std::uint32_t index, std::uint64_t bytes) noexcept {
    const FixedText doing("copying buffer ", index, " into one of the driver's");
    if (!of_this_process()) // the driver's buffers are the parent's, in the child's memory too
        return refused(-ECHILD, "VIDIOC_QBUF", doing);
    if (auto free = check_unmapped(index); !free)
        return free;
    const auto used = used_bytes(bytes);
    for (std::uint32_t which = 0; which < slots[index].count; ++which) {
        const std::span<std::uint8_t> to = mapped->writable(index, which);
        if (used[which] > to.size())
            return error(ErrorKind::invalid, doing).wanted(used[which]).held(to.size());
        auto mapping = slots[index].memories[which]->map(MapFlags::read);
        if (!mapping)
            return std::move(mapping).error();
        std::memcpy(to.data(), mapping->bytes().data(), static_cast<std::size_t>(used[which]));
        if (auto read = mapping->unmap(); !read)
            return read;
    }
    if (const int answer = queue_mapped(index, bytes); answer < 0)
        return refused(answer, "VIDIOC_QBUF", FixedText("sending buffer ", index));
    slots[index].holder = Holder::driver;
    ++copied;
    return {};
}

Output::Output(Camera queue) noexcept : queue_(std::move(queue)) {}
Output::Output(Output&&) noexcept = default;
Output& Output::operator=(Output&&) noexcept = default;
Output::~Output() = default;

Result<Output> Output::open(const std::string& path) noexcept {
    return without_exceptions([&]() -> Result<Output> {
        auto session = Session::open(path, detail::Use::output);
        if (!session)
            return std::move(session).error();
        return Output(Session::queue_of(*std::move(session)));
    });
}

Result<Output> Output::open(const char* path) noexcept {
    if (!path)
        return Error(ErrorKind::invalid, "no output is named");
    return without_exceptions([&]() -> Result<Output> { return open(std::string(path)); });
}

Result<Output> Output::adopt(UniqueFd fd) noexcept {
    return without_exceptions([&]() -> Result<Output> {
        auto session = Session::adopt_for_application(std::move(fd), detail::Use::output);
        if (!session)
            return std::move(session).error();
        return Output(Session::queue_of(*std::move(session)));
    });
}

const DeviceInfo& Output::info() const noexcept {
    return queue_.info();
}
int Output::fd() const noexcept {
    return queue_.fd();
}
Result<std::vector<FormatInfo>> Output::list_formats() noexcept {
    return Session::of(queue_) ? queue_.list_formats() : no_output();
}
Result<CaptureFormat> Output::negotiate(const FormatRequest& request) noexcept {
    return Session::of(queue_) ? queue_.negotiate(request) : no_output();
}
const CaptureFormat* Output::format() const noexcept {
    return queue_.format();
}
std::uint32_t Output::min_buffers() noexcept {
    return queue_.min_buffers();
}
void Output::allow_copies(bool allowed) noexcept {
    queue_.allow_copies(allowed);
}
bool Output::copies_frames() const noexcept {
    return queue_.copies_frames();
}
std::uint64_t Output::copies() const noexcept {
    return queue_.copies();
}
std::uint32_t Output::bound() const noexcept {
    return queue_.bound();
}
Memory* Output::memory(std::uint32_t index, std::uint32_t which) const noexcept {
    return queue_.memory(index, which);
}

Result<void> Output::bind(std::span<const MemoryRef> memories) noexcept {
    const auto session = Session::of(queue_);
    if (!session || !session->format || !session->slots.empty() || memories.empty())
        return binds_once();
    if (auto bound = queue_.bind(memories); !bound)
        return bound;
    auto held = session->hold_all();
    if (held && session->mapped && session->mapped->count() < session->slots.size())
        held = session->error(ErrorKind::limit, FixedText("binding ", memories.size(), " memories"))
                   .call("VIDIOC_REQBUFS")
                   .remedy(FixedText("the driver has ", session->mapped->count(),
                                     " buffers to copy into: bind no more"));
    if (!held)
        (void)queue_.unbind();
    return held;
}

Result<void> Output::bind(std::initializer_list<std::reference_wrapper<const MemoryRef>> memories) noexcept {
    return without_exceptions([&]() -> Result<void> {
        auto handles = Session::handles_on(memories);
        if (!handles)
            return std::move(handles).error();
        return bind(std::span<const MemoryRef>(*handles));
    });
}

Result<std::uint32_t> Output::bind_own(std::uint32_t count) noexcept {
    return without_exceptions([&]() -> Result<std::uint32_t> {
        const auto session = Session::of(queue_);
        if (!session || !session->format || !session->slots.empty() || count == 0)
            return binds_once();
        auto bound = session->bind_own(count);
        if (bound)
            (void)session->hold_all();
        return bound;
    });
}

Result<void> Output::unbind() noexcept {
    return queue_.unbind();
}

Result<void> Output::start() noexcept {
    if (bound() == 0 || Session::of(queue_)->streaming)
        return Error(ErrorKind::invalid, "an output starts when memory is bound and it is not streaming");
    return queue_.start();
}

Result<void> Output::stop() noexcept {
    const auto session = Session::of(queue_);
    if (!session || !session->streaming)
        return Error(ErrorKind::invalid, "the output is not streaming");
    if (auto stopped = queue_.stop(); !stopped)
        return stopped;
    for (Session::Slot& slot : session->slots)
        slot.holder = Session::Holder::application;
    return {};
}

Result<void> Output::queue(std::uint32_t index, std::uint64_t bytes) noexcept {
    const auto session = Session::of(queue_);
    if (!session || !session->application_holds(index))
        return Error(ErrorKind::invalid, "the application does not hold this buffer");
    const std::uint64_t has = session->slots[index].memories[0]->size();
    const std::uint64_t sent = bytes ? bytes : session->image_size();
    if (sent > has)
        return session->error(ErrorKind::invalid, FixedText("sending buffer ", index)).wanted(sent).held(has);
    return session->mapped ? session->send_copy(index, sent) : session->requeue(index, sent);
}

Result<Frame> Output::dequeue(int timeout_ms) noexcept {
    const auto session = Session::of(queue_);
    if (!session || !session->streaming)
        return Error(ErrorKind::invalid, "the output is not streaming");
    return queue_.dequeue(timeout_ms);
}

Result<void> Output::close() noexcept {
    return queue_.close();
}

} // namespace hwalloc::v4l2
