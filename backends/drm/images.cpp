// Images in dumb buffers: the driver says what the pitch is.
#include <drm_fourcc.h>

#include <limits>

#include "allocators/geometry.h"
#include "allocators/modifiers.h"
#include "backends/drm/dumb_allocator.h"
#include "common/addressable.h"
#include "common/fixed_text.h"
#include "common/kernel.h"

namespace hwalloc::drm::detail {
namespace {

// What to ask for, so that the driver's rule about the pitch is that for these pixels: as many bits as a
// pixel has, where all planes are one. Else bytes, in rows of the first plane, and as many rows as hold all
// planes; a multiple of four, so that the other planes' strides come out whole.
Result<DumbShape> shape_of(const ImageRequest& request) noexcept {
    auto least = linear_layout(request.fourcc, request.width, request.height);
    if (!least)
        return std::move(least).error();
    std::uint64_t stride = least->planes[0].stride;
    std::uint64_t rows = request.height;
    if (least->plane_count > 1) {
        stride = (stride + 3) / 4 * 4;
        if (stride > std::numeric_limits<std::uint32_t>::max())
            return Error(ErrorKind::limit, "the stride of the image does not fit");
        least =
            linear_layout(request.fourcc, request.width, request.height, static_cast<std::uint32_t>(stride));
        if (!least)
            return std::move(least).error();
        rows = (least->memory_sizes[0] + stride - 1) / stride;
    }
    if (least->memory_sizes[0] > most_bytes || rows > std::numeric_limits<std::uint32_t>::max())
        return Error(ErrorKind::limit, "the image is larger than a dumb buffer can be")
            .wanted(least->memory_sizes[0])
            .held(most_bytes);
    DumbShape shape{
        .width = static_cast<std::uint32_t>(stride), .height = static_cast<std::uint32_t>(rows), .bits = 8};
    const std::uint64_t bits = stride * 8;
    if (least->plane_count == 1 && bits % request.width == 0) {
        shape.width = request.width;
        shape.bits = static_cast<std::uint32_t>(bits / request.width);
    }
    return shape;
}

// Some drivers make one depth only (virtio_gpu: 32). The bytes are what counts.
Result<Dumb> create(const std::shared_ptr<File>& file, const DumbShape& shape) noexcept {
    auto dumb = create_dumb(file, shape);
    if (dumb || dumb.error().kind() != ErrorKind::invalid || shape.bits == 32)
        return dumb;
    auto other = create_dumb(file, with_depth(shape, 32));
    if (!other)
        return std::move(dumb).error().because(std::move(other).error());
    return other;
}

} // namespace

Result<Image> DumbAllocator::alloc_image(const ImageRequest& request) noexcept {
    if (!allows_linear(request.modifiers))
        return Error(ErrorKind::unsupported, "allocating an image")
            .on(source_.node())
            .remedy("dumb buffers are linear, and linear is not among the modifiers asked for");
    auto shape = shape_of(request);
    if (!shape)
        return std::move(shape).error().on(source_.node());
    return with_file(
        [&](const std::shared_ptr<File>& file) noexcept { return image_on(file, request, *shape); });
}

Result<Image> DumbAllocator::image_on(const std::shared_ptr<File>& file, const ImageRequest& request,
                                      const DumbShape& shape) noexcept {
    auto dumb = create(file, shape);
    if (!dumb)
        return std::move(dumb).error();
    auto layout = linear_layout(request.fourcc, request.width, request.height, dumb->pitch);
    if (!layout)
        return std::move(layout)
            .error()
            .doing(FixedText("laying an image out with the driver's pitch of ", dumb->pitch, " bytes"))
            .on(file->node);
    const auto bytes = addressable(layout->memory_sizes[0]);
    if (!bytes)
        return Error(bytes.error()).on(file->node);
    auto buffer = export_buffer(file, *dumb, *bytes);
    if (!buffer)
        return std::move(buffer).error();
    auto geometry = Geometry::window((*buffer)->size(), 0, *bytes, MemoryFlags::none);
    if (!geometry)
        return std::move(geometry).error();
    geometry->align = page_size() - 1;
    (*buffer)->set_name(FixedText("hwalloc:", request.width, "x", request.height));
    auto block = make_block(std::move(dumb->handle), *geometry, std::move(*buffer), Origin::made);
    if (!block)
        return std::move(block).error();
    return Image{MemoryRef::adopt(&(*block)->root()), *layout};
}

} // namespace hwalloc::drm::detail
