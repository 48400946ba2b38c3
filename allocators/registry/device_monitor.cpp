// DeviceMonitor: what a scan found, beside what the last one had found.
#include <algorithm>
#include <new>
#include <optional>
#include <string>
#include <vector>

#include "allocators/registry/errors.h"
#include "allocators/registry/registry.h"
#include "common/fork_safe_mutex.h"
#include "common/udev.h"
#include "hwalloc/devices.h"

namespace hwalloc {

using namespace registry_errors;

namespace {

const Sighting* find(const std::vector<Sighting>& among, const Sighting& wanted) noexcept {
    const auto at = std::find_if(among.begin(), among.end(),
                                 [&](const Sighting& one) { return one.name == wanted.name; });
    return at == among.end() ? nullptr : &*at;
}

bool same_arrival(const Sighting& one, const Sighting* other) noexcept {
    return other && other->allocator == one.allocator && other->arrivals == one.arrivals;
}

// Calls `tell` for what is in `some` and not, or not in the same arrival, in `others`.
template<class Tell>
void tell_difference(const std::vector<Sighting>& some, const std::vector<Sighting>& others,
                     const Tell& tell) {
    if (!tell)
        return;
    for (const Sighting& one : some)
        if (one.found && !same_arrival(one, find(others, one)))
            tell(one.name, *one.allocator);
}

} // namespace

struct DeviceMonitor::State {
    Registry& registry;
    Callbacks callbacks;
    std::optional<UdevMonitor> events;
    std::optional<Error> why_none;
    std::vector<std::string> subsystems; // that `events` are of
    std::vector<Sighting> seen;
    const std::uint32_t opened_at_depth = fork_depth();

    // A module may have been loaded meanwhile. What the kernel refuses is tried again at the next dispatch():
    // until then that module's devices are found by looking alone.
    void listen_to_new_subsystems() {
        if (!events)
            return;
        for (std::string& subsystem : registry.subsystems())
            if (std::find(subsystems.begin(), subsystems.end(), subsystem) == subsystems.end() &&
                events->also_listen_to(subsystem))
                subsystems.push_back(std::move(subsystem));
    }
};

Result<DeviceMonitor> Registry::monitor(DeviceMonitor::Callbacks callbacks) noexcept try {
    auto state = std::make_unique<DeviceMonitor::State>(*this, std::move(callbacks));
    // First listen, then look: so nothing falls between.
    state->subsystems = subsystems();
    if (auto events = UdevMonitor::open(state->subsystems))
        state->events = std::move(*events);
    else
        state->why_none = std::move(events).error();
    state->seen = rescan();
    return DeviceMonitor(std::move(state));
} catch (const std::bad_alloc&) {
    return no_memory();
}

DeviceMonitor::DeviceMonitor(std::unique_ptr<State> state) noexcept : state_(std::move(state)) {}
DeviceMonitor::DeviceMonitor(DeviceMonitor&&) noexcept = default;
DeviceMonitor& DeviceMonitor::operator=(DeviceMonitor&&) noexcept = default;
DeviceMonitor::~DeviceMonitor() = default;

Result<DeviceMonitor> DeviceMonitor::open(Callbacks callbacks) noexcept {
    return Registry::instance().monitor(std::move(callbacks));
}

DeviceSource DeviceMonitor::source() const noexcept {
    return state_ && state_->events ? DeviceSource::udev : DeviceSource::listing;
}

const Error* DeviceMonitor::why_listing() const noexcept {
    return state_ && state_->why_none ? &*state_->why_none : nullptr;
}

int DeviceMonitor::fd() const noexcept {
    return state_ && state_->events ? state_->events->fd() : -1;
}

Result<void> DeviceMonitor::dispatch() noexcept {
    if (!state_)
        return Error(ErrorKind::invalid, "this monitor was moved to another object");
    State& state = *state_;
    if (state.events && fork_depth() != state.opened_at_depth)
        return Error(ErrorKind::invalid, "listening to events with a monitor that was opened before a fork()")
            .remedy("parent and child have one socket there, and an event that the child reads is lost to "
                    "the parent: open a monitor of the child's own");
    std::vector<Sighting> before;
    try {
        state.listen_to_new_subsystems();
        // An event is a reason to look, and what it says counts for one thing only: a node that went and came
        // again is another device's, although it is there in both looks.
        std::vector<Removal> removed;
        while (state.events)
            if (auto event = state.events->next(); !event)
                break;
            else if (event->action == "remove" && !event->node.empty())
                removed.push_back({std::move(event->node), event->number});
        auto now = state.registry.rescan(removed);
        // The kernel makes a node before udev has looked at it, and another device's event may have come
        // first: such a device is told when its own comes.
        if (state.events)
            std::erase_if(now, [&](const Sighting& one) {
                return !same_arrival(one, find(state.seen, one)) && one.node &&
                       !udev_has_finished_with(one.node);
            });
        before = std::exchange(state.seen, std::move(now));
    } catch (const std::bad_alloc&) {
        return no_memory();
    }
    tell_difference(before, state.seen, state.callbacks.removed);
    tell_difference(state.seen, before, state.callbacks.added);
    return {};
}

void close_idle_devices() noexcept {
    Registry::instance().close_idle_devices();
}

} // namespace hwalloc
