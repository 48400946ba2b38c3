// send_frames NODE ALLOCATOR WIDTHxHEIGHT FRAME COUNT [copy]: sends the image in the file FRAME, of YUYV, to
// a video output COUNT times (0: until it is told to end), out of memory of ALLOCATOR ("own": the driver's;
// "plan": what a plan for the output and the CPU that writes says).
// "sent" on standard error once a frame has come back; a line about all of them in the end.
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

#include "hwalloc/allocator.h"
#include "hwalloc/plan.h"
#include "hwalloc/v4l2_output.h"

namespace {

using namespace hwalloc;

volatile std::sig_atomic_t told_to_end = 0;

[[noreturn]] void give_up(const std::string& why) {
    std::fprintf(stderr, "send_frames: %s\n", why.c_str());
    std::exit(1);
}

template<class T>
T must(Result<T> result) {
    if (!result)
        give_up(result.error().message());
    if constexpr (!std::is_void_v<T>)
        return *std::move(result);
}

void fill(Memory& memory, const std::string& frame) {
    const Mapping mapping = must(memory.map(MapFlags::write));
    if (mapping.size() < frame.size())
        give_up("the memory is smaller than the frame");
    std::copy(frame.begin(), frame.end(), mapping.bytes().begin());
}

// As its recipe has it: "own", or an allocator's name.
std::string planned(const char* node, unsigned width, unsigned height, bool copies) {
    const PlanRef made =
        must(plan({must(cpu_participant(MapFlags::write)), must(v4l2::output_participant(node, copies))},
                  {.image = {.fourcc = fourcc('Y', 'U', 'Y', 'V'), .width = width, .height = height}}));
    if (!made->choice())
        give_up(made->error()->message());
    std::fprintf(stderr, "planned: %s\n", made->choice()->name.c_str());
    const std::string_view once = made->choice()->cells[1].recipe.once;
    return once.find("Output::bind_own()") != once.npos ? "own" : made->choice()->name;
}

} // namespace

int main(int argc, char** argv) {
    if (argc < 6)
        return 2;
    std::string from = argv[2];
    unsigned width = 0, height = 0;
    if (std::sscanf(argv[3], "%ux%u", &width, &height) != 2)
        return 2;
    std::ifstream file(argv[4], std::ios::binary);
    const std::string frame{std::istreambuf_iterator<char>(file), {}};
    const unsigned long count = std::strtoul(argv[5], nullptr, 10);
    std::signal(SIGTERM, [](int) { told_to_end = 1; });

    if (from == "plan")
        from = planned(argv[1], width, height, argc > 6);
    v4l2::Output output = must(v4l2::Output::open(argv[1]));
    output.allow_copies(argc > 6);
    const v4l2::CaptureFormat format = must(
        output.negotiate({.pixel_format = fourcc('Y', 'U', 'Y', 'V'), .width = width, .height = height}));
    const ImageLayout& layout = format.layout;
    if (layout.width != width || layout.height != height || layout.planes[0].stride != 2 * width ||
        frame.size() != std::size_t{2} * width * height)
        give_up("the output has another format, or the frame another size");
    std::uint32_t buffers = std::max(2u, output.min_buffers() + 1);
    std::vector<MemoryRef> memories;
    if (from == "own") {
        buffers = must(output.bind_own(buffers));
    } else {
        Allocator* allocator = must(Allocator::resolve(from));
        for (std::uint32_t i = 0; i < buffers; ++i)
            memories.push_back(must(allocator->alloc(static_cast<std::size_t>(layout.memory_sizes[0]))));
        must(output.bind(memories));
    }
    must(output.start());
    for (std::uint32_t i = 0; i < buffers; ++i) {
        fill(*output.memory(i), frame);
        must(output.queue(i));
    }
    unsigned long sent = 0, damaged = 0;
    while (!told_to_end && (count == 0 || sent < count)) {
        auto taken = output.dequeue(10'000);
        if (!taken && taken.error().code() == EINTR)
            continue;
        const v4l2::Frame back = must(std::move(taken));
        damaged += back.error;
        if (++sent == 1)
            std::fputs("sent\n", stderr);
        ::usleep(20'000); // a loopback has no rate of its own
        fill(*output.memory(back.index), frame);
        must(output.queue(back.index));
    }
    must(output.stop());
    std::printf("{\"sent\": %lu, \"queued\": %lu, \"damaged\": %lu, \"copies\": %llu, \"buffers\": %u}\n",
                sent, sent + buffers, damaged, static_cast<unsigned long long>(output.copies()), buffers);
    must(output.close());
}
