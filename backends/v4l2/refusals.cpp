#include "backends/v4l2/refusals.h"

#include <algorithm>
#include <cerrno>
#include <span>

namespace hwalloc::v4l2::detail {
namespace {

struct Row {
    std::string_view call; // empty: every call
    int code;
    Refusal refusal;
};

constexpr const char* pipeline =
    "the pipeline in front of this node is not set up: its links or formats do not match (`media-ctl -p` "
    "shows them); use libcamera for such a camera, or set the pipeline up with media-ctl";
constexpr const char* no_answer =
    "the sensor, or the device, does not answer: check its cable and power, and the kernel log (`dmesg`); "
    "then plug it in again, or reload its driver";
constexpr const char* silent_output =
    "the device does not answer: check its cable and power, and the kernel log (`dmesg`); then plug it in "
    "again, or reload its driver";
constexpr const char* broke_off =
    "the stream broke off: stop() and start() again; if that does not help, check the connection and the "
    "kernel log, and open it again";
constexpr const char* not_allowed =
    "the kernel does not let this program do it: the node must be open for reading and writing, some devices "
    "want a capability (root), and a security module (SELinux, AppArmor) may forbid it: see its log";
constexpr const char* no_bandwidth =
    "the bus has no bandwidth left, as a USB bus with several cameras: choose a smaller size, a lower rate "
    "or a compressed format such as MJPG, or plug the camera into another port or controller";
constexpr const char* lost =
    "the device is gone or has broken down: check its connection and the kernel log, and open it again";
constexpr const char* short_of_memory =
    "the kernel has no memory for this: ask for fewer or smaller buffers; for a device that needs contiguous "
    "memory, a larger contiguous area (kernel option cma=256M)";

// What drivers answer: userspace-api/media/v4l, the pages of each call, and for STREAMON drivers/media
// (uvcvideo, the bridges and sensors of SoCs). The first that fits counts, and what stands in one of these
// two counts before what stands in the rows for all.
constexpr Row rows_of_outputs[] = {
    {"VIDIOC_STREAMON",
     EINVAL,
     {ErrorKind::invalid,
      "the driver cannot start as it is set: too few frames are queued, or nothing is linked to this node "
      "(`media-ctl -p` shows the links, `v4l2-ctl --all` the output)"}},
    {"VIDIOC_STREAMON",
     EPIPE,
     {ErrorKind::unavailable,
      "the pipeline behind this node is not set up: its links or formats do not match "
      "(`media-ctl -p` shows them); set it up with media-ctl"}},
    {"VIDIOC_STREAMON",
     ENOLINK,
     {ErrorKind::unavailable,
      "nothing takes the frames: no screen is connected, or nothing is linked behind this node (`v4l2-ctl "
      "--list-outputs`, `media-ctl -p`)"}},
    {"VIDIOC_STREAMON",
     ENOLCK,
     {ErrorKind::unavailable,
      "the output has no stable clock: check what is connected and its cable, and set "
      "its timings (`v4l2-ctl --set-dv-bt-timings`)"}},
    {"VIDIOC_STREAMON",
     ENOSPC,
     {ErrorKind::exhausted,
      "the bus has no bandwidth left: choose a smaller size or a lower rate, or plug the "
      "device into another port or controller"}},
    {"VIDIOC_STREAMON",
     EBUSY,
     {ErrorKind::busy, "another stream uses a part of this device: another of its nodes, or another program; "
                       "end it, and try again"}},
    {"VIDIOC_STREAMON", EIO, {ErrorKind::device_lost, silent_output}},
    {"VIDIOC_STREAMON", ENXIO, {ErrorKind::unavailable, silent_output}},
    {"VIDIOC_DQBUF", EIO, {ErrorKind::device_lost, broke_off}},
    {"VIDIOC_DQBUF",
     EPIPE,
     {ErrorKind::unavailable, "the device reads no more frames: start again for more"}},
    {"VIDIOC_REQBUFS",
     EINVAL,
     {ErrorKind::invalid, "the driver has no such buffers now: it cannot import dma-bufs, or no format or "
                          "output is set (`v4l2-ctl --all` shows them)"}},
    {"",
     ENODATA,
     {ErrorKind::unsupported, "the selected output does not have this: select another (`v4l2-ctl "
                              "--list-outputs`, `--set-output`)"}},
    {"", ETIMEDOUT, {ErrorKind::unavailable, silent_output}},
    {"", EPROTO, {ErrorKind::unavailable, silent_output}},
    {"", EREMOTEIO, {ErrorKind::unavailable, silent_output}},
};
constexpr Row rows_of_usb_cameras[] = {
    {"VIDIOC_STREAMON",
     EINVAL,
     {ErrorKind::invalid, "the driver cannot start as it is set: too few buffers are queued, or the camera "
                          "refuses this format, size or rate: choose another"}},
    {"VIDIOC_STREAMON",
     EPIPE,
     {ErrorKind::unavailable, "the camera refuses to start so (it stalls): choose another format, size or "
                              "rate; if all are refused, plug it in again, without a hub between"}},
    // uvcvideo also answers so where no setting of the camera's has the bandwidth of a frame.
    {"VIDIOC_STREAMON",
     EIO,
     {ErrorKind::unavailable,
      "the camera does not answer, or its port has not the bandwidth: choose a smaller size, a lower rate or "
      "a compressed format such as MJPG; or check its cable and the kernel log (`dmesg`), and plug it in "
      "again, into another port"}},
};
constexpr Row rows[] = {
    {"VIDIOC_STREAMON",
     EINVAL,
     {ErrorKind::invalid,
      "the driver cannot start as it is set: too few buffers are queued, or no input or sensor is linked to "
      "this node (`media-ctl -p` shows the links, `v4l2-ctl --all` the input)"}},
    {"VIDIOC_STREAMON", EPIPE, {ErrorKind::unavailable, pipeline}},
    {"VIDIOC_STREAMON",
     ENOLINK,
     {ErrorKind::unavailable,
      "nothing arrives: no signal, or no sensor is linked (`v4l2-ctl --query-dv-timings`, `media-ctl -p`)"}},
    {"VIDIOC_STREAMON",
     ENOLCK,
     {ErrorKind::unavailable, "there is no stable signal: check the source and its cable, set its timings "
                              "(`v4l2-ctl --set-dv-bt-timings query`)"}},
    {"VIDIOC_STREAMON", ENOSPC, {ErrorKind::exhausted, no_bandwidth}},
    {"VIDIOC_STREAMON",
     EBUSY,
     {ErrorKind::busy, "another stream uses a part of this device: another node of the camera, or another "
                       "program; end it, and try again"}},
    {"VIDIOC_STREAMON", ETIMEDOUT, {ErrorKind::unavailable, no_answer}},
    {"VIDIOC_STREAMON", EIO, {ErrorKind::device_lost, no_answer}},
    {"VIDIOC_STREAMON", EPROTO, {ErrorKind::unavailable, no_answer}},
    {"VIDIOC_STREAMON", EREMOTEIO, {ErrorKind::unavailable, no_answer}},
    {"VIDIOC_STREAMON", ENXIO, {ErrorKind::unavailable, no_answer}},
    {"VIDIOC_STREAMON",
     ERANGE,
     {ErrorKind::invalid, "the driver cannot do this format at this rate: choose a smaller size or a lower "
                          "rate"}},
    {"VIDIOC_DQBUF",
     EIO,
     {ErrorKind::device_lost,
      "the stream broke off, as it does when a signal is lost: stop() and start() again; if that does not "
      "help, check the connection and the kernel log, and open it again"}},
    {"VIDIOC_DQBUF",
     EPIPE,
     {ErrorKind::unavailable, "the device has delivered its last frame: start again for more"}},
    {"VIDIOC_DQBUF",
     EINVAL,
     {ErrorKind::invalid, "the driver has no such queue any more: something else stopped the stream or "
                          "released its buffers; stop(), unbind() and bind() again"}},
    {"VIDIOC_DQBUF", ETIMEDOUT, {ErrorKind::unavailable, no_answer}},
    {"VIDIOC_QBUF",
     EINVAL,
     {ErrorKind::invalid, "the driver refuses the buffer: the queue was released meanwhile, or it cannot map "
                          "the memory; unbind() and bind() again, or use another allocator"}},
    {"VIDIOC_QBUF",
     EBADF,
     {ErrorKind::invalid, "the memory's descriptor is closed: something in this program closed a descriptor "
                          "that it does not own"}},
    {"VIDIOC_QBUF",
     EFAULT,
     {ErrorKind::incompatible, "the device cannot use this memory: it is too small, not contiguous, or where "
                               "the device does not reach; `hwalloc plan` finds memory that it takes"}},
    {"VIDIOC_QBUF",
     EACCES,
     {ErrorKind::permission, "the memory's descriptor is read-only, or the memory is protected"}},
    {"VIDIOC_QBUF", EIO, {ErrorKind::device_lost, broke_off}},
    {"VIDIOC_QBUF", ENOBUFS, {ErrorKind::exhausted, "the device has no room for another buffer: bind fewer"}},
    {"VIDIOC_REQBUFS",
     EINVAL,
     {ErrorKind::invalid,
      "the driver has no such buffers now: it cannot import dma-bufs, or no format or input is set "
      "(`v4l2-ctl --all` shows them)"}},
    {"VIDIOC_CREATE_BUFS",
     EINVAL,
     {ErrorKind::invalid, "the driver makes no buffer of this size for its format: negotiate() again, or use "
                          "another allocator"}},
    {"VIDIOC_CREATE_BUFS", ENOTTY, {ErrorKind::unsupported, "the driver cannot make single buffers"}},
    {"VIDIOC_EXPBUF", EINVAL, {ErrorKind::unsupported, "the driver exports no dma-bufs"}},
    {"VIDIOC_EXPBUF",
     ENOTTY,
     {ErrorKind::unsupported, "the driver exports no dma-bufs: it has no memory to share with anybody"}},
    {"", ENOTTY, {ErrorKind::unsupported, "the driver does not have this call: use another device or node"}},
    {"",
     ENODATA,
     {ErrorKind::unsupported, "the selected input does not have this: select another (`v4l2-ctl "
                              "--list-inputs`)"}},
    {"", ENODEV, {ErrorKind::device_lost, lost}},
    {"", EIO, {ErrorKind::device_lost, lost}},
    {"", ENXIO, {ErrorKind::unavailable, lost}},
    {"", ESHUTDOWN, {ErrorKind::device_lost, lost}},
    {"", ENOMEM, {ErrorKind::exhausted, short_of_memory}},
    {"", ENOSPC, {ErrorKind::exhausted, short_of_memory}},
    {"", ETIMEDOUT, {ErrorKind::unavailable, no_answer}},
    {"", EPROTO, {ErrorKind::unavailable, no_answer}},
    {"", EREMOTEIO, {ErrorKind::unavailable, no_answer}},
};

// Those for which every errno has an answer.
constexpr std::string_view explained_calls[] = {"VIDIOC_REQBUFS",  "VIDIOC_CREATE_BUFS", "VIDIOC_EXPBUF",
                                                "VIDIOC_QBUF",     "VIDIOC_DQBUF",       "VIDIOC_STREAMON",
                                                "VIDIOC_STREAMOFF"};

// Of those, what the kernel documents for any call (userspace-api/media/gen-errors.rst) and no row above
// says.
constexpr Row rows_of_explained_calls[] = {
    {"VIDIOC_STREAMOFF",
     EINVAL,
     {ErrorKind::invalid, "the driver has no such queue any more: something else released its buffers; "
                          "unbind() and bind() again"}},
    {"", EAGAIN, {ErrorKind::busy, "the device is not ready for this now: try again a little later"}},
    {"", EACCES, {ErrorKind::permission, not_allowed}},
    {"", EPERM, {ErrorKind::permission, not_allowed}},
    {"",
     EBADF,
     {ErrorKind::invalid, "the device's descriptor is closed: something in this program closed a descriptor "
                          "that it does not own"}},
    {"",
     EFAULT,
     {ErrorKind::incompatible, "the driver cannot reach memory that it was given: bind other memory, which "
                               "`hwalloc plan` finds"}},
};

} // namespace

Refusal refusal_of(std::string_view call_name, int errno_value, Use use, bool on_usb) noexcept {
    const auto find = [&](std::span<const Row> in) {
        const auto row = std::find_if(in.begin(), in.end(), [&](const Row& each) {
            return each.code == errno_value && (each.call.empty() || each.call == call_name);
        });
        return row == in.end() ? nullptr : &*row;
    };
    const Row* row = nullptr;
    if (use == Use::output)
        row = find(rows_of_outputs);
    else if (on_usb)
        row = find(rows_of_usb_cameras);
    if (!row)
        row = find(rows);
    if (row)
        return row->refusal;
    const ErrorKind kind = Error::kind_of_errno(errno_value);
    for (const std::string_view call : explained_calls)
        if (call == call_name) {
            if (const Row* general = find(rows_of_explained_calls))
                return general->refusal;
            return {kind, "no common cause is known for this: the kernel log (`dmesg`) may have the driver's "
                          "own words; try another format or size, or plug the device in again"};
        }
    return {kind, nullptr};
}

} // namespace hwalloc::v4l2::detail
