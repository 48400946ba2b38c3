// The step about pictures: where the allocator says the pixels are, they are.
#include <array>

#include "hwalloc/image.h"
#include "tools/check/steps.h"

namespace hwalloc::tools::checks {
namespace {

constexpr std::uint32_t xrgb = fourcc('X', 'R', '2', '4'), nv12 = fourcc('N', 'V', '1', '2');
constexpr std::uint64_t no_layout = 0x00ff'dead'beef'0001;

// What holds for any picture in one memory.
void expect_inside(const Image& image, std::uint32_t code, std::uint32_t width, std::uint32_t height) {
    const ImageLayout& layout = image.layout;
    holds("there is memory", static_cast<bool>(image.memory));
    equal("format", fourcc_name(code), fourcc_name(layout.fourcc));
    equal("width", width, layout.width);
    equal("height", height, layout.height);
    equal("memories", 1u, layout.memory_count);
    holds(fmt::format("1 to {} planes; found {}", ImageLayout::max_planes, layout.plane_count),
          layout.plane_count >= 1 && layout.plane_count <= ImageLayout::max_planes);
    holds(fmt::format("the picture's {} bytes are in the memory's {}", layout.memory_sizes[0],
                      image.memory->size()),
          layout.memory_sizes[0] > 0 && layout.memory_sizes[0] <= image.memory->size());
    std::uint64_t end = 0;
    for (std::uint32_t i = 0; i < layout.plane_count; ++i) {
        const ImagePlane& plane = layout.planes[i];
        const std::string what = fmt::format("plane {}", i);
        equal(what + ": memory", 0u, plane.memory);
        holds(fmt::format("{} begins at {} and is {} bytes of {}", what, plane.offset, plane.size,
                          layout.memory_sizes[0]),
              plane.size > 0 && plane.offset <= layout.memory_sizes[0] &&
                  plane.size <= layout.memory_sizes[0] - plane.offset);
        holds(fmt::format("{} begins where the one before it has ended ({})", what, end),
              plane.offset >= end);
        end = plane.offset + plane.size;
    }
}

// Rows of a plane through maps of the memory, each row with bytes of its own.
void write_and_read(const Image& image, std::uint32_t plane_index, std::uint32_t row_bytes,
                    std::uint32_t rows) {
    const ImagePlane& plane = image.layout.planes[plane_index];
    holds(fmt::format("plane {}: a stride of {} holds the {} bytes of a row", plane_index, plane.stride,
                      row_bytes),
          plane.stride >= row_bytes);
    holds(fmt::format("plane {}: {} bytes hold {} rows", plane_index, plane.size, rows),
          std::uint64_t{plane.stride} * (rows - 1) + row_bytes <= plane.size);
    const auto row = [&](const Mapping& mapping, std::uint32_t y) {
        return mapping.bytes().subspan(static_cast<std::size_t>(plane.offset) + std::size_t{plane.stride} * y,
                                       row_bytes);
    };
    auto writing = must("WRITE map of a picture", image.memory->map(MapFlags::write));
    for (std::uint32_t y = 0; y < rows; ++y)
        fill(row(writing, y), y);
    must("unmap", writing.unmap());
    auto reading = must("READ map of a picture", image.memory->map(MapFlags::read));
    for (std::uint32_t y = 0; y < rows; ++y)
        expect_pattern(fmt::format("plane {}, row {}", plane_index, y), row(reading, y), y);
    must("unmap", reading.unmap());
}

} // namespace

std::string allocate_images(const Subject& subject) {
    auto* images = subject.allocator->extension<AllocatesImages>();
    holds("the allocator has the interface AllocatesImages", images);
    const auto allocate = [&](std::uint32_t code, std::uint32_t width, std::uint32_t height,
                              std::span<const std::uint64_t> modifiers = {}) {
        return images->alloc_image(
            {.fourcc = code, .width = width, .height = height, .modifiers = modifiers});
    };
    refused("a picture without width", allocate(xrgb, 0, 8), {ErrorKind::invalid});
    refused("a picture without height", allocate(xrgb, 8, 0), {ErrorKind::invalid});
    refused("a picture without a format", allocate(0, 8, 8), {ErrorKind::unsupported, ErrorKind::invalid});
    refused("a picture in a layout that does not exist", allocate(xrgb, 8, 8, {&no_layout, 1}),
            {ErrorKind::unsupported});

    // Odd, so that a row is no multiple of anything.
    constexpr std::uint32_t width = 641, height = 63;
    auto image = must("a picture of 641x63 XR24", allocate(xrgb, width, height));
    expect_inside(image, xrgb, width, height);
    const std::array<std::uint64_t, 2> choice{no_layout, linear_modifier};
    auto chosen =
        must("a linear picture among layouts that do not exist", allocate(xrgb, width, height, choice));
    expect_inside(chosen, xrgb, width, height);
    equal("modifier", linear_modifier, chosen.layout.modifier);
    if (image.layout.modifier == linear_modifier && subject.claims.map &&
        !has(image.memory->flags(), MemoryFlags::not_mappable))
        write_and_read(image, 0, width * 4, height);
    std::string found =
        fmt::format("{}x{} XR24 with a stride of {}", width, height, image.layout.planes[0].stride);

    auto planar = allocate(nv12, width, height);
    if (!planar) {
        refused("a picture of 641x63 NV12", planar, {ErrorKind::unsupported, ErrorKind::incompatible});
        return found + "; no NV12";
    }
    expect_inside(*planar, nv12, width, height);
    equal("planes of NV12", 2u, planar->layout.plane_count);
    if (planar->layout.modifier == linear_modifier && subject.claims.map &&
        !has(planar->memory->flags(), MemoryFlags::not_mappable)) {
        write_and_read(*planar, 0, width, height);
        write_and_read(*planar, 1, width + 1, (height + 1) / 2);
    }
    return found + fmt::format(", NV12 with {}", planar->layout.planes[0].stride);
}

} // namespace hwalloc::tools::checks
