// A backend whose every piece of code uses the library: its constructor, discover(), and all that its
// allocators are asked. None of that may wait for a lock of the library.
#include <atomic>
#include <new>
#include <thread>

#include "hwalloc/backend.h"
#include "hwalloc/capabilities.h"
#include "hwalloc/devices.h"
#include "hwalloc/inventory.h"

namespace {

using namespace hwalloc;

class Plain final : public Allocator {
public:
    Plain() noexcept : Allocator("called-back") {}
};

AllocatorRef plain() noexcept {
    return AllocatorRef::adopt(new Plain);
}

// What needs the registry, and loads nothing: it may be done by another thread while this one is being
// loaded.
void use_registry() noexcept {
    (void)Allocator::find("sysmem");
    (void)Allocator::register_allocator("called-back/registered", plain());
    (void)Allocator::unregister("called-back/registered");
    if (Allocator* sysmem = Allocator::find("sysmem"))
        (void)Allocator::set_default(AllocatorRef(sysmem));
    (void)inventory(InventoryScan::quick);
    close_idle_devices();
}

void use_everything() noexcept {
    thread_local int deep = 0; // close_idle_devices() and inventory() call this allocator again
    if (deep > 0)
        return;
    ++deep;
    use_registry();
    (void)Allocator::resolve("called-back/nobody");
    (void)inventory(InventoryScan::full);
    if (auto monitor = DeviceMonitor::open({}))
        (void)monitor->dispatch();
    --deep;
}

// A thread that this one waits for.
void use_registry_elsewhere() {
    static std::atomic<bool> busy{false}; // the other thread comes by here too
    if (busy.exchange(true))
        return;
    std::thread(use_registry).join();
    busy = false;
}

class CallsBack final : public Allocator, public Describes, public KeepsDevice {
public:
    CallsBack() noexcept : Allocator("called-back") {}

    Properties properties() noexcept override { return {}; }
    Claims claims() noexcept override {
        use_everything();
        return {};
    }
    Result<void> available() noexcept override {
        use_everything();
        use_registry_elsewhere();
        return {};
    }
    bool recheck_device() noexcept override {
        use_everything();
        use_registry_elsewhere();
        return true;
    }
    void close_device() noexcept override {
        use_everything();
        use_registry_elsewhere();
    }

private:
    ~CallsBack() override {
        use_everything();
        use_registry_elsewhere();
    }
    void* do_extension(std::string_view id) noexcept override {
        use_everything();
        use_registry_elsewhere();
        if (id == Describes::extension_id)
            return static_cast<Describes*>(this);
        return id == KeepsDevice::extension_id ? static_cast<KeepsDevice*>(this) : nullptr;
    }
};

// What add() refuses is destroyed: so it is called for a name that is there, too.
Result<void> discover(BackendHost& host) noexcept {
    use_everything();
    use_registry_elsewhere();
    auto added = host.add("called-back/0", AllocatorRef::adopt(new CallsBack), {"called-back"});
    (void)host.still_here("called-back/0", {"called-back"});
    return added || added.error().kind() == ErrorKind::conflict ? Result<void>() : std::move(added);
}

[[gnu::constructor]] void loaded() {
    use_everything();
    use_registry_elsewhere();
}

} // namespace

HWALLOC_BACKEND_MODULE("calls back", "called-back", nullptr, discover);
