// Devices come and go while another thread allocates, maps and frees by name. Prints what was wrong, and what
// the process and the kernel hold after each cycle, as JSON. Root, in the lab: it unloads drivers.
//
//   come_and_go CYCLES
#include <malloc.h>

#include <vector>

#include "coming_devices.h"
#include "hwalloc/plan.h"
#include "hwalloc/v4l2.h"
#include "witnesses.h"

namespace {

using namespace coming;

constexpr int to_frame = 1000 * static_cast<int>(patience.count());

// Unloads a driver, whose devices udev or the worker may be looking at.
void unload(const char* driver) {
    const auto end = steady_clock::now() + patience;
    while (!run(std::string("modprobe -r ") + driver)) {
        if (steady_clock::now() > end)
            return fault(std::string(driver) + " is in use and cannot be unloaded");
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
}

void vgem_goes_and_comes(Devices& devices) {
    leave_vgem = true;
    devices.wait_for("the worker leaving vgem", [] { return vgem_left.load(); });
    Allocator* const card = Allocator::find(vgem);
    expect(card, "there is no vgem");
    if (!card)
        return;
    close_idle_devices();
    unload("vgem");
    devices.wait_for("vgem's end", [] { return !Allocator::find(vgem); });
    expect(lost(Allocator::resolve(vgem)), "vgem: " + told(Allocator::resolve(vgem)));
    expect(lost(card->alloc(bytes)), "allocating on a card that has gone: " + told(card->alloc(bytes)));
    leave_vgem = false; // its return is used at once
    expect(run("modprobe vgem"), "vgem cannot be loaded");
    devices.wait_for("vgem's return", [] { return Allocator::find(vgem) != nullptr; });
    expect(told(Allocator::find(vgem)->alloc(bytes)) == "success",
           "vgem is back: " + told(card->alloc(bytes)));
    ++devices.came;
}

// The worker may be the first to see the camera again.
void camera_is_back(Devices& devices, Allocator* camera) {
    devices.wait_for("the camera's return", [] { return Allocator::find(vivid) != nullptr; });
    expect(Allocator::find(vivid) == camera, "the camera is another object than before");
    expect(told(camera->alloc(bytes)) == "success", "the camera is back: " + told(camera->alloc(bytes)));
    const std::uint64_t before = of_cameras;
    devices.wait_for("the worker's use of the camera", [&] { return of_cameras > before; });
    ++devices.came;
}

// A camera that nobody streams from, while its own buffers are held and made.
void vivid_goes_and_comes(Devices& devices) {
    constexpr const char* name = vivid;
    Allocator* const camera = Allocator::find(name);
    expect(camera, "there is no camera");
    if (!camera)
        return;
    auto memory = camera->alloc(bytes);
    expect(memory.has_value(), "the camera: " + told(memory));
    unload("vivid");
    devices.wait_for("the camera's end", [] { return !Allocator::find(name); });
    expect(lost(Allocator::resolve(name)), "the camera: " + told(Allocator::resolve(name)));
    expect(lost(camera->alloc(bytes)), "allocating on a camera that has gone: " + told(camera->alloc(bytes)));
    if (memory)
        expect(told((*memory)->map(MapFlags::readwrite)) == "success",
               "mapping buffers of a camera that has gone");
    expect(run("modprobe vivid n_devs=1 node_types=0x1"), "vivid cannot be loaded");
    camera_is_back(devices, camera);
}

// A camera that streams, taken from its driver: its node goes, its open file stays.
void camera_is_unbound_while_open(Devices& devices) {
    Allocator* const own = Allocator::find(vivid);
    const std::string driver = "/sys/bus/platform/drivers/vivid/";
    auto camera = v4l2::Camera::open("/dev/video0");
    if (!camera || !own)
        return fault("the camera: " + told(camera));
    auto format =
        camera->negotiate({.pixel_format = fourcc('Y', 'U', 'Y', 'V'), .width = 320, .height = 180});
    if (!format)
        return fault("the camera: " + told(format));
    std::vector<ParticipantRef> both{*v4l2::capture_participant(*camera), *cpu_participant(MapFlags::read)};
    const PlanRequest request{.participants = both, .image = {.size = format->layout.memory_sizes[0]}};
    const PlanRef before = *plan(request);
    expect(before->choice() && *plan(request) == before, "no plan for the camera: " + before->explain());
    auto buffers = before->allocate(4);
    camera_streams = true;
    auto bound = buffers ? camera->bind(buffers->memories) : Result<void>(buffers.error());
    if (!bound)
        return fault("the camera: " + told(bound));
    expect(told(camera->start()) == "success", "the camera does not start");
    expect(told(camera->dequeue(to_frame)) == "success", "the camera gives no frame");
    const std::uint64_t refused = busy;
    devices.wait_for("the worker meeting a camera that streams", [&] { return busy > refused; });
    auto mapping = buffers->memories[0]->map(MapFlags::read);
    expect(told(mapping) == "success", "mapping a buffer of the camera's: " + told(mapping));

    write(driver + "unbind", "vivid.0");
    devices.wait_for("the camera's end", [] { return !Allocator::find(vivid); });
    Result<v4l2::Frame> frame = camera->dequeue(to_frame);
    for (int i = 0; frame && i < 8; ++i) // those that were complete
        frame = camera->dequeue(to_frame);
    expect(lost(frame), "a frame of a camera that has gone: " + told(frame));
    const std::uint8_t first = mapping ? mapping->data()[0] : 0;
    expect(!mapping || mapping->data()[0] == first, "what is mapped can be read");
    const PlanRef after = *plan(request);
    expect(after != before, "a plan was remembered beyond its camera");
    expect(!after->choice(), "a plan with a camera that has gone: " + after->explain());
    mapping = Mapping();
    (void)camera->close();
    both.clear(); // it keeps the camera's file open, and that the node's number
    buffers->memories.clear();

    write(driver + "bind", "vivid.0");
    camera_is_back(devices, own);
    camera_streams = false;
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
    ++devices.came;
}

// What there is when nobody has any memory. No JSON yet: that would grow the heap that is measured.
struct Held {
    std::size_t fds, mappings, threads, dma_bufs, heap_bytes, objects;
};
Held hold_still(Devices& devices) {
    pause_all = true;
    devices.wait_for("the worker's pause", [] { return paused.load(); });
    devices.wait_for("all news", [&] { return devices.arrivals >= devices.came; });
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
        if (cycle % 5 == 1)
            vivid_goes_and_comes(devices);
        if (cycle % 5 == 2)
            camera_is_unbound_while_open(devices);
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
                       {"of_cameras", of_cameras.load()},
                       {"busy", busy.load()},
                       {"arrivals", devices.arrivals},
                       {"departures", devices.departures},
                       {"cycles", std::move(cycles)}})
                     .dump()
              << "\n";
    return 0;
}
