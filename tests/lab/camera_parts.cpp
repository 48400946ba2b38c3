// camera_parts NODE INPUT: a camera that somebody else opened, at an input that can be cropped and composed,
// and its frames by poll(). What was set is printed, a line for each; v4l2-ctl says in the test what the
// driver has.
#include <fcntl.h>
#include <poll.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "hwalloc/allocator.h"
#include "hwalloc/v4l2.h"
#include "hwalloc/v4l2_inputs.h"
#include "hwalloc/v4l2_selection.h"

namespace {

using namespace hwalloc;

template<class T>
T must(Result<T> result) {
    if (!result) {
        std::fprintf(stderr, "camera_parts: %s\n", result.error().message().c_str());
        std::exit(1);
    }
    if constexpr (!std::is_void_v<T>)
        return *std::move(result);
}

void show(const char* name, const v4l2::Rectangle& rectangle) {
    std::printf("%s %ux%u at %d,%d\n", name, rectangle.width, rectangle.height, rectangle.left,
                rectangle.top);
}

} // namespace

int main(int argc, char** argv) {
    if (argc != 3)
        return 2;
    v4l2::Camera camera = must(v4l2::Camera::adopt(UniqueFd(::open(argv[1], O_RDWR | O_CLOEXEC))));
    std::printf("node %s\n", camera.info().path.c_str());
    const auto before = v4l2::get_selection(camera, v4l2::Selection::crop);
    if (!before)
        std::printf("webcam: %s\n", before.error().message().c_str());
    must(v4l2::set_input(camera, static_cast<std::uint32_t>(std::atoi(argv[2]))));
    must(v4l2::check_signal(camera));
    must(camera.negotiate({.pixel_format = fourcc('Y', 'U', 'Y', 'V'), .width = 320, .height = 240}));
    const v4l2::Rectangle crop = must(v4l2::set_selection(camera, v4l2::Selection::crop, {16, 8, 320, 240}));
    const v4l2::Rectangle compose =
        must(v4l2::set_selection(camera, v4l2::Selection::compose, {32, 24, 160, 120}));
    show("crop", crop);
    show("compose", compose);
    if (!camera.format())
        std::printf("the format is another\n");
    const v4l2::CaptureFormat format = must(camera.negotiate({}));
    show("compose after negotiating", must(v4l2::get_selection(camera, v4l2::Selection::compose)));
    std::vector<MemoryRef> memories;
    const auto heap = must(Allocator::resolve("dma-heap/system"));
    const std::uint32_t count = must(camera.reserve(4));
    for (std::uint32_t i = 0; i < count; ++i)
        memories.push_back(must(heap->alloc(static_cast<std::size_t>(format.layout.memory_sizes[0]))));
    must(camera.bind(memories));
    must(camera.start());
    int frames = 0;
    while (frames < 5) {
        pollfd wait{.fd = camera.fd(), .events = POLLIN | POLLPRI, .revents = 0};
        if (::poll(&wait, 1, 10'000) != 1)
            return 1;
        const v4l2::HeldFrame frame = must(camera.take(0));
        frames += !frame->error && !frame->last && frame->field == v4l2::Field::progressive &&
                  frame->bytes_used == format.layout.memory_sizes[0];
    }
    must(camera.close());
    std::printf("%d frames\n", frames);
}
