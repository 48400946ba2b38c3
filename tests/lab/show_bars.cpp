// Colour bars on a monitor by the command's own mode setting, drawn by the CPU into dumb buffers: shows that
// the display half works where nothing else does.
//
//   show_bars [--card WHICH] [--legacy] [--buffers N] [--frames N] [--size WxH] [--seconds S] [--rounds N]
//
// First asks whether the card would show a framebuffer of half the screen's rows (takes_half), which no card
// can. Prints SCREENSHOT on standard error once two frames were shown, then keeps flipping until N frames are
// shown and S seconds are over, and puts the display back; all that N times. Prints what it did as JSON.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string>
#include <sys/mman.h>
#include <vector>

#include "tools/display/back_buffers.h"
#include "tools/display/drm_ptr.h"
#include "tools/display/screen.h"

namespace {

using namespace hwalloc::tools;

struct Options {
    std::string card = "auto";
    bool legacy = false;
    std::uint32_t width = 640, height = 480;
    unsigned buffers = 2, rounds = 1;
    std::uint64_t frames = 30;
    double seconds = 0;
};

[[noreturn]] void fail(const std::string& text) {
    fmt::print(stderr, "show_bars: {}\n", text);
    std::exit(1);
}

template<class T>
T must(hwalloc::Result<T> result) {
    if (!result)
        fail(result.error().message());
    if constexpr (!std::is_void_v<T>)
        return std::move(*result);
}

// A dumb buffer of the mode's size, or of fewer rows, with a mapping and a framebuffer.
struct Picture {
    explicit Picture(const Screen& of) : Picture(of, of.height()) {}
    Picture(const Screen& of, std::uint32_t height) : fd(of.fd()) {
        if (drmModeCreateDumbBuffer(fd, of.width(), height, 32, 0, &handle, &pitch, &size) != 0 ||
            drmModeAddFB(fd, of.width(), height, 24, 32, pitch, handle, &framebuffer) != 0)
            fail(fmt::format("no picture of {}x{}: {}", of.width(), height, std::strerror(errno)));
        std::uint64_t offset = 0;
        if (drmModeMapDumbBuffer(fd, handle, &offset) != 0)
            fail(fmt::format("a picture cannot be mapped: {}", std::strerror(errno)));
        void* const base =
            ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, static_cast<off_t>(offset));
        if (base == MAP_FAILED)
            fail(fmt::format("a picture cannot be mapped: {}", std::strerror(errno)));
        pixels = static_cast<std::uint8_t*>(base);
        std::memset(pixels, 0, size);
    }
    ~Picture() {
        ::munmap(pixels, size);
        drmModeRmFB(fd, framebuffer);
        drmModeDestroyDumbBuffer(fd, handle);
    }
    Picture(const Picture&) = delete;
    Picture& operator=(const Picture&) = delete;

    int fd;
    std::uint32_t handle = 0, pitch = 0, framebuffer = 0;
    std::uint64_t size = 0;
    std::uint8_t* pixels = nullptr;
};

// Eight bars of full intensity in the middle of the screen, as the camera under test draws them, and a row of
// white dots that tells the frame's number.
void draw(const Picture& picture, const Screen& screen, const Options& options, std::uint64_t number) {
    constexpr std::uint32_t colors[] = {0xffffff, 0xffff00, 0x00ffff, 0x00ff00,
                                        0xff00ff, 0xff0000, 0x0000ff, 0x000000};
    const std::uint32_t left = (screen.width() - options.width) / 2,
                        top = (screen.height() - options.height) / 2;
    for (std::uint32_t y = 0; y < options.height; ++y)
        for (std::uint32_t x = 0; x < options.width; ++x) {
            const bool dot = y < 4 && (number >> (x / 8 % 32) & 1) != 0;
            const std::uint32_t color = dot ? 0xffffff : colors[x * 8 / options.width];
            std::memcpy(picture.pixels + std::size_t{top + y} * picture.pitch + std::size_t{left + x} * 4,
                        &color, 4);
        }
}

Options parse(std::span<char*> words) {
    Options options;
    for (std::size_t i = 1; i < words.size(); ++i) {
        const std::string word = words[i];
        if (word == "--legacy") {
            options.legacy = true;
            continue;
        }
        if (i + 1 == words.size())
            fail(fmt::format("{} needs a value", word));
        const std::string value = words[++i];
        if (word == "--card")
            options.card = value;
        else if (word == "--buffers")
            options.buffers = static_cast<unsigned>(std::stoul(value));
        else if (word == "--rounds")
            options.rounds = static_cast<unsigned>(std::stoul(value));
        else if (word == "--frames")
            options.frames = std::stoull(value);
        else if (word == "--seconds")
            options.seconds = std::stod(value);
        else if (word == "--size" && value.find('x') != value.npos) {
            options.width = static_cast<std::uint32_t>(std::stoul(value));
            options.height = static_cast<std::uint32_t>(std::stoul(value.substr(value.find('x') + 1)));
        } else
            fail(fmt::format("there is no option {}", word));
    }
    return options;
}

void show(const Options& options) {
    const auto screen = must(Screen::open(options.card, options.legacy));
    must(screen->fit(options.width, options.height));
    std::vector<std::unique_ptr<Picture>> pictures;
    for (unsigned i = 0; i < options.buffers; ++i)
        pictures.push_back(std::make_unique<Picture>(*screen));
    must(screen->accepts(pictures[0]->framebuffer));
    const bool takes_half = screen->accepts(Picture(*screen, screen->height() / 2).framebuffer).has_value();
    BackBuffers back(options.buffers);
    const auto start = std::chrono::steady_clock::now();
    const auto over = [&] {
        return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() >=
               options.seconds;
    };
    bool marked = false;
    for (std::uint64_t frame = 0; frame < options.frames || !over(); ++frame) {
        auto index = back.free();
        if (!index) {
            must(screen->wait());
            back.arrived();
            index = back.free();
        }
        draw(*pictures[*index], *screen, options, frame);
        must(screen->wait());
        back.arrived();
        if (!marked && screen->flips() >= 2) {
            fmt::print(stderr, "SCREENSHOT\n");
            marked = true;
        }
        must(screen->show(pictures[*index]->framebuffer));
        back.flipped(*index);
    }
    must(screen->restore());
    pictures.clear();
    const double took = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    fmt::print(
        "{{\"card\": \"{}\", \"driver\": \"{}\", \"connector\": \"{}\", \"mode\": \"{}\", \"atomic\": {}, "
        "\"takes_half\": {}, \"flips\": {}, \"missed\": {}, \"seconds\": {:.3f}}}\n",
        screen->path(), screen->driver(), screen->connector(), screen->mode(), screen->atomic(), takes_half,
        screen->flips(), screen->missed(), took);
}

} // namespace

int main(int argc, char** argv) {
    const Options options = parse({argv, static_cast<std::size_t>(argc)});
    for (unsigned round = 0; round < options.rounds; ++round)
        show(options);
    return 0;
}
