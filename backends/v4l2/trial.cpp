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

namespace {

// Of a queue whose mutex is held, with the format that `layout` is.
struct Trial {
    v4l2_format before;
    FormatFields expected;
    bool has_format; // the device has it already
};

Error another_stride(const Session& session, std::string_view doing, std::uint32_t driver,
                     const ImageLayout& layout) {
    return session.error(ErrorKind::incompatible, FixedText(doing, ": the driver wants rows of ", driver,
                                                            " bytes, not ", layout.planes[0].stride));
}

Result<Trial> prepare(const Session& session, const ImageLayout& layout, std::string_view doing) {
    if (!session.slots.empty())
        return session.error(ErrorKind::busy, doing)
            .remedy("memory is bound to the camera: try before bind(), or after unbind()");
    const auto before = get_format(session);
    if (!before)
        return before.error();
    const bool pixels = layout.fourcc != 0;
    // What the device has already needs no asking, and no setting.
    const bool has_it = !pixels || has_layout(fields_of(*before), layout);
    const auto expected = has_it ? check_answer(session, *before, "VIDIOC_G_FMT", doing)
                                 : try_format(session, picture_of(layout), ErrorKind::incompatible);
    if (!expected)
        return expected.error();
    if (pixels && !has_layout(*expected, layout))
        return another_stride(session, doing, expected->stride, layout);
    return Trial{*before, *expected, has_it};
}

// Calls `with` for the bytes of an image once the queue is free and has that format, and undoes both.
Result<void> on_trial(Session& session, const Trial& trial, const ImageLayout& layout, std::string_view doing,
                      auto&& with) {
    // A reservation holds the driver to its format, and counts buffers that are not there yet.
    TrialQueue attempt(session, trial.before);
    auto outcome = without_exceptions([&]() -> Result<void> {
        if (const int answer = session.release_queue(); answer < 0)
            return session.refused(answer, "VIDIOC_REQBUFS", doing);
        std::uint64_t wanted = trial.expected.size;
        if (!trial.has_format) {
            const auto set = attempt.set_format(picture_of(layout));
            if (!set)
                return set.error();
            if (!has_layout(*set, layout))
                return another_stride(session, doing, set->stride, layout);
            wanted = set->size;
        }
        return with(wanted);
    });
    auto undone = attempt.undo();
    return outcome && !undone ? std::move(undone) : std::move(outcome);
}

} // namespace

Result<void> try_import(Session& session, const Memory& memory, const ImageLayout& layout) {
    constexpr const char* doing = "trying to import a buffer";
    const auto import = session.borrow_dma_buf(memory, doing);
    if (!import)
        return import.error();
    const std::lock_guard guard(session.node->queue_mutex);
    const auto trial = prepare(session, layout, doing);
    if (!trial)
        return trial.error();
    if (auto fits = session.check_fits(*import, trial->expected.size, doing); !fits)
        return fits;
    if (session.mapped)
        return session.imports_nothing(0, "VIDIOC_REQBUFS", doing);
    return on_trial(session, *trial, layout, doing, [&](std::uint64_t wanted) -> Result<void> {
        if (auto reserved = session.reserve(1); !reserved)
            return std::move(reserved).error();
        if (const int answer = session.queue_dma_buf(0, import->fd, wanted); answer < 0)
            return session.import_error(answer, doing, wanted, import->size);
        return {};
    });
}

Result<void> try_own(Session& session, const ImageLayout& layout) {
    constexpr const char* doing = "trying a buffer of the driver's own";
    const std::lock_guard guard(session.node->queue_mutex);
    const auto trial = prepare(session, layout, doing);
    if (!trial)
        return trial.error();
    return on_trial(session, *trial, layout, doing, [&](std::uint64_t wanted) -> Result<void> {
        if (auto reserved = session.reserve_own(1, doing); !reserved)
            return std::move(reserved).error();
        if (auto exported = session.export_own(0, doing); !exported)
            return std::move(exported).error();
        if (const int answer = session.queue_own(0, wanted); answer < 0)
            return session.refused(answer, "VIDIOC_QBUF", doing);
        return {};
    });
}

Result<void> try_copy(const Session& session, Memory& memory, const ImageLayout& layout) {
    constexpr const char* doing = "trying to copy an image";
    const auto expected = layout.fourcc == 0
                              ? current_format(session)
                              : try_format(session, picture_of(layout), ErrorKind::incompatible);
    if (!expected)
        return expected.error();
    if (layout.fourcc != 0 && !has_layout(*expected, layout))
        return another_stride(session, doing, expected->stride, layout);
    if (memory.size() < expected->size)
        return session
            .error(ErrorKind::incompatible, FixedText(doing, ": the memory is smaller than an image"))
            .wanted(expected->size)
            .held(memory.size());
    const auto mapping = memory.map(session.use == Use::capture ? MapFlags::write : MapFlags::read);
    return mapping ? Result<void>() : Error(mapping.error()).doing(doing);
}

} // namespace hwalloc::v4l2::detail
