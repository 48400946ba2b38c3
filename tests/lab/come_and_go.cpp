// Devices come and go while another thread allocates, maps and frees by name. Prints what was wrong, and what
// the process and the kernel hold after each cycle, as JSON. Root, in the lab: it unloads drivers.
//
//   come_and_go CYCLES
#include <dirent.h>
#include <malloc.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "hwalloc/capabilities.h"
#include "hwalloc/devices.h"
#include "hwalloc/inventory.h"
#include "witnesses.h"

namespace {

using namespace hwalloc;
using Json = nlohmann::ordered_json;
using std::chrono::steady_clock;

constexpr std::size_t bytes = 3 * 4096 + 100;
constexpr const char *vgem = "drm-dumb/vgem", *bochs = "drm-dumb/bochs-drm", *virtio = "drm-dumb/virtio_gpu";

// ---- what was wrong

std::mutex faults_mutex;
Json faults = Json::array();
void fault(const std::string& what) {
    const std::lock_guard guard(faults_mutex);
    if (faults.size() < 20)
        faults.push_back(what);
}
void expect(bool holds, const std::string& what) {
    if (!holds)
        fault(what);
}
template<class T>
std::string told(const Result<T>& result) {
    return result ? "success" : result.error().message();
}
template<class T>
bool lost(const Result<T>& result) {
    return !result && result.error().kind() == ErrorKind::device_lost;
}

// ---- witnesses

std::string link_target(const std::string& path) {
    char target[512] = {};
    return ::readlink(path.c_str(), target, sizeof(target) - 1) > 0 ? target : "";
}
std::string last_part(const std::string& path) {
    return path.substr(path.rfind('/') + 1);
}
// "Total 3 objects, 49152 bytes" ends the kernel's list of dma-bufs.
std::size_t dma_bufs() {
    std::ifstream file("/sys/kernel/debug/dma_buf/bufinfo");
    std::size_t count = 1000;
    for (std::string line; std::getline(file, line);)
        if (line.starts_with("Total ") && line.find(" objects") != line.npos)
            count = std::strtoul(line.c_str() + 6, nullptr, 10);
    return count;
}

// ---- the worker

std::atomic<bool> over{false}, leave_vgem{false}, pause_all{false};
std::atomic<bool> vgem_left{false}, paused{false};
std::atomic<std::uint64_t> allocated{0}, device_lost{0}, not_there{0};

// One allocation by name, used and released. A device that is not there, or goes meanwhile, is no fault.
void use(const char* name, std::uint8_t value) {
    Allocator* allocator = Allocator::find(name);
    if (!allocator) {
        auto resolved = Allocator::resolve(name);
        if (!resolved) {
            ++not_there;
            const ErrorKind kind = resolved.error().kind();
            expect(kind == ErrorKind::device_lost || kind == ErrorKind::unavailable, told(resolved));
            return;
        }
        allocator = *resolved;
    }
    auto memory = allocator->alloc(bytes);
    if (!memory) {
        ++device_lost;
        expect(lost(memory), "the worker: " + told(memory));
        return;
    }
    ++allocated;
    auto mapping = (*memory)->map(MapFlags::readwrite);
    if (!mapping) {
        expect(lost(mapping), "the worker maps: " + told(mapping));
        return;
    }
    std::memset(mapping->data(), value, bytes);
    // Memory of a card's own is empty when the card has gone (bochs): only that it can be touched is
    // promised.
    const bool own_memory = std::strcmp(name, bochs) == 0 || std::strcmp(name, "drm-dumb") == 0;
    for (std::size_t at = 0; at < bytes && !own_memory; at += 997)
        expect(mapping->data()[at] == value, std::string(name) + " has lost what was written");
}

void work() {
    const char* const names[] = {"dma-heap/system", "udmabuf", bochs, virtio, "drm-dumb", vgem};
    std::uint8_t value = 0;
    while (!over) {
        for (const char* name : names)
            if (name != vgem || !leave_vgem)
                use(name, ++value);
        vgem_left = leave_vgem.load();
        paused = pause_all.load();
        while (pause_all && !over)
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        paused = false;
    }
}

// ---- the devices

void write(const std::string& path, const char* text) {
    std::ofstream file(path);
    file << text << std::flush;
    expect(bool(file), path + " cannot be written");
}
bool run(const std::string& command) {
    return std::system((command + " >&2").c_str()) == 0; // NOLINT: the lab's own commands
}

class Devices {
public:
    Devices() {
        auto opened = DeviceMonitor::open(
            {.added = [this](std::string_view name,
                             Allocator& allocator) { added(std::string(name), allocator); },
             .removed = [this](std::string_view name,
                               Allocator& allocator) { removed(std::string(name), allocator); }});
        if (!opened) {
            std::cerr << opened.error().message() << "\n";
            std::exit(1);
        }
        monitor = std::make_unique<DeviceMonitor>(std::move(*opened));
        const auto listed = inventory(InventoryScan::quick);
        for (const InventoryItem& item : *listed)
            if (item.allocator)
                objects[item.name] = item.allocator;
    }

    // Dispatches until `holds`. Without udev nobody wakes us up.
    void wait_for(const std::string& what, const std::function<bool()>& holds) {
        const auto end = steady_clock::now() + std::chrono::seconds(30);
        while (!holds()) {
            if (steady_clock::now() > end)
                return fault(what + " did not happen");
            pollfd waiting{.fd = monitor->fd(), .events = POLLIN, .revents = 0};
            const bool ready = ::poll(&waiting, 1, 100) == 1;
            if (!ready && monitor->source() == DeviceSource::udev)
                continue;
            auto done = monitor->dispatch();
            expect(done.has_value(), "dispatch(): " + told(done));
        }
    }

    std::unique_ptr<DeviceMonitor> monitor;
    std::map<std::string, Allocator*> objects; // every name that ever was, and the object it had
    std::uint64_t arrivals = 0, departures = 0;

private:
    void added(const std::string& name, Allocator& allocator) {
        ++arrivals;
        expect(Allocator::find(name) == &allocator, name + " was told, and is not found");
        const auto known = objects.emplace(name, &allocator).first;
        expect(known->second == &allocator, name + " is another object than before");
        if (!name.starts_with("drm-dumb/card"))
            return;
        // udev is through with it.
        struct stat status {};
        const std::string node = "/dev/dri/" + last_part(name);
        expect(
            monitor->source() != DeviceSource::udev ||
                (::stat(node.c_str(), &status) == 0 && (status.st_mode & 0777) == 0660 && status.st_gid != 0),
            node + " was told before it could be used");
    }
    void removed(const std::string& name, Allocator& allocator) {
        ++departures;
        expect(objects[name] == &allocator, name + " was never told");
    }
};

// No name leads to what is not there, and each driver's and each place's name to the card that is there.
void check_names(const Devices& devices) {
    for (const auto& [name, allocator] : devices.objects) {
        if (!name.starts_with("drm-dumb/card"))
            continue;
        const std::string card = last_part(name), node = "/dev/dri/" + card;
        const bool there = ::access(node.c_str(), F_OK) == 0;
        expect(Allocator::find(name) == (there ? allocator : nullptr),
               name + (there ? " is missing" : " is stale"));
        expect(Allocator::find(node) == (there ? allocator : nullptr),
               node + (there ? " is missing" : " is stale"));
        if (!there)
            expect(lost(Allocator::resolve(name)), name + ": " + told(Allocator::resolve(name)));
    }
    const std::string links = "/dev/dri/by-path/";
    DIR* const listing = ::opendir(links.c_str());
    while (const dirent* entry = listing ? ::readdir(listing) : nullptr) {
        const std::string link = entry->d_name;
        if (!link.ends_with("-card"))
            continue;
        const std::string name = "drm-dumb/by-path/" + link.substr(0, link.size() - 5);
        Allocator* const found = Allocator::find(name);
        expect(found && found == Allocator::find("drm-dumb/" + last_part(link_target(links + link))),
               name + " leads elsewhere");
    }
    if (listing)
        ::closedir(listing);
}

void vgem_goes_and_comes(Devices& devices) {
    leave_vgem = true;
    devices.wait_for("the worker leaving vgem", [] { return vgem_left.load(); });
    Allocator* const card = Allocator::find(vgem);
    expect(card, "there is no vgem");
    if (!card)
        return;
    close_idle_devices();
    // udev may be looking at it.
    for (int i = 0; !run("modprobe -r vgem") && i < 50; ++i)
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
    devices.wait_for("vgem's end", [] { return !Allocator::find(vgem); });
    expect(lost(Allocator::resolve(vgem)), "vgem: " + told(Allocator::resolve(vgem)));
    expect(lost(card->alloc(bytes)), "allocating on a card that has gone: " + told(card->alloc(bytes)));
    leave_vgem = false; // its return is used at once
    expect(run("modprobe vgem"), "vgem cannot be loaded");
    devices.wait_for("vgem's return", [] { return Allocator::find(vgem) != nullptr; });
    expect(told(Allocator::find(vgem)->alloc(bytes)) == "success",
           "vgem is back: " + told(card->alloc(bytes)));
}

// A camera that nobody has open, while its own buffers are held.
void vivid_goes_and_comes(Devices& devices) {
    constexpr const char* name = "v4l2/video0";
    Allocator* const camera = Allocator::find(name);
    expect(camera, "there is no camera");
    if (!camera)
        return;
    auto memory = camera->alloc(bytes);
    expect(memory.has_value(), "the camera: " + told(memory));
    for (int i = 0; !run("modprobe -r vivid") && i < 50; ++i)
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
    devices.wait_for("the camera's end", [] { return !Allocator::find(name); });
    expect(lost(Allocator::resolve(name)), "the camera: " + told(Allocator::resolve(name)));
    expect(lost(camera->alloc(bytes)), "allocating on a camera that has gone: " + told(camera->alloc(bytes)));
    if (memory)
        expect(told((*memory)->map(MapFlags::readwrite)) == "success",
               "mapping buffers of a camera that has gone");
    expect(run("modprobe vivid n_devs=1 node_types=0x1"), "vivid cannot be loaded");
    devices.wait_for("the camera's return", [] { return Allocator::find(name) != nullptr; });
    expect(Allocator::find(name) == camera, "the camera is another object than before");
    expect(told(camera->alloc(bytes)) == "success", "the camera is back: " + told(camera->alloc(bytes)));
}

// A card on the PCI bus, while its memory is mapped.
void card_goes_and_comes(Devices& devices, const char* driver) {
    Allocator* const card = Allocator::find(driver);
    expect(card, std::string(driver) + " is missing");
    if (!card)
        return;
    const std::string name(card->name());
    const std::string device = link_target("/sys/class/drm/" + last_part(name) + "/device");
    const std::string place = "drm-dumb/by-path/pci-" + last_part(device);
    expect(Allocator::find(place) == card, place + " is not " + name);
    auto memory = card->alloc(bytes), unmapped = card->alloc(bytes);
    if (!memory || !unmapped)
        return fault(name + ": " + told(memory));
    auto mapping = (*memory)->map(MapFlags::readwrite);
    if (!mapping)
        return fault(name + ": " + told(mapping));
    std::memset(mapping->data(), 42, bytes);

    write("/sys/bus/pci/devices/" + last_part(device) + "/remove", "1");
    devices.wait_for(name + "'s end", [&] { return !Allocator::find(place); });
    expect(!Allocator::find(name) && !Allocator::find(driver), name + " is stale");
    for (const std::string& gone : {name, std::string(driver), place})
        expect(lost(Allocator::resolve(gone)), gone + ": " + told(Allocator::resolve(gone)));
    expect(lost(card->alloc(bytes)), "allocating on a card that has gone: " + told(card->alloc(bytes)));
    expect(lost((*unmapped)->copy(0, whole)), "copying: " + told((*unmapped)->copy(0, whole)));
    // What is mapped can be touched, and keeps what is in it where that is not on the card itself.
    const auto touch = [&](const char* when) {
        const std::uint8_t kept = driver == virtio ? 42 : mapping->data()[bytes - 1];
        for (std::size_t at = 0; at < bytes; at += 4096)
            expect(mapping->data()[at] == kept || driver == bochs, name + " has lost its bytes " + when);
        mapping->data()[bytes - 1] = kept;
    };
    touch("with the card");
    auto late = (*unmapped)->map(MapFlags::write);
    expect(late || lost(late), "mapping what was not mapped: " + told(late));
    if (late)
        std::memset(late->data(), 1, bytes);
    late = Mapping();
    expect(told(export_fd(**memory, FdKind::dmabuf)) == "success", "exporting memory that is held");

    write("/sys/bus/pci/rescan", "1");
    devices.wait_for(std::string(driver) + "'s return", [&] { return Allocator::find(place) != nullptr; });
    Allocator* const back = Allocator::find(place);
    expect(back && back == Allocator::find(driver), std::string(driver) + " does not follow");
    if (back)
        expect(told(back->alloc(bytes)) == "success", "the new card: " + told(back->alloc(bytes)));
    touch("with the card's return");
    expect(told((*unmapped)->map(MapFlags::read)) == "success", "mapping memory of the old card");
}

// What there is when nobody has any memory. No JSON yet: that would grow the heap that is measured.
struct Held {
    std::size_t fds, mappings, threads, dma_bufs, heap_bytes, objects;
};
Held hold_still(Devices& devices) {
    pause_all = true;
    devices.wait_for("the worker's pause", [] { return paused.load(); });
    close_idle_devices();
    check_names(devices);
    expect(Allocator::find()->name() == "sysmem", "the default is not the built-in one again");
    const Held held{.fds = entries("/proc/self/fd"),
                    .mappings = lines("/proc/self/maps"),
                    .threads = entries("/proc/self/task"),
                    .dma_bufs = dma_bufs(),
                    .heap_bytes = ::mallinfo2().uordblks,
                    .objects = devices.objects.size()};
    pause_all = false;
    return held;
}

Json to_json(const Held& held) {
    return {{"fds", held.fds},           {"mappings", held.mappings},     {"threads", held.threads},
            {"dma_bufs", held.dma_bufs}, {"heap_bytes", held.heap_bytes}, {"objects", held.objects}};
}

} // namespace

int main(int argc, char** argv) {
    if (argc != 2) {
        std::cerr << "come_and_go: wants CYCLES\n";
        return 2;
    }
    Devices devices;
    std::thread worker(work);
    const long count = std::strtol(argv[1], nullptr, 10);
    std::vector<Held> held;
    held.reserve(static_cast<std::size_t>(count));
    for (long cycle = 0; cycle < count; ++cycle) {
        const char* const driver = cycle % 2 ? virtio : bochs;
        if (auto set = Allocator::set_default(AllocatorRef(Allocator::find(driver))); !set)
            fault("the default: " + told(set));
        vgem_goes_and_comes(devices);
        card_goes_and_comes(devices, driver);
        if (cycle % 10 == 1)
            vivid_goes_and_comes(devices);
        held.push_back(hold_still(devices));
    }
    over = true;
    worker.join();
    Json cycles = Json::array();
    for (const Held& one : held)
        cycles.push_back(to_json(one));
    std::cout << Json({{"source", devices.monitor->source() == DeviceSource::udev ? "udev" : "listing"},
                       {"why_listing",
                        devices.monitor->why_listing() ? devices.monitor->why_listing()->message() : ""},
                       {"faults", faults},
                       {"allocated", allocated.load()},
                       {"device_lost", device_lost.load()},
                       {"not_there", not_there.load()},
                       {"arrivals", devices.arrivals},
                       {"departures", devices.departures},
                       {"cycles", std::move(cycles)}})
                     .dump()
              << "\n";
    return 0;
}
