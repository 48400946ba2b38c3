// Buffers: reserved, bound to an index for good, and passed back and forth.

#include <algorithm>
#include <cerrno>
#include <limits>

#include "backends/v4l2/session.h"
#include "common/dma_buf.h"
#include "hwalloc/allocator.h"

namespace hwalloc::v4l2 {

std::uint32_t Camera::min_buffers() noexcept {
    return session_ ? std::max(1u, session_->ask_least_buffers()) : 1;
}

std::uint32_t detail::Session::ask_least_buffers() const noexcept {
    v4l2_control control{};
    control.id = use == Use::output ? V4L2_CID_MIN_BUFFERS_FOR_OUTPUT : V4L2_CID_MIN_BUFFERS_FOR_CAPTURE;
    return ioctl(VIDIOC_G_CTRL, &control) < 0 || control.value < 1
               ? 0
               : static_cast<std::uint32_t>(control.value);
}

// videobuf2 begins when its driver's least number is queued, and then goes on with fewer
// (vb2_core_streamon, vb2_core_qbuf). Codecs tell what suits them, and begin with less.
bool detail::Session::waits_for_buffers(std::size_t queued) noexcept {
    const bool has_own = mapped && use == Use::capture; // which are queued, whoever holds the copies
    if (begun || is_m2m || has_own || queued == slots.size())
        return false;
    if (!told_least)
        told_least = ask_least_buffers();
    return queued < *told_least;
}

Result<std::uint32_t> Camera::reserve(std::uint32_t count) noexcept {
    if (!session_ || !session_->format || !session_->slots.empty() || count == 0)
        return Error(ErrorKind::invalid,
                     "buffers are reserved after negotiate() and before bind(), one at least");
    const std::lock_guard guard(session_->node->queue_mutex);
    return session_->reserve(count, session_->copies_allowed);
}

Result<std::uint32_t> detail::Session::reserve(std::uint32_t count, bool copies) noexcept {
    const FixedText doing("asking for ", count, " buffers to import dma-bufs into");
    if (mapped)
        if (const int answer = release_queue(); answer < 0)
            return refused(answer, "VIDIOC_REQBUFS", doing);
    const auto map_own = [&]() -> Result<std::uint32_t> {
        if (auto done = reserve_mapped(count); !done)
            return std::move(done).error();
        return count;
    };
    if (const char* call_name = cannot_import())
        return copies ? map_own() : imports_nothing(0, call_name, doing);
    std::uint32_t granted = count;
    const int answer = request_buffers(granted);
    if (answer == -EINVAL) {
        // It imports nothing where it has buffers of its own; else it has none at all now.
        std::uint32_t own = 1, none = 0;
        if (request_buffers(own, V4L2_MEMORY_MMAP) < 0)
            return refused(ErrorKind::unsupported, answer, "VIDIOC_REQBUFS", doing)
                .remedy(FixedText("the driver gives no buffers of any kind now: no format or ",
                                  use == Use::output ? "output" : "input",
                                  " is set (`v4l2-ctl --all` shows them)"));
        (void)request_buffers(none, V4L2_MEMORY_MMAP);
        return copies ? map_own() : imports_nothing(answer, "VIDIOC_REQBUFS", doing);
    }
    if (answer < 0)
        return refused(answer, "VIDIOC_REQBUFS", doing);
    reserved = granted;
    holds_queue = granted > 0;
    return granted;
}

FixedText detail::Session::binding(std::size_t number, std::size_t count) const noexcept {
    const std::uint32_t each = memory_count();
    FixedText doing("binding buffer ", number / each + 1, " of ", count / each);
    if (each > 1)
        doing.append(FixedText(", memory ", number % each + 1));
    return doing;
}

namespace {

// Memories to bind, and what is known of each.
struct Binding {
    std::vector<Session::Slot> slots;
    std::vector<Session::Import> imports;
};

// What runs here may be anybody's code: no lock is held.
Result<Binding> prepare(const Session& session, std::span<const MemoryRef> memories) {
    Binding all;
    const std::uint32_t each = session.memory_count();
    for (std::size_t i = 0; i < memories.size(); ++i) {
        const auto which = static_cast<std::uint32_t>(i % each);
        const FixedText doing = session.binding(i, memories.size());
        if (!memories[i])
            return session.error(ErrorKind::invalid, FixedText(doing, ": there is no memory"));
        const auto import = session.borrow_dma_buf(*memories[i], doing);
        if (!import && import.error().kind() == ErrorKind::unsupported)
            return session.with_plan_command(import.error());
        if (!import)
            return import.error();
        if (auto fits = session.check_fits(*import, session.image_size(which), doing); !fits)
            return std::move(fits).error();
        const auto same = [&](const Session::Import& other) {
            return dma_buf::is_same_buffer({other.fd, other.inode, other.size},
                                           {import->fd, import->inode, import->size});
        };
        if (std::any_of(all.imports.begin(), all.imports.end(), same))
            return session.error(ErrorKind::invalid, FixedText(doing, ": this dma-buf has an index already"));
        auto handle = memories[i]->ref();
        if (!handle)
            return std::move(handle).error();
        if (which == 0)
            all.slots.emplace_back();
        all.slots.back().add(*std::move(handle), import->fd);
        all.imports.push_back(*import);
    }
    return all;
}

} // namespace

Result<void> Camera::bind(std::span<const MemoryRef> memories) noexcept {
    auto bound_all = without_exceptions([&]() -> Result<void> {
        if (!session_ || !session_->format || !session_->slots.empty() || memories.empty())
            return Error(ErrorKind::invalid, "memory is bound once, after negotiate(), one buffer at least");
        Session& session = *session_;
        const std::uint32_t each = session.memory_count();
        if (memories.size() % each != 0)
            return session.error(ErrorKind::invalid,
                                 FixedText("binding ", memories.size(),
                                           " memories: a buffer of this format has ", each, " of them"));
        if (memories.size() / each > std::numeric_limits<std::uint32_t>::max())
            return Error(ErrorKind::limit, "that is too many buffers");
        const auto count = static_cast<std::uint32_t>(memories.size() / each);
        if (session.copies_allowed) {
            const std::lock_guard guard(session.node->queue_mutex);
            if (session.reserved != count)
                if (auto granted = session.reserve(count, true); !granted)
                    return std::move(granted).error();
        }
        session.syncs_cpu_access = false;
        if (session.mapped)
            return session.bind_copies(memories);
        auto binding = prepare(session, memories);
        if (!binding)
            return std::move(binding).error();
        session.syncs_cpu_access = session.needs_cpu_sync();
        std::uint32_t i = 0;
        int answer = 0;
        const char* call_name = "";
        {
            const std::lock_guard guard(session.node->queue_mutex);
            if (session.reserved != count) {
                auto granted = session.reserve(count);
                if (!granted)
                    return std::move(granted).error();
                if (*granted != count)
                    return session
                        .error(ErrorKind::limit,
                               FixedText("the driver wants ", *granted, " buffers, not ", count))
                        .call("VIDIOC_REQBUFS");
            }
            for (; i < count && answer >= 0; ++i)
                answer = session.give_to_driver(i, binding->slots[i], call_name);
            if (answer >= 0) {
                session.slots = std::move(binding->slots);
                ++session.bindings;
                return {};
            }
            (void)session.release_queue(); // what was imported already; the queue is idle and empty again
            for (Session::Slot& slot : binding->slots)
                session.take_from_driver(slot, Session::Holder::nobody);
        }
        if (call_name != std::string_view("VIDIOC_QBUF"))
            return session.refused(answer, call_name, FixedText("importing buffer ", i, " of ", count));
        return session.explain_refusal(answer, FixedText("importing buffer ", i, " of ", count),
                                       *memories[std::size_t{i - 1} * each],
                                       binding->imports[std::size_t{i - 1} * each]);
    });
    if (!bound_all && bound() == 0 && session_) {
        const std::lock_guard guard(session_->node->queue_mutex);
        (void)session_->release_queue();
    }
    return bound_all;
}

Result<void> Camera::bind(std::initializer_list<std::reference_wrapper<const MemoryRef>> memories) noexcept {
    return without_exceptions([&]() -> Result<void> {
        auto handles = Session::handles_on(memories);
        if (!handles)
            return std::move(handles).error();
        return bind(std::span<const MemoryRef>(*handles));
    });
}

Result<std::vector<MemoryRef>>
detail::Session::handles_on(std::initializer_list<std::reference_wrapper<const MemoryRef>> memories) {
    std::vector<MemoryRef> handles;
    for (const MemoryRef& memory : memories) {
        if (!memory) {
            handles.emplace_back(); // which bind() refuses
            continue;
        }
        auto handle = memory->ref();
        if (!handle)
            return std::move(handle).error();
        handles.push_back(std::move(*handle));
    }
    return handles;
}

Result<void> Camera::unbind() noexcept {
    if (!session_)
        return {};
    auto stopped = session_->streaming ? stop() : Result<void>();
    Session& session = *session_;
    session.streaming = false;
    std::vector<Session::Slot> slots; // end after the lock: memory's end may be anybody's code
    int answer;
    {
        const std::lock_guard guard(session.node->queue_mutex);
        answer = session.release_queue();
        slots.swap(session.slots);
    }
    for (Session::Slot& slot : slots)
        session.take_from_driver(slot, Session::Holder::nobody);
    if (answer < 0 && stopped)
        return session.refused(answer, "VIDIOC_REQBUFS", "letting the buffers go");
    return stopped;
}

std::uint32_t Camera::bound() const noexcept {
    return session_ ? static_cast<std::uint32_t>(session_->slots.size()) : 0;
}

Memory* Camera::memory(std::uint32_t index, std::uint32_t which) const noexcept {
    return index < bound() ? session_->slots[index].memory_at(which) : nullptr;
}

} // namespace hwalloc::v4l2
