// Camera, GPU and display started and stopped many times in one process, by the command's own parts: whatever
// they take they must give back. Prints what the process and the kernel hold after each round, as JSON.
//
//   start_stop ROUNDS FRAMES CAMERA ALLOCATOR TO     (TO: "gpu", or "display=CARD")
#include <fmt/format.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

#include "hwalloc/drm.h"
#include "hwalloc/vulkan.h"
#include "tools/capture/buffers.h"
#include "tools/capture/loop.h"
#include "tools/devices/display.h"
#include "tools/gpu/consumer.h"
#include "witnesses.h"

namespace {

using namespace hwalloc::tools;

template<class T>
T must(hwalloc::Result<T> result) {
    if (!result) {
        fmt::print(stderr, "start_stop: {}\n", result.error().message());
        std::exit(1);
    }
    if constexpr (!std::is_void_v<T>)
        return *std::move(result);
}

// Of /proc/meminfo, in KiB: where the buffers of a card without memory of its own are.
std::uint64_t shared_memory() {
    std::ifstream file("/proc/meminfo");
    for (std::string word; file >> word;)
        if (word == "Shmem:") {
            std::uint64_t size = 0;
            file >> size;
            return size;
        }
    return 0;
}

Json heaps(const hwalloc::vulkan::Device& gpu) {
    Json list = Json::array();
    for (const auto& heap : must(gpu.heaps()))
        list.push_back({heap.allocated, heap.device_memories, heap.suballocated, heap.suballocations,
                        heap.imported, heap.imports});
    return list;
}

struct Arguments {
    std::uint64_t rounds, frames;
    std::string camera, allocator, to;
};

// One round. Gives what there is in the middle of it: the GEM handles that the camera's memory had on a file
// of ours (one that was not given back in an earlier round makes the next ones higher), and the GPU's memory.
Json start_and_stop(const Arguments& arguments, const hwalloc::vulkan::Device& gpu,
                    hwalloc::drm::Device& importer, std::uint64_t& copies) {
    ConsumerRequest request{.to = "gpu", .gpu = {}, .frames = arguments.frames};
    if (arguments.to != "gpu")
        request.card = arguments.to.substr(arguments.to.find('=') + 1);
    auto source = arguments.camera == "test" ? test_source() : must(open_camera(arguments.camera));
    auto consumer = must(arguments.to == "gpu" ? open_gpu(request) : open_display(request));
    hwalloc::v4l2::FormatRequest wanted{.width = 320, .height = 180};
    wanted.pixel_format = consumer->formats().front();
    const auto format = must(source->negotiate(wanted));
    must(consumer->set_format(format));
    (void)must(bind_buffers(*source, consumer.get(), false, format, arguments.allocator, 4));
    Json handles = Json::array();
    {
        std::vector<hwalloc::drm::GemHandle> held;
        for (std::uint32_t index = 0; index < source->bound(); ++index) {
            held.push_back(must(importer.gem_handle(*source->memory(index, 0))));
            handles.push_back(held.back().value());
        }
    }
    Json bound = {{"gem_handles", std::move(handles)}, {"heaps_bound", heaps(gpu)}};
    FrameWriter writer(FrameWriter::Kind::none);
    std::optional<hwalloc::Error> failed;
    must(source->start());
    const Statistics statistics =
        run_capture(*source, format, {}, arguments.frames, consumer.get(), writer, {}, failed);
    if (failed)
        must(hwalloc::Result<void>(*failed));
    copies += statistics.copies;
    consumer->unbind();
    must(source->unbind());
    return bound;
}

} // namespace

int main(int argc, char** argv) {
    if (argc != 6) {
        fmt::print(stderr, "start_stop: wants ROUNDS FRAMES CAMERA ALLOCATOR TO\n");
        return 2;
    }
    const Arguments arguments{std::strtoull(argv[1], nullptr, 10), std::strtoull(argv[2], nullptr, 10),
                              argv[3], argv[4], argv[5]};
    const auto gpu = must(hwalloc::vulkan::Device::open());
    auto importer = must(hwalloc::drm::Device::open("vgem"));
    std::uint64_t copies = 0;
    Json rounds = Json::array();
    for (std::uint64_t round = 0; round < arguments.rounds; ++round) {
        Json held = start_and_stop(arguments, gpu, importer, copies);
        held.update({{"fds", entries("/proc/self/fd")},
                     {"mappings", lines("/proc/self/maps")},
                     {"threads", entries("/proc/self/task")},
                     {"heaps", heaps(gpu)},
                     {"dma_bufs", lines("/sys/kernel/debug/dma_buf/bufinfo")},
                     {"framebuffers", lines("/sys/kernel/debug/dri/0/framebuffer", "framebuffer[") +
                                          lines("/sys/kernel/debug/dri/1/framebuffer", "framebuffer[")},
                     {"card_files",
                      lines("/sys/kernel/debug/dri/0/clients") + lines("/sys/kernel/debug/dri/1/clients")},
                     {"shared_memory_kib", shared_memory()}});
        rounds.push_back(std::move(held));
    }
    fmt::print("{}\n", Json({{"rounds", std::move(rounds)}, {"copies", copies}}).dump());
    return 0;
}
