#include "backends/v4l2/trial.h"

#include <algorithm>
#include <cerrno>

#include "backends/v4l2/trial_queue.h"

namespace hwalloc::v4l2::detail {
namespace {

bool has_layout(const FormatFields& fields, const ImageLayout& layout) noexcept {
    return drm_of_pixel_format(fields.pixel_format) == layout.fourcc && fields.width == layout.width &&
           fields.height == layout.height && fields.stride == layout.planes[0].stride;
}

Picture picture_of(const ImageLayout& layout) noexcept {
    return {layout.fourcc, layout.width, layout.height, layout.planes[0].stride};
}

} // namespace

Result<std::unique_ptr<TrialQueue>> begin_trials(Session& session, const ImageLayout& layout) {
    const std::lock_guard guard(session.node->queue_mutex);
    // Where memory is bound each trial says so.
    if (layout.fourcc == 0 || !session.slots.empty())
        return std::unique_ptr<TrialQueue>();
    const auto before = get_format(session);
    if (!before)
        return before.error();
    if (has_layout(fields_of(*before), layout))
        return std::unique_ptr<TrialQueue>();
    auto queue = std::make_unique<TrialQueue>(session, *before);
    auto set = without_exceptions([&]() -> Result<FormatFields> {
        if (const int answer = session.release_queue(); answer < 0)
            return session.refused(answer, "VIDIOC_REQBUFS", "getting ready to try memory");
        return queue->set_format(picture_of(layout));
    });
    if (set)
        return queue;
    auto undone = queue->undo();
    return undone ? std::move(set).error() : std::move(undone).error();
}

Result<void> end_trials(Session& session, TrialQueue& queue) noexcept {
    const std::lock_guard guard(session.node->queue_mutex);
    return queue.undo();
}

Result<void> try_import(Session& session, const Memory& memory, const ImageLayout& layout) {
    constexpr const char* doing = "trying to import a buffer";
    const auto import = session.borrow_dma_buf(memory, doing);
    if (!import)
        return import.error();
    const std::lock_guard guard(session.node->queue_mutex);
    if (!session.slots.empty())
        return session.error(ErrorKind::busy, doing)
            .remedy("memory is bound to the camera: try before bind(), or after unbind()");
    const auto before = get_format(session);
    if (!before)
        return before.error();
    const Picture picture = picture_of(layout);
    const bool pixels = layout.fourcc != 0;
    // What the device has already needs no asking, and no setting.
    const bool has_it = !pixels || has_layout(fields_of(*before), layout);
    const auto expected = has_it ? check_answer(session, *before, "VIDIOC_G_FMT", doing)
                                 : try_format(session, picture, ErrorKind::incompatible);
    if (!expected)
        return expected.error();
    const auto another_stride = [&](std::uint32_t stride) {
        return session.error(ErrorKind::incompatible, FixedText(doing, ": the driver wants rows of ", stride,
                                                                " bytes, not ", picture.stride));
    };
    if (pixels && !has_layout(*expected, layout))
        return another_stride(expected->stride);
    if (auto fits = session.check_fits(*import, expected->size, doing); !fits)
        return fits;

    if (session.mapped)
        return session.imports_nothing(0, "VIDIOC_REQBUFS", doing);
    // A reservation holds the driver to its format, and counts buffers that are not there yet.
    TrialQueue attempt(session, *before);
    auto outcome = without_exceptions([&]() -> Result<void> {
        if (const int answer = session.release_queue(); answer < 0)
            return session.refused(answer, "VIDIOC_REQBUFS", doing);
        std::uint64_t wanted = expected->size;
        if (!has_it) {
            const auto set = attempt.set_format(picture);
            if (!set)
                return set.error();
            if (!has_layout(*set, layout))
                return another_stride(set->stride);
            wanted = set->size;
        }
        if (auto reserved = session.reserve(1); !reserved)
            return std::move(reserved).error();
        if (const int answer = session.queue_dma_buf(0, import->fd, wanted); answer < 0)
            return session.import_error(answer, doing, wanted, import->size);
        return {};
    });
    auto undone = attempt.undo();
    return outcome && !undone ? std::move(undone) : std::move(outcome);
}

Result<void> try_copy(const Session& session, Memory& memory, const ImageLayout& layout) {
    constexpr const char* doing = "trying to copy an image";
    const Picture picture{layout.fourcc, layout.width, layout.height, layout.planes[0].stride};
    const auto expected =
        layout.fourcc == 0 ? current_format(session) : try_format(session, picture, ErrorKind::incompatible);
    if (!expected)
        return expected.error();
    if (layout.fourcc != 0 && !has_layout(*expected, layout))
        return session.error(ErrorKind::incompatible,
                             FixedText(doing, ": the driver wants rows of ", expected->stride, " bytes, not ",
                                       picture.stride));
    if (memory.size() < expected->size)
        return session
            .error(ErrorKind::incompatible, FixedText(doing, ": the memory is smaller than an image"))
            .wanted(expected->size)
            .held(memory.size());
    const auto mapping = memory.map(session.use == Use::capture ? MapFlags::write : MapFlags::read);
    return mapping ? Result<void>() : Error(mapping.error()).doing(doing);
}

} // namespace hwalloc::v4l2::detail
