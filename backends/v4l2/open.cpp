// Opening a node, and finding the open file of it that this process has.
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <span>
#include <utility>

#include "backends/v4l2/driver_text.h"
#include "backends/v4l2/session.h"
#include "common/fork_safe_mutex.h"
#include "common/immortal.h"
#include "common/kernel.h"
#include "common/node_access.h"

namespace hwalloc::v4l2 {
namespace {

// What differs between the two uses.
struct Kind {
    std::uint32_t single_planar, multi_planar; // V4L2_CAP_*
    v4l2_buf_type single_type, multi_type;
    const char *missing, *no_streaming;
    NodeAdvice advice;
};
constexpr const char* denied =
    "give a group the node with a udev rule, such as SUBSYSTEM==\"video4linux\", GROUP=\"video\", "
    "MODE=\"0660\"";
constexpr Kind capture{
    V4L2_CAP_VIDEO_CAPTURE,
    V4L2_CAP_VIDEO_CAPTURE_MPLANE,
    V4L2_BUF_TYPE_VIDEO_CAPTURE,
    V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE,
    "this node does not capture video",
    "this device offers read() only, no streaming, so it cannot fill a dma-buf",
    {.purpose = "opening a camera",
     .absent = "no camera is there: `ls /dev/video*` shows which there are; plug it in, load its driver, or "
               "give the container the node",
     .denied = denied}};
// Of a device from memory to memory, such as an encoder, the queue that it reads is meant.
constexpr Kind output{V4L2_CAP_VIDEO_OUTPUT | V4L2_CAP_VIDEO_M2M,
                      V4L2_CAP_VIDEO_OUTPUT_MPLANE | V4L2_CAP_VIDEO_M2M_MPLANE,
                      V4L2_BUF_TYPE_VIDEO_OUTPUT,
                      V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE,
                      "this node does not take video",
                      "this device offers write() only, no streaming, so it cannot read a dma-buf",
                      {.purpose = "opening a video output",
                       .absent = "no device is there: `ls /dev/video*` shows which there are; load its "
                                 "driver, or give the container the node",
                       .denied = denied}};

// The nodes that this process has open. Never destroyed: cameras may outlive every other static object.
struct NodeTable {
    ForkSafeMutex mutex;
    WeakList<detail::Node> nodes;

    // Null: no such node is open.
    std::shared_ptr<detail::Node> find(dev_t device) const {
        for (auto& node : nodes.alive())
            if (node->device == device)
                return node;
        return nullptr;
    }
    std::shared_ptr<detail::Node> find_or_add(dev_t device) {
        if (auto node = find(device))
            return node;
        auto node = std::make_shared<detail::Node>(device);
        nodes.add(node);
        return node;
    }
};
HWALLOC_IMMORTAL(NodeTable, node_table);

// The sessions of a node, which end after the lock: the last owner closes a file.
using Sessions = std::vector<std::shared_ptr<detail::Session>>;

// Those of this use that this process opened itself: brought to the front, in the order in which they were
// opened. The parent's of a fork stay in the list, which owns them.
std::span<const std::shared_ptr<detail::Session>> own_of(Sessions& all,
                                                         detail::Use use = detail::Use::capture) {
    auto behind_own = all.begin();
    for (auto each = all.begin(); each != all.end(); ++each)
        if ((*each)->use == use && (*each)->of_this_process())
            std::iter_swap(behind_own++, each);
    return {all.begin(), behind_own};
}

// With the table of nodes locked.
Sessions sessions_at(const std::string& path) {
    struct stat status {};
    if (kernel.stat(path.c_str(), &status) < 0)
        return {};
    const auto node = node_table->find(status.st_rdev);
    return node ? node->sessions.alive() : Sessions();
}

} // namespace

Result<std::shared_ptr<detail::Session>> detail::Session::open(const std::string& path, Use use,
                                                               ErrorKind absence) {
    const Kind& kind = use == Use::capture ? capture : output;
    // Non-blocking, so that DQBUF after a spurious wake-up returns. V4L2 wants O_RDWR of everybody
    // (userspace-api/media/v4l/func-open.rst).
    constexpr int flags = O_RDWR | O_NONBLOCK;
    const int fd = kernel.open(path.c_str(), flags | O_CLOEXEC);
    if (fd < 0) {
        NodeAdvice advice = kind.advice;
        advice.absence = absence;
        return node_refused(path.c_str(), flags, -fd, advice);
    }
    return of_open_file(UniqueFd(fd), path, use);
}

Result<std::shared_ptr<detail::Session>> detail::Session::of_open_file(UniqueFd fd, const std::string& path,
                                                                       Use use) {
    const Kind& kind = use == Use::capture ? capture : output;
    auto session = std::make_shared<Session>();
    session->fd = std::move(fd);
    session->info.path = path;
    session->use = use;
    v4l2_capability capability{};
    if (const int answer = session->ioctl(VIDIOC_QUERYCAP, &capability); answer < 0)
        return Error(answer == -ENOTTY || answer == -EINVAL ? ErrorKind::unsupported
                                                            : Error::kind_of_errno(-answer),
                     -answer, kind.advice.purpose)
            .doing("asking a node what it is")
            .on(path)
            .call("VIDIOC_QUERYCAP")
            .remedy("it is not a Video4Linux device");
    session->info.driver = driver_text(capability.driver);
    session->info.card = driver_text(capability.card);
    session->info.bus = driver_text(capability.bus_info);
    const std::uint32_t can =
        capability.capabilities & V4L2_CAP_DEVICE_CAPS ? capability.device_caps : capability.capabilities;
    if (!(can & (kind.single_planar | kind.multi_planar)))
        return session->error(ErrorKind::unsupported, kind.missing)
            .remedy("choose another node: `v4l2-ctl --list-devices` shows them");
    if (!(can & V4L2_CAP_STREAMING))
        return session->error(ErrorKind::unsupported, kind.no_streaming)
            .call(no_streaming_call)
            .remedy("read it with a program that does so, or choose another node: `v4l2-ctl "
                    "--list-devices` shows them");
    session->is_m2m = (can & (V4L2_CAP_VIDEO_M2M | V4L2_CAP_VIDEO_M2M_MPLANE)) != 0;
    session->media_controller = (can & V4L2_CAP_IO_MC) != 0;
    session->info.multi_planar = !(can & kind.single_planar);
    session->type = session->info.multi_planar ? kind.multi_type : kind.single_type;
    struct stat status {};
    if (const int answer = kernel.fstat(session->fd.get(), &status); answer < 0)
        return session->refused(answer, "fstat", "asking a node what it is");
    const std::lock_guard guard(node_table->mutex);
    session->node = node_table->find_or_add(status.st_rdev);
    if (use == Use::output)
        session->node->sessions.add(session);
    return session;
}

bool detail::Session::answers() const noexcept {
    v4l2_capability capability{};
    return ioctl(VIDIOC_QUERYCAP, &capability) >= 0;
}

bool detail::Session::is_free_for_application() const noexcept {
    const std::lock_guard guard(node_table->mutex);
    return !has_camera;
}

bool detail::Session::take_for_application() noexcept {
    const std::lock_guard guard(node_table->mutex);
    return !std::exchange(has_camera, true);
}

Result<std::shared_ptr<detail::Session>> detail::Session::open_for_application(const std::string& path) {
    Sessions sessions;
    {
        const std::lock_guard guard(node_table->mutex);
        sessions = sessions_at(path);
    }
    for (const auto& session : own_of(sessions))
        if (session->is_free_for_application() && session->answers() && session->take_for_application())
            return session;
    auto session = open(path);
    if (!session)
        return session;
    const std::lock_guard guard(node_table->mutex);
    (*session)->has_camera = true;
    (*session)->node->sessions.add(*session);
    return session;
}

std::string detail::Session::node_path() const {
    char path[256];
    const FixedText link("/proc/self/fd/", fd.get());
    const ssize_t length = kernel.readlink(link.c_str(), path, sizeof path);
    return {path, length > 0 ? static_cast<std::size_t>(length) : 0};
}

Result<std::shared_ptr<detail::Session>> detail::Session::adopt_for_application(UniqueFd fd, Use use) {
    constexpr const char* doing = "taking over an open file";
    if (!fd)
        return Error(ErrorKind::invalid, "taking over a video device: there is no descriptor");
    const FixedText number("descriptor ", fd.get());
    auto adopted = of_open_file(std::move(fd), std::string(number.view()), use);
    if (!adopted)
        return adopted;
    Session& session = **adopted;
    if (std::string path = session.node_path(); !path.empty())
        session.info.path = std::move(path);
    const Sessions others = [&] {
        const std::lock_guard guard(node_table->mutex);
        return session.node->sessions.alive();
    }();
    for (const auto& other : others)
        if (other != *adopted && kernel.compare_files(session.fd.get(), other->fd.get()) == 0)
            return session.error(ErrorKind::conflict, doing)
                .remedy("a Camera, Output or participant of this program has it: use that one, or open the "
                        "node anew");
    const int flags = kernel.fcntl(session.fd.get(), F_GETFL, 0);
    const int done = flags < 0 ? flags : kernel.fcntl(session.fd.get(), F_SETFL, flags | O_NONBLOCK);
    if (done < 0)
        return session.refused(done, "fcntl", doing);
    const std::lock_guard guard(node_table->mutex);
    session.has_camera = session.adopted = true;
    if (use == Use::capture) // an output is listed already
        session.node->sessions.add(*adopted);
    return adopted;
}

void detail::Session::close_for_application() noexcept {
    {
        const std::lock_guard guard(node->queue_mutex);
        forget_format(); // anybody may set another from here on
        copies_allowed = false;
    }
    const std::lock_guard guard(node_table->mutex);
    has_camera = false;
}

Result<std::shared_ptr<detail::Session>> detail::Session::open_or_share(const std::string& path) {
    Sessions sessions;
    const auto shared = [&]() -> std::shared_ptr<Session> {
        sessions = sessions_at(path);
        const auto own = own_of(sessions);
        // Of two open files one would find the queue taken.
        for (const auto& session : own)
            if (session->holds_queue)
                return session;
        const auto last =
            std::find_if(own.rbegin(), own.rend(), [](const auto& session) { return session->has_camera; });
        if (last != own.rend())
            return *last;
        return own.empty() ? nullptr : own.front();
    };
    {
        const std::lock_guard guard(node_table->mutex);
        if (auto session = shared())
            return session;
    }
    sessions.clear();
    auto session = open(path, Use::capture, ErrorKind::device_lost);
    if (session) {
        const std::lock_guard guard(node_table->mutex);
        if (auto first = shared())
            return first;
        (*session)->node->sessions.add(*session);
    }
    return session;
}

std::shared_ptr<detail::Session> detail::Session::that_knows_its_kind(const std::string& path) noexcept {
    auto all = without_exceptions([&]() -> Result<Sessions> {
        const std::lock_guard guard(node_table->mutex);
        return sessions_at(path);
    });
    if (!all)
        return nullptr;
    const auto own = own_of(*all);
    const auto found =
        std::find_if(own.begin(), own.end(), [](const auto& one) { return one->known_kind != nullptr; });
    return found == own.end() ? nullptr : *found;
}

bool detail::Session::another_holds_queue() const noexcept {
    if (is_m2m)
        return false;
    auto all = without_exceptions([&]() -> Result<Sessions> {
        const std::lock_guard guard(node_table->mutex);
        return node->sessions.alive();
    });
    if (!all)
        return false;
    const auto own = own_of(*all, use); // a device has a queue for each
    return std::any_of(own.begin(), own.end(),
                       [&](const auto& session) { return session.get() != this && session->holds_queue; });
}

} // namespace hwalloc::v4l2
