// Pictures made by a GPU against the reference in double precision, at every pixel. In the lab a missing GPU
// is a failure; elsewhere the tests are skipped, naming it.
#include "tools/gpu/converter.h"

#include <dlfcn.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <random>

#include "tests/reference/pixel_reference.h"
#include "tools/image/picture.h"

namespace {

// The two functions below are found before the loader's, by everything in this program. What a wait answers
// without waiting, and how often the whole queue was waited for.
VkResult failed_wait = VK_SUCCESS;
int idle_waits = 0;

template<class Function>
Function of_the_loader(const char* name) {
    return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

} // namespace

VkResult VKAPI_CALL vkWaitForFences(VkDevice device, std::uint32_t count, const VkFence* fences, VkBool32 all,
                                    std::uint64_t timeout) {
    static const auto next = of_the_loader<PFN_vkWaitForFences>("vkWaitForFences");
    return failed_wait == VK_SUCCESS ? next(device, count, fences, all, timeout) : failed_wait;
}
VkResult VKAPI_CALL vkQueueWaitIdle(VkQueue queue) {
    static const auto next = of_the_loader<PFN_vkQueueWaitIdle>("vkQueueWaitIdle");
    ++idle_waits;
    return next(queue);
}

namespace hwalloc::tools {
namespace {

struct Colors {
    ColorMatrix matrix;
    const yuv_reference::Standard* standard;
};
constexpr Colors all_matrices[] = {{ColorMatrix::bt601, &yuv_reference::bt601},
                                   {ColorMatrix::bt709, &yuv_reference::bt709},
                                   {ColorMatrix::bt2020, &yuv_reference::bt2020},
                                   {ColorMatrix::smpte240m, &yuv_reference::smpte240}};
constexpr std::uint32_t yuyv = fourcc('Y', 'U', 'Y', 'V'), nv12 = fourcc('N', 'V', '1', '2'),
                        grey = fourcc('R', '8', ' ', ' ');

struct Both {
    const PixelFormat* format;
    const pixel_reference::Format* reference;
};

bool in_lab() {
    const char* lab = std::getenv("HWALLOC_LAB");
    return lab && std::string_view(lab) == "1";
}

// Every format that the shader takes and the reference has; in the lab every sixteenth: an emulated machine
// takes seconds for each pipeline.
std::vector<Both> all_formats() {
    std::vector<Both> found;
    std::size_t turn = 0;
    for (const PixelFormat& format : pixel_formats())
        if (const auto* reference = pixel_reference::find(fourcc_name(format.v4l2.code));
            reference && format.drm && converts(format) && (turn++ % 16 == 0 || !in_lab()))
            found.push_back({&format, reference});
    return found;
}

// Half a level is what rounding costs.
constexpr double tolerance = 0.51;

PixelOrder order_for(const PixelFormat& format) {
    return picture_depth(format) == 16 ? PixelOrder::rgba_16 : PixelOrder::rgba;
}

using Bytes = std::vector<std::uint8_t>;

Bytes random_bytes(std::size_t size, unsigned seed) {
    std::mt19937 random(seed);
    Bytes bytes(size);
    for (auto& byte : bytes)
        byte = static_cast<std::uint8_t>(random());
    return bytes;
}

// The image as the reference sees it: its numbers are where the layout has the planes.
pixel_reference::Image image_of(const Both& both, const ImageLayout& layout, const std::uint8_t* bytes) {
    pixel_reference::Image image{*both.reference, layout.width, layout.height, {}};
    for (std::size_t i = 0; i < layout.plane_count; ++i)
        image.rows[i] = {bytes + layout.planes[i].offset, layout.planes[i].stride};
    return image;
}

class ConverterTest : public ::testing::Test {
protected:
    void SetUp() override {
        auto device = vulkan::Device::open();
        auto allocator =
            device ? device->allocator(vulkan::Placement::host) : Result<AllocatorRef>(Error(device.error()));
        if (!allocator && in_lab())
            FAIL() << allocator.error().message() << ", and this is the lab";
        if (!allocator)
            GTEST_SKIP() << "no GPU here: " << allocator.error().message();
        device_.emplace(std::move(*device));
        allocator_ = std::move(*allocator);
    }

    // Memory with `bytes` in it.
    MemoryRef memory_with(const Bytes& bytes) {
        auto memory = allocator_->alloc(bytes.size());
        if (!memory)
            throw std::runtime_error(memory.error().message());
        auto mapping = (*memory)->map(MapFlags::write).value();
        std::memcpy(mapping.data(), bytes.data(), bytes.size());
        return std::move(*memory);
    }
    static Bytes bytes_of(Memory& memory) {
        auto mapping = memory.map(MapFlags::read).value();
        return {mapping.data(), mapping.data() + mapping.size()};
    }
    vulkan::Buffer buffer_of(Memory& memory) { return device_->buffer(memory).value(); }

    // The most that a channel of a pixel of `picture` is off, for rows of `pitch` bytes; 1000 where the
    // fourth number is not the highest.
    static double worst(const pixel_reference::Image& image, const yuv_reference::Standard& standard,
                        bool full, const std::uint8_t* picture, std::size_t pitch, PixelOrder order) {
        const pixel_reference::Colors colors{.standard = standard, .full = full};
        double most = 0;
        for (std::uint32_t y = 0; y < image.height; ++y)
            for (std::uint32_t x = 0; x < image.width; ++x) {
                const std::uint8_t* at = picture + y * pitch + std::size_t{bytes_of_pixel(order)} * x;
                const bool wide = order == PixelOrder::rgba_16;
                const auto number = [&](std::size_t i) {
                    return wide ? at[2 * i] | at[2 * i + 1] << 8 : at[i];
                };
                const int highest = wide ? 65535 : 255;
                const auto exact = levels(image, colors, x, y);
                for (std::size_t i = 0; i < 3; ++i)
                    most = std::max(
                        most, std::abs(exact[i] * highest - number(order == PixelOrder::bgra ? 2 - i : i)));
                if (number(3) != highest)
                    return 1000;
            }
        return most;
    }

    std::optional<vulkan::Device> device_;
    AllocatorRef allocator_;
};

ImageLayout layout_of(std::uint32_t code, std::uint32_t width, std::uint32_t height, ColorMatrix matrix,
                      ColorRange range, std::uint32_t stride = 0) {
    ImageLayout layout = linear_layout(code, width, height, stride).value();
    layout.matrix = matrix;
    layout.range = range;
    return layout;
}

TEST_F(ConverterTest, EveryFormatMatrixAndRangeAgreesWithTheReference) {
    EXPECT_GE(all_formats().size(), in_lab() ? 3u : 50u);
    std::size_t turn = 0; // a matrix for each format: what a driver takes longest for is a pipeline
    for (const Both& both : all_formats()) {
        const Colors& colors = all_matrices[turn++ % std::size(all_matrices)];
        const PixelOrder order = order_for(*both.format);
        for (const ColorRange range : {ColorRange::limited, ColorRange::full}) {
            SCOPED_TRACE(std::string(both.format->name) + " " +
                         std::to_string(static_cast<int>(colors.matrix)) + " " +
                         std::to_string(static_cast<int>(range)));
            const ImageLayout layout = layout_of(both.format->drm.code, 64, 16, colors.matrix, range);
            Bytes image = random_bytes(layout.memory_sizes[0], layout.fourcc);
            for (std::size_t i = 0; i < 64; ++i) // and the corners of the cube, whatever the format
                image[i] = i >> (i % 4) & 1 ? 255 : 0;
            auto camera = memory_with(image),
                 picture = memory_with(Bytes(std::size_t{64} * 16 * bytes_of_pixel(order)));
            auto converter = Converter::make(*device_, layout, order, 0, 1);
            ASSERT_TRUE(converter) << converter.error().message();
            ASSERT_TRUE(converter->prepare(0, buffer_of(*camera), buffer_of(*picture)));
            auto times = converter->run(0);
            ASSERT_TRUE(times) << times.error().message();
            EXPECT_GT(times->wait_ns, 0);
            const Bytes made = bytes_of(*picture);
            EXPECT_LE(worst(image_of(both, layout, image.data()), *colors.standard, range == ColorRange::full,
                            made.data(), std::size_t{64} * bytes_of_pixel(order), order),
                      tolerance);
        }
    }
}

// Sizes that fill no pair, no word and no workgroup; strides that are no words; memory, frame and picture
// that begin anywhere.
TEST_F(ConverterTest, OddSizesStridesAndPlaces) {
    struct Shape {
        std::uint32_t width, height, stride;
    };
    constexpr Shape shapes[] = {{37, 21, 0}, {37, 21, 101}, {1, 1, 0},   {2, 3, 7},
                                {33, 9, 78}, {5, 8, 12},    {64, 2, 131}};
    constexpr std::size_t places[] = {0, 4, 13};
    // Of formats that most cameras have, all of all; else one in turn, for each takes a pipeline.
    std::vector<const Both*> cases;
    const auto formats = all_formats();
    for (const Both& both : formats) {
        const std::uint32_t code = both.format->drm.code;
        const bool is_common = !in_lab() && (code == yuyv || code == nv12 || code == grey);
        cases.insert(cases.end(), is_common ? std::size(shapes) * std::size(places) * 2 : 1, &both);
    }
    for (std::size_t turn = 0; turn < cases.size(); ++turn) {
        const Both& both = *cases[turn];
        const Shape& shape = shapes[turn % std::size(shapes)];
        const std::size_t before = places[turn % std::size(places)];
        const PixelOrder order = turn % 2 ? PixelOrder::bgra : order_for(*both.format);
        const PixelPlane& first = both.format->planes[0];
        const std::uint32_t least = (shape.width - 1 + first.columns) / first.columns * first.bytes;
        const std::uint32_t stride = shape.stride ? std::max(shape.stride, least) : 0;
        SCOPED_TRACE(std::string(both.format->name) + " " + std::to_string(shape.width) + "x" +
                     std::to_string(shape.height) + " stride " + std::to_string(stride) + " at " +
                     std::to_string(before));
        const ImageLayout layout = layout_of(both.format->drm.code, shape.width, shape.height,
                                             ColorMatrix::bt709, ColorRange::limited, stride);
        // The frame begins 5 bytes into the window that begins at `before`; a guard around the
        // rows of the picture.
        const std::size_t header = before == 13 ? 5 : 0;
        const Bytes image = random_bytes(before + header + layout.memory_sizes[0] + 3, 1);
        const std::size_t row = std::size_t{bytes_of_pixel(order)} * shape.width, pitch = row + 8;
        auto whole = memory_with(image);
        auto camera = whole->share(before).value();
        auto all = memory_with(Bytes(pitch * shape.height + 64, 0xa5));
        auto picture = all->share(16).value();
        auto converter = Converter::make(*device_, layout, order, static_cast<std::uint32_t>(pitch), 1);
        ASSERT_TRUE(converter) << converter.error().message();
        auto ready = converter->prepare(0, buffer_of(*camera), buffer_of(*picture), header);
        ASSERT_TRUE(ready) << ready.error().message();
        ASSERT_TRUE(converter->run(0));
        const Bytes made = bytes_of(*all);
        ASSERT_LE(worst(image_of(both, layout, image.data() + before + header), yuv_reference::bt709, false,
                        made.data() + 16, pitch, order),
                  tolerance);
        for (std::size_t at = 0; at < made.size(); ++at) {
            const bool in_row = at >= 16 && at < 16 + pitch * shape.height && (at - 16) % pitch < row;
            ASSERT_TRUE(in_row || made[at] == 0xa5) << "written outside of a row: " << at;
        }
    }
}

// Each plane in a memory of its own, somewhere in it.
TEST_F(ConverterTest, PlanesInSeveralMemoriesAgreeWithTheReference) {
    int formats = 0;
    for (const PixelFormat& format : pixel_formats()) {
        const auto* reference = pixel_reference::find(fourcc_name(format.v4l2_memory_per_plane));
        if (!reference || (in_lab() && format.drm.code != nv12))
            continue;
        const Both both{&format, reference};
        SCOPED_TRACE(format.name);
        for (const std::uint32_t stride : {0u, 44u}) { // rows that begin anywhere, and at words
            const ImageLayout layout = layout_of(both.format->drm.code, 37, 21, ColorMatrix::bt709,
                                                 ColorRange::limited, stride * both.format->planes[0].bytes);
            const Bytes image = random_bytes(layout.memory_sizes[0], layout.fourcc);
            std::vector<MemoryRef> kept;
            Converter::Source frame;
            for (std::uint32_t i = 0; i < layout.plane_count; ++i) {
                frame.offsets[i] = std::size_t{4} * i;
                const auto first = image.begin() + static_cast<std::ptrdiff_t>(layout.planes[i].offset);
                Bytes plane(frame.offsets[i], 0xa5);
                plane.insert(plane.end(), first, first + static_cast<std::ptrdiff_t>(layout.planes[i].size));
                plane.resize((plane.size() + 3) / 4 * 4);
                kept.push_back(memory_with(plane));
                frame.memories[i] = buffer_of(*kept.back());
            }
            auto picture = memory_with(Bytes(std::size_t{37} * 21 * 4));
            auto converter =
                Converter::make(*device_, with_memory_per_plane(layout), PixelOrder::rgba, 0, 1).value();
            const auto ready = converter.prepare(0, frame, buffer_of(*picture));
            ASSERT_TRUE(ready) << ready.error().message();
            ASSERT_TRUE(converter.run(0));
            EXPECT_LE(worst(image_of(both, layout, image.data()), yuv_reference::bt709, false,
                            bytes_of(*picture).data(), std::size_t{4} * 37, PixelOrder::rgba),
                      tolerance);
            frame.offsets[1] += 128;
            EXPECT_EQ(converter.prepare(0, frame, buffer_of(*picture)).error().kind(),
                      ErrorKind::incompatible)
                << "each memory is looked at";
        }
        ++formats;
    }
    EXPECT_EQ(formats, in_lab() ? 1 : 10);
}

TEST_F(ConverterTest, SlotsAreApartAndCanBePreparedAgain) {
    const ImageLayout layout = layout_of(grey, 8, 4, ColorMatrix::bt601, ColorRange::full);
    auto dark = memory_with(Bytes(32, 1)), bright = memory_with(Bytes(32, 200));
    auto first = memory_with(Bytes(128)), second = memory_with(Bytes(128));
    auto converter = Converter::make(*device_, layout, PixelOrder::rgba, 0, 2).value();
    EXPECT_EQ(converter.picture_bytes(), 128u);
    EXPECT_EQ(converter.run(0).error().kind(), ErrorKind::invalid); // nothing prepared
    ASSERT_TRUE(converter.prepare(0, buffer_of(*dark), buffer_of(*first)));
    ASSERT_TRUE(converter.prepare(1, buffer_of(*bright), buffer_of(*second)));
    for (int round = 0; round < 3; ++round) {
        ASSERT_TRUE(converter.run(0));
        ASSERT_TRUE(converter.run(1));
    }
    EXPECT_EQ(bytes_of(*first)[0], 1);
    EXPECT_EQ(bytes_of(*second)[0], 200);
    ASSERT_TRUE(converter.prepare(0, buffer_of(*bright), buffer_of(*first)));
    ASSERT_TRUE(converter.run(0));
    EXPECT_EQ(bytes_of(*first)[0], 200);
    EXPECT_EQ(converter.prepare(2, buffer_of(*dark), buffer_of(*first)).error().kind(), ErrorKind::invalid);
    EXPECT_EQ(converter.run(2).error().kind(), ErrorKind::invalid);
}

// The memory goes back to the camera, or away, after an error as well.
TEST_F(ConverterTest, AFailedWaitWaitsAllTheSame) {
    const ImageLayout layout = layout_of(grey, 8, 4, ColorMatrix::bt601, ColorRange::full);
    auto camera = memory_with(Bytes(32, 200)), picture = memory_with(Bytes(128));
    auto converter = Converter::make(*device_, layout, PixelOrder::rgba, 0, 1).value();
    ASSERT_TRUE(converter.prepare(0, buffer_of(*camera), buffer_of(*picture)));
    failed_wait = VK_ERROR_OUT_OF_HOST_MEMORY;
    idle_waits = 0;
    auto times = converter.run(0);
    failed_wait = VK_SUCCESS;
    ASSERT_FALSE(times);
    EXPECT_EQ(times.error().call(), "vkWaitForFences");
    EXPECT_EQ(times.error().kind(), ErrorKind::exhausted);
    EXPECT_EQ(idle_waits, 1) << "the GPU was at it";
    EXPECT_EQ(bytes_of(*picture)[0], 200) << "and is done now";
    EXPECT_TRUE(converter.run(0)) << "afterwards the same works";
    EXPECT_EQ(idle_waits, 1) << "which is only for a wait that failed";
}

TEST_F(ConverterTest, MemoryThatIsTooSmallIsRefused) {
    const ImageLayout layout = layout_of(yuyv, 64, 32, ColorMatrix::bt601, ColorRange::limited);
    auto converter = Converter::make(*device_, layout, PixelOrder::rgba, 0, 1).value();
    auto camera = memory_with(Bytes(64 * 32 * 2)), picture = memory_with(Bytes(64 * 32 * 4));
    auto less = camera->share(0, 64 * 32 * 2 - 1).value(), small = picture->share(0, 64 * 32 * 4 - 4).value();
    const Error error = converter.prepare(0, buffer_of(*less), buffer_of(*picture)).error();
    EXPECT_EQ(error.kind(), ErrorKind::incompatible);
    EXPECT_EQ(error.size_wanted(), 64u * 32 * 2);
    EXPECT_EQ(error.size_held(), 64u * 32 * 2 - 1);
    EXPECT_EQ(converter.prepare(0, buffer_of(*camera), buffer_of(*small)).error().kind(),
              ErrorKind::incompatible);
    EXPECT_EQ(converter.prepare(0, buffer_of(*camera), buffer_of(*picture), 4).error().kind(),
              ErrorKind::incompatible);
    EXPECT_EQ(converter.prepare(0, buffer_of(*camera), buffer_of(*picture), ~std::uint64_t{0}).error().kind(),
              ErrorKind::incompatible);
    auto odd = picture->share(2).value();
    EXPECT_FALSE(converter.prepare(0, buffer_of(*camera), buffer_of(*odd)));
    EXPECT_EQ(converter.run(0).error().kind(), ErrorKind::invalid);
    EXPECT_TRUE(converter.prepare(0, buffer_of(*camera), buffer_of(*picture)));
}

TEST(Conversion, RefusesWhatItCannotDo) {
    const auto kind_of = [](const ImageLayout& layout, std::uint32_t pitch = 0) {
        const auto made = make_conversion(layout, pitch);
        return made ? std::optional<ErrorKind>() : made.error().kind();
    };
    const auto good = layout_of(nv12, 8, 8, ColorMatrix::bt601, ColorRange::full);
    EXPECT_EQ(kind_of(good), std::nullopt);
    EXPECT_EQ(kind_of(good, 32), std::nullopt);
    EXPECT_EQ(kind_of(good, 28), ErrorKind::invalid);
    EXPECT_EQ(kind_of(good, 34), ErrorKind::invalid);
    auto tiled = good;
    tiled.modifier = 1;
    EXPECT_EQ(kind_of(tiled), ErrorKind::unsupported);
    EXPECT_EQ(kind_of(layout_of(nv12, 8, 8, ColorMatrix::bt2020_constant, ColorRange::limited)),
              ErrorKind::unsupported);
    EXPECT_EQ(kind_of(layout_of(fourcc('A', 'B', '4', 'H'), 8, 8, ColorMatrix::rgb, ColorRange::full)),
              ErrorKind::unsupported);
    EXPECT_EQ(kind_of(ImageLayout{.width = 8, .height = 8, .plane_count = 1, .memory_count = 1}),
              ErrorKind::unsupported);
    auto empty = good;
    empty.height = 0;
    EXPECT_EQ(kind_of(empty), ErrorKind::invalid);
    EXPECT_EQ(kind_of(layout_of(grey, 65536, 32769, ColorMatrix::bt601, ColorRange::full)), ErrorKind::limit);
}

} // namespace
} // namespace hwalloc::tools
