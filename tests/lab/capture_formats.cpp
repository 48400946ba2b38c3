// Every format of a camera in one process, by the command's own parts: a frame as it is and as a picture.
//
//   capture_formats DEVICE ALLOCATOR DIRECTORY WIDTHxHEIGHT...
//
// writes DIRECTORY/FOURCC.WIDTHxHEIGHT.raw and .png, at the sizes that are asked for up to the first where a
// picture can be made. Prints {FOURCC: [...]} with what could not be done, a sentence for each: of pictures,
// and of formats.
#include <fmt/format.h>

#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include "tools/capture/buffers.h"
#include "tools/capture/loop.h"
#include "tools/output.h"

namespace {

using namespace hwalloc;
using namespace hwalloc::tools;

// Both files, of one frame. Nothing: they are there; else what is not, and why.
std::optional<Error> capture(FrameSource& source, const v4l2::FormatRequest& request,
                             const std::string& allocator, const std::string& path) {
    const auto format = source.negotiate(request);
    if (!format)
        return format.error();
    FrameWriter raw(FrameWriter::Kind::raw), picture(FrameWriter::Kind::png);
    const auto can = picture.set_format(*format);
    for (auto done : {raw.open(path + ".raw"), raw.set_format(*format), picture.open(path + ".png")})
        if (!done)
            return done.error();
    if (auto bound = bind_buffers(source, nullptr, true, *format, allocator, source.min_buffers() + 1);
        !bound)
        return bound.error();
    const auto take = [&]() -> Result<void> {
        if (auto started = source.start(); !started)
            return started;
        auto first = wait_for_whole_frame(source, *format);
        if (!first)
            return std::move(first).error();
        const FrameMemories memories = source.memories(first->frame.value().index);
        if (auto written = raw.write(memories, *first->frame); !written)
            return written;
        if (can)
            if (auto written = picture.write(memories, *first->frame); !written)
                return written;
        return source.stop();
    };
    const auto taken = take();
    if (auto unbound = source.unbind(); !unbound)
        return unbound.error();
    return !taken ? std::optional(taken.error()) : !can ? std::optional(can.error()) : std::nullopt;
}

} // namespace

int main(int argc, char** argv) {
    if (argc < 5) {
        fmt::print(stderr, "capture_formats: wants DEVICE ALLOCATOR DIRECTORY WIDTHxHEIGHT...\n");
        return 2;
    }
    auto source = open_camera(argv[1]);
    auto formats = source ? (*source)->list_formats() : Result<std::vector<v4l2::FormatInfo>>(source.error());
    if (!formats) {
        fmt::print(stderr, "capture_formats: {}\n", formats.error().message());
        return 1;
    }
    Json document = Json::object();
    for (const auto& format : *formats) {
        const std::string name = fourcc_name(format.pixel_format);
        Json& refusals = document[name] = Json::array();
        for (int i = 4; i < argc; ++i) {
            v4l2::FormatRequest request{.pixel_format = format.pixel_format};
            if (std::sscanf(argv[i], "%ux%u", &request.width, &request.height) != 2)
                return 2;
            const auto refused =
                capture(**source, request, argv[2], fmt::format("{}/{}.{}", argv[3], name, argv[i]));
            if (!refused)
                break;
            refusals.push_back(refused->message());
        }
    }
    fmt::print("{}\n", document.dump());
    return 0;
}
