// What come_and_go.cpp works with: faults that are gathered, a thread that uses memory by name, and the
// devices as the library tells of them.
#pragma once

#include <dirent.h>
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
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include <nlohmann/json.hpp>

#include "hwalloc/capabilities.h"
#include "hwalloc/devices.h"
#include "hwalloc/inventory.h"

namespace coming {

using namespace hwalloc;
using Json = nlohmann::ordered_json;
using std::chrono::steady_clock;

constexpr std::size_t bytes = 3 * 4096 + 100;
constexpr const char *vgem = "drm-dumb/vgem", *bochs = "drm-dumb/bochs-drm", *virtio = "drm-dumb/virtio_gpu",
                     *vivid = "v4l2/vivid";

// Longer than anything takes here, on a machine that is busy with others too.
constexpr std::chrono::seconds patience{60};

// ---- what was wrong

inline std::mutex faults_mutex;
inline Json faults = Json::array();
inline void fault(const std::string& what) {
    const std::lock_guard guard(faults_mutex);
    if (faults.size() < 20)
        faults.push_back(what);
}
inline void expect(bool holds, const std::string& what) {
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

inline std::string link_target(const std::string& path) {
    char target[512] = {};
    return ::readlink(path.c_str(), target, sizeof(target) - 1) > 0 ? target : "";
}
inline std::string last_part(const std::string& path) {
    return path.substr(path.rfind('/') + 1);
}
// "Total 3 objects, 49152 bytes" ends the kernel's list of dma-bufs.
inline std::size_t dma_bufs() {
    std::ifstream file("/sys/kernel/debug/dma_buf/bufinfo");
    std::size_t count = 1000;
    for (std::string line; std::getline(file, line);)
        if (line.starts_with("Total ") && line.find(" objects") != line.npos)
            count = std::strtoul(line.c_str() + 6, nullptr, 10);
    return count;
}

// ---- the worker

inline std::atomic<bool> over{false}, leave_vgem{false}, pause_all{false}, camera_streams{false};
inline std::atomic<bool> vgem_left{false}, paused{false};
inline std::atomic<std::uint64_t> allocated{0}, device_lost{0}, not_there{0}, busy{0};
inline std::atomic<std::uint64_t> of_cameras{0}; // allocations of cameras' own memory

// One allocation by name, used and released. A device that is not there, or goes meanwhile, is no fault, nor
// is a camera whose queue holds what it streams into.
inline void use(const char* name, std::uint8_t value) {
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
    const bool camera = std::strcmp(name, vivid) == 0;
    auto memory = allocator->alloc(bytes);
    if (!memory && camera && camera_streams && memory.error().kind() == ErrorKind::busy) {
        ++busy;
        return;
    }
    if (!memory) {
        ++device_lost;
        expect(lost(memory), "the worker: " + told(memory));
        return;
    }
    ++allocated;
    of_cameras += camera;
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

inline void work() {
    const char* const names[] = {"dma-heap/system", "udmabuf", bochs, virtio, "drm-dumb", vgem, vivid};
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

inline void write(const std::string& path, const char* text) {
    std::ofstream file(path);
    file << text << std::flush;
    expect(bool(file), path + " cannot be written");
}
inline bool run(const std::string& command) {
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
        const auto end = steady_clock::now() + patience;
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
    std::uint64_t came = 0; // devices that went and came, by who did it

private:
    void added(const std::string& name, Allocator& allocator) {
        ++arrivals;
        expect(Allocator::find(name) == &allocator, name + " was told, and is not found");
        const auto known = objects.emplace(name, &allocator).first;
        expect(known->second == &allocator, name + " is another object than before");
        if (!name.starts_with("drm-dumb/card"))
            return;
        // udev has finished with it.
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

// Each place's name leads to the device that is there: "by-path/pci-0000:00:02.0-card" to "../card0". Where
// nobody tells when udev has made its links, a look at what there is may have come before.
inline void check_places(Devices& devices, const std::string& directory, std::string_view suffix,
                         const std::string& family) {
    const std::string links = directory + "by-path/";
    DIR* const listing = ::opendir(links.c_str());
    while (const dirent* entry = listing ? ::readdir(listing) : nullptr) {
        const std::string link = entry->d_name, target = last_part(link_target(links + link));
        if (target.empty() || !link.ends_with(suffix))
            continue;
        const std::string name = family + "by-path/" + link.substr(0, link.size() - suffix.size());
        const auto leads_there = [&] {
            Allocator* const found = Allocator::find(name);
            return found && found == Allocator::find(family + target);
        };
        if (devices.monitor->source() == DeviceSource::listing)
            devices.wait_for(name, leads_there);
        expect(leads_there(), name + " leads elsewhere");
    }
    if (listing)
        ::closedir(listing);
}

// No name leads to what is not there, and each driver's and each place's name to what is there.
inline void check_names(Devices& devices) {
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
    check_places(devices, "/dev/dri/", "-card", "drm-dumb/");
    check_places(devices, "/dev/v4l/", "", "v4l2/");
    expect(Allocator::find(vivid) == Allocator::find("v4l2/video0"), "the camera's driver leads elsewhere");
}

} // namespace coming
