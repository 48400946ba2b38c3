#include "tools/image/picture.h"

#include <algorithm>
#include <cmath>

#include "tools/image/convert.h"
#include "tools/image/mosaic.h"
#include "tools/image/numbers.h"
#include "tools/image/room.h"

namespace hwalloc::tools {
namespace {

// A number as a level: 0 is black and 1 is white; of chroma, 0 is none of it.
struct Scale {
    double factor = 0, zero = 0;

    double level(double number) const { return (number - zero) * factor; }
};

// Limited range is defined for 8 bits, and multiplied by powers of two for others (BT.601-7 2.5.3, BT.2020
// table 5).
Scale scale_of(unsigned bits, ColorRange range) {
    if (bits == 0)
        return {};
    if (range == ColorRange::full)
        return {1 / (std::exp2(bits) - 1), 0};
    const double unit = std::exp2(static_cast<int>(bits) - 8);
    return {1 / (219 * unit), 16 * unit};
}

Scale chroma_scale_of(unsigned bits, ColorRange range) {
    if (bits == 0)
        return {};
    const double zero = std::exp2(static_cast<int>(bits) - 1);
    return {range == ColorRange::full ? 1 / (std::exp2(bits) - 1) : 1 / (1.75 * zero), zero};
}

// The picture's numbers one after the other.
class PictureWriter {
public:
    explicit PictureWriter(Picture& picture) : next_(picture.bytes.data()), wide_(picture.depth == 16) {}
    void put(double level) {
        const double most = wide_ ? 65535 : 255;
        const auto number = static_cast<std::uint32_t>(std::lround(std::clamp(level, 0.0, 1.0) * most));
        if (wide_)
            *next_++ = static_cast<std::uint8_t>(number >> 8);
        *next_++ = static_cast<std::uint8_t>(number);
    }

private:
    std::uint8_t* next_;
    bool wide_;
};

struct Source {
    const PixelFormat& format;
    const ImageLayout& layout; // with the planes of the format
    ImageBytes memories;

    // The row of a component that holds for row `y` of the image.
    void read(std::size_t component, std::uint32_t y, std::span<std::uint16_t> numbers) const {
        const PixelComponent& from = format.components[component];
        const ImagePlane& plane = layout.planes[from.plane];
        const std::size_t row = y / format.planes[from.plane].rows;
        const std::uint8_t* bytes = memories[plane.memory].data() + static_cast<std::size_t>(plane.offset);
        read_numbers(format, from, bytes + plane.stride * row, numbers);
    }
};

// Y'CbCr: the definitions of the matrix, inverted.
void convert_yuv(const Source& from, PictureWriter& to) {
    const PixelFormat& format = from.format;
    const ImageLayout& layout = from.layout;
    double kr = 0.299, kb = 0.114;
    (void)luma_weights(layout.matrix, kr, kb);
    const double kg = 1 - kr - kb;
    const Scale luma = scale_of(format.depth(), layout.range);
    const Scale blue = chroma_scale_of(format.components[1].bits, layout.range),
                red = chroma_scale_of(format.components[2].bits, layout.range);
    const std::size_t chroma = (layout.width - 1) / format.chroma_columns + 1;
    std::vector<std::uint16_t> y(layout.width), cb(chroma), cr(chroma);
    for (std::uint32_t row = 0; row < layout.height; ++row) {
        from.read(0, row, y);
        if (row % format.chroma_rows == 0) {
            from.read(1, row, cb);
            from.read(2, row, cr);
        }
        for (std::uint32_t x = 0; x < layout.width; ++x) {
            const double level = luma.level(y[x]), to_blue = blue.level(cb[x / format.chroma_columns]),
                         to_red = red.level(cr[x / format.chroma_columns]);
            const double r = level + 2 * (1 - kr) * to_red, b = level + 2 * (1 - kb) * to_blue;
            to.put(r);
            to.put((level - kr * r - kb * b) / kg);
            to.put(b);
        }
    }
}

void convert_grey(const Source& from, PictureWriter& to) {
    const Scale scale = scale_of(from.format.depth(), from.layout.range);
    std::vector<std::uint16_t> numbers(from.layout.width);
    for (std::uint32_t row = 0; row < from.layout.height; ++row) {
        from.read(0, row, numbers);
        for (const std::uint16_t number : numbers)
            for (int i = 0; i < 3; ++i)
                to.put(scale.level(number));
    }
}

void convert_rgb(const Source& from, PictureWriter& to) {
    std::array<Scale, 3> scales;
    std::array<std::vector<std::uint16_t>, 3> numbers;
    for (std::size_t i = 0; i < 3; ++i) {
        scales[i] = scale_of(from.format.components[i].bits, from.layout.range);
        numbers[i].resize(from.layout.width);
    }
    for (std::uint32_t row = 0; row < from.layout.height; ++row) {
        for (std::size_t i = 0; i < 3; ++i)
            if (from.format.components[i].bits)
                from.read(i, row, numbers[i]);
        for (std::uint32_t x = 0; x < from.layout.width; ++x)
            for (std::size_t i = 0; i < 3; ++i)
                to.put(scales[i].level(numbers[i][x]));
    }
}

// A colour of full value: which two of red, green and blue it has is told by the sixth of the circle that its
// hue is in.
void convert_hsv(const Source& from, PictureWriter& to) {
    const double circle = from.layout.matrix == ColorMatrix::hsv_256 ? 256 : 180;
    std::array<std::vector<std::uint16_t>, 3> numbers;
    for (auto& row : numbers)
        row.resize(from.layout.width);
    for (std::uint32_t row = 0; row < from.layout.height; ++row) {
        for (std::size_t i = 0; i < 3; ++i)
            from.read(i, row, numbers[i]);
        for (std::uint32_t x = 0; x < from.layout.width; ++x) {
            const double hue = numbers[0][x] * 6 / circle, saturation = numbers[1][x] / 255.0,
                         value = numbers[2][x] / 255.0;
            for (const double peak : {0.0, 2.0, 4.0}) { // where on the circle the component is at its highest
                const double away = std::abs(std::remainder(hue - peak, 6.0));
                to.put(value * (1 - saturation * std::clamp(away - 1, 0.0, 1.0)));
            }
        }
    }
}

Result<void> convert_bayer(const Source& from, PictureWriter& to) {
    const std::uint32_t width = from.layout.width, height = from.layout.height;
    std::vector<std::uint16_t> numbers;
    if (auto room = make_room(numbers, std::uint64_t{width} * height); !room)
        return room;
    for (std::uint32_t row = 0; row < height; ++row)
        from.read(0, row, std::span(numbers).subspan(std::size_t{width} * row, width));
    const Mosaic mosaic{numbers, width, height, from.format.mosaic};
    const Scale scale = scale_of(from.format.depth(), from.layout.range);
    for (std::uint32_t y = 0; y < height; ++y)
        for (std::uint32_t x = 0; x < width; ++x)
            for (const double number : mosaic.color_at(x, y))
                to.put(scale.level(number));
    return {};
}

// Where the planes are: what the layout says of a format with a name in drm_fourcc.h, the same as V4L2 lays
// raw sensors' data out for others.
Result<ImageLayout> whole_layout(const PixelFormat& format, const ImageLayout& layout) {
    if (layout.fourcc)
        return layout;
    auto whole = linear_layout(format, layout.width, layout.height, layout.planes[0].stride);
    if (whole) {
        whole->planes[0].offset = layout.planes[0].offset;
        whole->matrix = layout.matrix;
        whole->range = layout.range;
    }
    return whole;
}

// The last row ends with its pixels, whatever the stride.
Result<void> check_inside(const PixelFormat& format, const ImageLayout& layout, ImageBytes memories) {
    for (std::size_t i = 0; i < format.plane_count; ++i) {
        const PixelPlane& shape = format.planes[i];
        const std::uint64_t rows = (layout.height - 1) / shape.rows + std::uint64_t{1},
                            row_bytes = ((layout.width - 1) / shape.columns + std::uint64_t{1}) * shape.bytes;
        const ImagePlane& plane = layout.planes[i];
        const std::uint64_t held = plane.memory < memories.size() ? memories[plane.memory].size() : 0;
        if (row_bytes > plane.stride)
            return Error(ErrorKind::invalid, "the rows of the picture are longer than its stride");
        if (plane.offset > held || plane.stride * (rows - 1) + row_bytes > held - plane.offset)
            return Error(ErrorKind::invalid, "the picture is shorter than its layout says")
                .wanted(plane.offset + plane.stride * (rows - 1) + row_bytes)
                .held(held);
    }
    return {};
}

} // namespace

unsigned picture_depth(const PixelFormat& format) noexcept {
    return std::any_of(format.components.begin(), format.components.begin() + 3,
                       [](const PixelComponent& component) { return component.bits > 8; })
               ? 16
               : 8;
}

const char* why_no_picture(const PixelFormat& format) {
    if (format.kind == PixelKind::compressed)
        return "compressed streams are not decoded";
    if (format.is_float)
        return "no camera has numbers with a floating point";
    return nullptr;
}

Result<void> can_convert(const PixelFormat& format, const ImageLayout& layout) {
    if (const char* why = why_no_picture(format))
        return Error(ErrorKind::unsupported, why);
    if (layout.fourcc != format.drm.code)
        return Error(ErrorKind::unsupported, "the driver has no room for all chroma of this odd size");
    if (layout.modifier != linear_modifier)
        return Error(ErrorKind::unsupported, "there is no converter from pixels that are not linear");
    if (layout.width == 0 || layout.height == 0)
        return Error(ErrorKind::unsupported, "an image has at least one pixel");
    double kr, kb;
    const bool has_hues = layout.matrix == ColorMatrix::hsv_180 || layout.matrix == ColorMatrix::hsv_256;
    if ((format.kind == PixelKind::yuv && !luma_weights(layout.matrix, kr, kb)) ||
        (format.kind == PixelKind::hsv && !has_hues))
        return Error(
            ErrorKind::unsupported,
            "there is no converter from these colours (constant luminance, or none told) to a picture");
    return {};
}

Result<void> to_picture(const PixelFormat& format, const ImageLayout& layout, ImageBytes memories,
                        Picture& picture) {
    if (auto can = can_convert(format, layout); !can)
        return can;
    if (layout.fourcc && can_convert(layout)) { // the formats that most cameras have, faster
        picture.width = layout.width;
        picture.height = layout.height;
        picture.depth = 8;
        return to_rgb(layout, memories, picture.bytes);
    }
    const auto whole = whole_layout(format, layout);
    if (!whole)
        return whole.error();
    if (auto inside = check_inside(format, *whole, memories); !inside)
        return inside;
    const Source source{format, *whole, memories};
    picture.width = whole->width;
    picture.height = whole->height;
    picture.depth = picture_depth(format);
    if (auto room =
            make_room(picture.bytes, std::uint64_t{3} * picture.depth / 8 * picture.width * picture.height);
        !room)
        return room;
    PictureWriter writer(picture);
    switch (format.kind) {
    case PixelKind::yuv:
        convert_yuv(source, writer);
        break;
    case PixelKind::grey:
        convert_grey(source, writer);
        break;
    case PixelKind::bayer:
        return convert_bayer(source, writer);
    case PixelKind::hsv:
        convert_hsv(source, writer);
        break;
    default:
        convert_rgb(source, writer);
    }
    return {};
}

} // namespace hwalloc::tools
