// Judges pictures that we made of a camera's frames: captures the same scene once more with bare ioctls into
// the driver's own buffers, converts it with the double-precision reference, and says how far the picture is
// from it, in numbers of the picture (of 8 or 16 bits).
//
//   judge_picture DEVICE WIDTHxHEIGHT FOURCC PICTURE.png
//
// prints one JSON object: {"max_difference", "mean_difference", "width", "height", "stride", "colorspace",
// ...}.
//
//   judge_picture DEVICE DIRECTORY WIDTHxHEIGHT...
//
// judges what capture_formats left in the directory, and prints {FOURCC: [...]} with an object for each size
// that was captured of each format of the camera: {"asked", "width", "height", "is_same"} and, where there is
// a picture, the members above. "is_same": all bytes of the frame are those of the file.
#include <algorithm>
#include <fstream>
#include <iterator>
#include <optional>

#include "judge_camera.h"
#include "judge_png.h"

namespace {

std::uint32_t code_of(std::string letters) {
    const bool big_endian = letters.size() > 4 && letters.ends_with("-BE");
    letters.resize(4, ' ');
    const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(letters[i]); };
    const std::uint32_t code = v4l2_fourcc(byte(0), byte(1), byte(2), byte(3));
    return big_endian ? code | 1u << 31 : code;
}

std::string letters_of(std::uint32_t code) {
    std::string letters;
    for (std::uint32_t i = 0; i < 4; ++i)
        letters += static_cast<char>((code & 0x7fffffff) >> 8 * i & 0xff);
    letters.resize(letters.find_last_not_of(' ') + 1);
    return code >> 31 ? letters + "-BE" : letters;
}

struct Size {
    std::uint32_t width = 0, height = 0;
};
std::optional<Size> size_of(const char* text) {
    Size size;
    return std::sscanf(text, "%ux%u", &size.width, &size.height) == 2 ? std::optional(size) : std::nullopt;
}

// The members of a JSON object.
std::string judge_picture(const judge::Frame& frame, const pixel_reference::Format& format,
                          const std::string& path) {
    const judge::Png shown = judge::read_png(path);
    if (shown.width != frame.width || shown.height != frame.height) {
        std::fprintf(stderr, "judge_picture: %s is %ux%u, and not %ux%u\n", path.c_str(), shown.width,
                     shown.height, frame.width, frame.height);
        std::exit(2);
    }
    const pixel_reference::Colors colors = colors_of(frame, format);
    auto image = in_one_memory(format, frame.bytes.data(), frame.width, frame.height, frame.stride);
    for (std::size_t i = 0; frame.parts.size() > 1 && i < frame.parts.size(); ++i)
        image.rows[i] = {frame.bytes.data() + frame.parts[i].begin, frame.parts[i].stride};
    double most = 0, sum = 0, darkest = 1, brightest = 0;
    for (std::uint32_t y = 0; y < frame.height; ++y)
        for (std::uint32_t x = 0; x < frame.width; ++x) {
            const auto exact = levels(image, colors, x, y);
            double off = 0;
            for (std::size_t i = 0; i < 3; ++i) {
                const double number = shown.rgb[(std::size_t{y} * frame.width + x) * 3 + i];
                off = std::max(off, std::abs(exact[i] * shown.most() - number));
            }
            most = std::max(most, off);
            sum += off;
            darkest = std::min(darkest, exact[1]);
            brightest = std::max(brightest, exact[1]);
        }
    // The range of the scene is told so that a test can insist on a scene worth comparing.
    char text[400];
    std::snprintf(text, sizeof text,
                  "\"max_difference\": %.3f, \"mean_difference\": %.4f, \"width\": %u, \"height\": %u, "
                  "\"stride\": %u, \"colorspace\": %u, \"ycbcr_enc\": %u, \"quantization\": %u, "
                  "\"depth\": %u, \"scene_range\": %.1f",
                  most, sum / (double{1} * frame.width * frame.height), frame.width, frame.height,
                  frame.stride, frame.colorspace, frame.encoding, frame.quantization, shown.depth,
                  (brightest - darkest) * 255);
    return text;
}

const pixel_reference::Format& reference_of(const std::string& letters) {
    const pixel_reference::Format* format = pixel_reference::find(letters);
    if (!format) {
        std::fprintf(stderr, "judge_picture: there is no reference for %s\n", letters.c_str());
        std::exit(2);
    }
    return *format;
}

int judge_one(judge::Camera& camera, Size size, const std::string& name, const char* path) {
    const std::string letters = name == "RG24" ? "RGB3" : name;
    const judge::Frame frame = camera.capture(code_of(letters), size.width, size.height, 4);
    if (frame.fourcc != code_of(letters) || frame.width != size.width || frame.height != size.height) {
        errno = EINVAL;
        judge::die("the driver gives another format or size");
    }
    std::printf("{%s}\n", judge_picture(frame, reference_of(letters), path).c_str());
    return 0;
}

std::optional<std::vector<std::uint8_t>> read_file(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file)
        return std::nullopt;
    return std::vector<std::uint8_t>(std::istreambuf_iterator<char>(file), {});
}

int judge_all(judge::Camera& camera, const std::string& directory, char** sizes, int size_count) {
    const char* between_formats = "{";
    for (const std::uint32_t code : camera.formats()) {
        const std::string letters = letters_of(code);
        std::printf("%s\"%s\": [", between_formats, letters.c_str());
        between_formats = ",\n ";
        const char* between = "";
        for (int i = 0; i < size_count; ++i) {
            const std::string path = directory + "/" + letters + "." + sizes[i];
            const auto size = size_of(sizes[i]);
            const auto raw = read_file(path + ".raw");
            if (!size || !raw)
                continue;
            const judge::Frame frame = camera.capture(code, size->width, size->height);
            std::printf("%s{\"asked\": \"%s\", \"is_same\": %s, ", between, sizes[i],
                        *raw == frame.bytes ? "true" : "false");
            between = ", ";
            if (std::ifstream(path + ".png"))
                std::printf("%s}", judge_picture(frame, reference_of(letters), path + ".png").c_str());
            else
                std::printf("\"width\": %u, \"height\": %u}", frame.width, frame.height);
        }
        std::printf("]");
    }
    std::printf("}\n");
    return 0;
}

} // namespace

int main(int argc, char** argv) {
    const auto size = argc > 2 ? size_of(argv[2]) : std::nullopt;
    if (argc < 4 || (size && argc != 5)) {
        std::fprintf(stderr, "usage: judge_picture DEVICE WIDTHxHEIGHT FOURCC PICTURE.png\n"
                             "       judge_picture DEVICE DIRECTORY WIDTHxHEIGHT...\n");
        return 2;
    }
    judge::Camera camera(argv[1]);
    return size ? judge_one(camera, *size, argv[3], argv[4]) : judge_all(camera, argv[2], argv + 3, argc - 3);
}
