#include "backends/v4l2/trial.h"

#include <algorithm>
#include <cerrno>

#include "backends/v4l2/trial_queue.h"
#include "common/dma_buf.h"

namespace hwalloc::v4l2::detail {
namespace {

bool has_layout(const FormatFields& fields, const ImageLayout& layout) noexcept {
    const auto has_stride = [&](std::uint32_t i) {
        return fields.in[i].stride == 0 || fields.in[i].stride == layout.planes[i].stride;
    };
    return drm_of(fields) == layout.fourcc && fields.width == layout.width &&
           fields.height == layout.height && fields.stride() == layout.planes[0].stride &&
           fields.several_memories() == (layout.memory_count > 1) &&
           (!fields.several_memories() || (has_stride(1) && has_stride(2) && has_stride(3)));
}

using Sizes = std::array<std::uint64_t, ImageLayout::max_planes>;

Sizes sizes_of(const FormatFields& fields) noexcept {
    Sizes sizes{};
    for (std::uint32_t i = 0; i < fields.memories; ++i)
        sizes[i] = fields.in[i].size;
    return sizes;
}

Result<void> check_count(const Session& session, const FormatFields& fields, std::size_t given,
                         std::string_view doing) noexcept {
    if (given == fields.memories)
        return {};
    return session.error(ErrorKind::incompatible,
                         FixedText(doing, ": an image lies in ", fields.memories, " memories, not ", given));
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

// `memories`: how many there are.
Result<Trial> prepare(const Session& session, const ImageLayout& layout, std::size_t memories,
                      std::string_view doing) {
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
        return another_stride(session, doing, expected->stride(), layout);
    if (auto same = check_count(session, *expected, memories, doing); !same)
        return std::move(same).error();
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
        Sizes wanted = sizes_of(trial.expected);
        if (!trial.has_format) {
            const auto set = attempt.set_format(picture_of(layout));
            if (!set)
                return set.error();
            if (!has_layout(*set, layout))
                return another_stride(session, doing, set->stride(), layout);
            wanted = sizes_of(*set);
        }
        return with(wanted);
    });
    auto undone = attempt.undo();
    return outcome && !undone ? std::move(undone) : std::move(outcome);
}

} // namespace

Result<void> try_import(Session& session, std::span<const Memory* const> memories,
                        const ImageLayout& layout) {
    constexpr const char* doing = "trying to import a buffer";
    std::vector<Session::Import> imports;
    std::vector<int> fds;
    for (const Memory* memory : memories) {
        const auto import = session.borrow_dma_buf(*memory, doing);
        if (!import)
            return import.error();
        imports.push_back(*import);
        fds.push_back(import->fd);
    }
    const std::lock_guard guard(session.node->queue_mutex);
    const auto trial = prepare(session, layout, memories.size(), doing);
    if (!trial)
        return trial.error();
    for (std::size_t i = 0; i < imports.size(); ++i)
        if (auto fits = session.check_fits(imports[i], trial->expected.in[i].size, doing); !fits)
            return fits;
    if (session.mapped)
        return session.imports_nothing(0, "VIDIOC_REQBUFS", doing);
    return on_trial(session, *trial, layout, doing, [&](const Sizes& wanted) -> Result<void> {
        if (auto reserved = session.reserve(1); !reserved)
            return std::move(reserved).error();
        if (const int answer = session.queue_dma_bufs(0, fds, wanted); answer < 0)
            return session.import_error(answer, doing, wanted[0], imports[0].size);
        return {};
    });
}

Result<void> try_own(Session& session, const ImageLayout& layout) {
    constexpr const char* doing = "trying a buffer of the driver's own";
    const std::uint32_t memories = std::max(1u, layout.memory_count);
    const std::lock_guard guard(session.node->queue_mutex);
    const auto trial = prepare(session, layout, memories, doing);
    if (!trial)
        return trial.error();
    return on_trial(session, *trial, layout, doing, [&](const Sizes& wanted) -> Result<void> {
        if (auto reserved = session.reserve_own(1, doing); !reserved)
            return std::move(reserved).error();
        for (std::uint32_t which = 0; which < memories; ++which) {
            const auto exported = session.export_own(0, which, doing);
            if (!exported)
                return exported.error();
            const auto facts = dma_buf::examine_own(exported->get());
            if (!facts)
                return Error(facts.error()).doing(doing);
            // Of that the bound buffers will be, whatever the memory has that stands for them in the plan.
            if (facts->size < layout.memory_sizes[which])
                return session
                    .error(ErrorKind::incompatible,
                           FixedText(doing, ": it is smaller than the others want it"))
                    .wanted(layout.memory_sizes[which])
                    .held(facts->size)
                    .remedy(
                        "the driver makes buffers of its format's size: ask for a larger image, or have the "
                        "frames copied");
        }
        if (const int answer = session.queue_own(0, std::span(wanted).first(memories)); answer < 0)
            return session.refused(answer, "VIDIOC_QBUF", doing);
        return {};
    });
}

Result<void> try_copy(const Session& session, std::span<Memory* const> memories, const ImageLayout& layout) {
    constexpr const char* doing = "trying to copy an image";
    const auto expected = layout.fourcc == 0
                              ? current_format(session)
                              : try_format(session, picture_of(layout), ErrorKind::incompatible);
    if (!expected)
        return expected.error();
    if (layout.fourcc != 0 && !has_layout(*expected, layout))
        return another_stride(session, doing, expected->stride(), layout);
    if (auto same = check_count(session, *expected, memories.size(), doing); !same)
        return same;
    for (std::size_t i = 0; i < memories.size(); ++i) {
        Memory& memory = *memories[i];
        if (memory.size() < expected->in[i].size)
            return session
                .error(ErrorKind::incompatible, FixedText(doing, ": the memory is smaller than an image"))
                .wanted(expected->in[i].size)
                .held(memory.size());
        const auto mapping = memory.map(session.use == Use::capture ? MapFlags::write : MapFlags::read);
        if (!mapping)
            return Error(mapping.error()).doing(doing);
    }
    return {};
}

} // namespace hwalloc::v4l2::detail
