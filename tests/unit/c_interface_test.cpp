// The C interface where a program that works does not get: errors as objects, structs of other sizes, and
// nothing where something is needed. tests/c has the program that works.
#include <gmock/gmock.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>

#include "bindings/c/answer.h"
#include "hwalloc/hwalloc.h"
#include "hwalloc/inventory.h"

namespace hwalloc {
namespace {

using namespace testing;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class CInterface : public ::testing::Test {
protected:
    ~CInterface() override { hwalloc_error_free(error); }
    // Where the next call's error goes.
    hwalloc_error** place() {
        hwalloc_error_free(std::exchange(error, nullptr));
        return &error;
    }
    hwalloc_error* error = nullptr;
};

TEST_F(CInterface, TheSystemsErrnoIsAnsweredElseTheKinds) {
    constexpr struct {
        ErrorKind kind;
        int answer;
    } kinds[] = {
        {ErrorKind::invalid, EINVAL},     {ErrorKind::unavailable, ENOENT},
        {ErrorKind::permission, EACCES},  {ErrorKind::unsupported, EOPNOTSUPP},
        {ErrorKind::incompatible, EXDEV}, {ErrorKind::exhausted, ENOMEM},
        {ErrorKind::busy, EBUSY},         {ErrorKind::conflict, EPERM},
        {ErrorKind::limit, EOVERFLOW},    {ErrorKind::device_lost, ENODEV},
    };
    for (const auto& [kind, answer] : kinds) {
        EXPECT_EQ(c::refuse(Error(kind, "no"), nullptr), -answer);
        EXPECT_EQ(c::refuse(Error::from_vulkan(kind, -2, "no"), place()), -answer);
        EXPECT_EQ(hwalloc_error_kind(error), static_cast<uint32_t>(kind));
        EXPECT_EQ(hwalloc_error_code(error), -2);
        EXPECT_EQ(hwalloc_error_domain(error), uint32_t{HWALLOC_ERROR_DOMAIN_VULKAN});
        EXPECT_EQ(hwalloc_error_kind_name(static_cast<uint32_t>(kind)), to_string(kind));
    }
    EXPECT_EQ(c::refuse(Error(ErrorKind::incompatible, EFAULT, "no"), place()), -EFAULT);
    EXPECT_EQ(hwalloc_error_domain(error), uint32_t{HWALLOC_ERROR_DOMAIN_SYSTEM});
    EXPECT_EQ(hwalloc_error_code(error), EFAULT);
    EXPECT_STREQ(hwalloc_error_kind_name(0), "unknown");
    EXPECT_STREQ(hwalloc_error_kind_name(11), "unknown");
    EXPECT_STREQ(hwalloc_errno_name(EACCES), "EACCES");
    EXPECT_STREQ(hwalloc_errno_name(99999), "");
    EXPECT_STREQ(hwalloc_vk_result_name(-2), "VK_ERROR_OUT_OF_DEVICE_MEMORY");
    EXPECT_STREQ(hwalloc_version(), std::string(version()).c_str());
}

TEST_F(CInterface, AnErrorTellsTheWholeStory) {
    const Error story = Error::from_errno(EACCES, "opening")
                            .doing("opening \"it\"")
                            .on("/dev/x\n")
                            .call("open")
                            .wanted(7)
                            .held(3)
                            .remedy("join a group")
                            .mend("sudo usermod -aG video me")
                            .because(Error(ErrorKind::busy, 99999, "asking \xff\xc3\xa4\xe2\x82\xac \\"));
    EXPECT_EQ(c::refuse(story, place()), -EACCES);
    EXPECT_EQ(hwalloc_error_message(error), story.message());
    EXPECT_STREQ(hwalloc_error_operation(error), "opening \"it\"");
    EXPECT_STREQ(hwalloc_error_device(error), "/dev/x\n");
    EXPECT_STREQ(hwalloc_error_call(error), "open");
    EXPECT_STREQ(hwalloc_error_remedy(error), "join a group");
    EXPECT_STREQ(hwalloc_error_mend(error), "sudo usermod -aG video me");
    EXPECT_EQ(hwalloc_error_size_wanted(error), 7u);
    EXPECT_EQ(hwalloc_error_size_held(error), 3u);
    const hwalloc_error* cause = hwalloc_error_cause(error, 0);
    ASSERT_NE(cause, nullptr);
    EXPECT_EQ(hwalloc_error_kind(cause), uint32_t{HWALLOC_ERROR_BUSY});
    EXPECT_EQ(hwalloc_error_cause(error, 1), nullptr);
    EXPECT_EQ(hwalloc_error_cause(cause, 0), nullptr);
    const std::string json = hwalloc_error_json(error);
    EXPECT_THAT(json, StartsWith(R"({"kind": "permission", "message": ")"));
    EXPECT_THAT(
        json,
        HasSubstr(
            R"("operation": "opening \"it\"", "device": "/dev/x\u000a", "call": "open", )"
            R"("errno": "EACCES", "vk_result": null, "size_wanted": 7, "size_held": 3, )"
            R"("remedy": "join a group", "mend": "sudo usermod -aG video me", "causes": [{"kind": "busy")"));
    EXPECT_THAT(json, HasSubstr("\"operation\": \"asking \\ufffd\u00e4\u20ac \\\\\""));
    EXPECT_THAT(json, HasSubstr(R"("errno": "99999", "vk_result": null, "size_wanted": null)"));
    EXPECT_EQ(hwalloc_error_json(error), std::string(json));
}

TEST_F(CInterface, WhereThereWasNoMemoryForAnErrorThatIsTold) {
    EXPECT_EQ(hwalloc_error_kind(nullptr), uint32_t{HWALLOC_ERROR_EXHAUSTED});
    EXPECT_STREQ(hwalloc_error_message(nullptr), "out of memory");
    EXPECT_STREQ(hwalloc_error_remedy(nullptr), "");
    EXPECT_THAT(hwalloc_error_json(nullptr), StartsWith(R"({"kind": "exhausted")"));
    EXPECT_EQ(hwalloc_error_cause(nullptr, 0), nullptr);
    hwalloc_error_free(nullptr);
}

// A caller that was compiled against a smaller or a larger struct.
TEST_F(CInterface, StructsOfAnotherSizeAreUnderstood) {
    hwalloc_memory* memory = nullptr;
    hwalloc_allocation_params params{};
    EXPECT_EQ(hwalloc_alloc(nullptr, 100, &params, &memory, place()), -EINVAL) << "no size";
    EXPECT_THAT(hwalloc_error_message(error), HasSubstr("struct_size"));
    params.struct_size = offsetof(hwalloc_allocation_params, prefix);
    params.align = 63;
    params.prefix = ~size_t{0}; // which it does not have
    ASSERT_EQ(hwalloc_alloc(nullptr, 100, &params, &memory, place()), 0);
    EXPECT_EQ(hwalloc_memory_align(memory), 63u);
    EXPECT_EQ(hwalloc_memory_offset(memory), 0u);
    hwalloc_memory_unref(memory);
    struct {
        hwalloc_allocation_params known;
        uint64_t more;
    } larger{};
    larger.known.struct_size = sizeof larger;
    larger.known.prefix = 8;
    ASSERT_EQ(hwalloc_alloc(nullptr, 100, &larger.known, &memory, place()), 0);
    EXPECT_EQ(hwalloc_memory_offset(memory), 8u);
    larger.more = 1;
    EXPECT_EQ(hwalloc_alloc(nullptr, 100, &larger.known, &memory, place()), -E2BIG);
    larger.known.reserved = 1;
    larger.more = 0;
    EXPECT_EQ(hwalloc_alloc(nullptr, 100, &larger.known, &memory, place()), -EINVAL);

    struct {
        hwalloc_image_layout known;
        uint64_t more = 5;
    } layout{};
    EXPECT_EQ(hwalloc_linear_layout(0x34325258, 3, 2, 0, &layout.known, place()), -EINVAL);
    layout.known.struct_size = sizeof layout;
    ASSERT_EQ(hwalloc_linear_layout(0x34325258, 3, 2, 0, &layout.known, place()), 0);
    EXPECT_EQ(layout.known.struct_size, sizeof layout);
    EXPECT_EQ(layout.known.planes[0].stride, 12u);
    EXPECT_EQ(layout.more, 0u) << "what the library does not know";
    hwalloc_image_layout smaller{};
    smaller.struct_size = offsetof(hwalloc_image_layout, plane_count);
    smaller.plane_count = 77;
    ASSERT_EQ(hwalloc_linear_layout(0x34325258, 3, 2, 0, &smaller, place()), 0);
    EXPECT_EQ(smaller.height, 2u);
    EXPECT_EQ(smaller.plane_count, 77u) << "what the caller does not know";
    struct {
        hwalloc_map_info known;
        uint64_t more = 5;
    } info{};
    EXPECT_EQ(hwalloc_memory_map(memory, &info.known, HWALLOC_MAP_READ, place()), -EINVAL);
    EXPECT_THAT(hwalloc_error_message(error), HasSubstr("struct_size"));
    info.known.struct_size = sizeof info;
    ASSERT_EQ(hwalloc_memory_map(memory, &info.known, HWALLOC_MAP_READ, place()), 0);
    EXPECT_EQ(info.known.struct_size, sizeof info);
    EXPECT_EQ(info.more, 0u);
    EXPECT_EQ(hwalloc_memory_unmap(memory, &info.known, place()), 0);
    hwalloc_memory_unref(memory);
}

// What was left on the stack is taken for a size: nothing is read or written at its end.
TEST_F(CInterface, ASizeThatNoStructHasIsRefused) {
    hwalloc_memory* memory = nullptr;
    hwalloc_allocation_params params{};
    hwalloc_image_layout layout{};
    params.struct_size = layout.struct_size = SIZE_MAX / 2;
    EXPECT_EQ(hwalloc_alloc(nullptr, 100, &params, &memory, place()), -E2BIG);
    EXPECT_THAT(hwalloc_error_message(error), HasSubstr("struct_size"));
    EXPECT_EQ(hwalloc_linear_layout(0x34325258, 3, 2, 0, &layout, place()), -E2BIG);
    ASSERT_EQ(hwalloc_alloc(nullptr, 100, nullptr, &memory, place()), 0);
    hwalloc_map_info info{};
    info.struct_size = SIZE_MAX / 2;
    EXPECT_EQ(hwalloc_memory_map(memory, &info, HWALLOC_MAP_READ, place()), -E2BIG);
    hwalloc_memory_unref(memory);
}

TEST_F(CInterface, NothingWhereSomethingIsNeededIsRefused) {
    hwalloc_memory* memory = nullptr;
    ASSERT_EQ(hwalloc_alloc(nullptr, 16, nullptr, &memory, nullptr), 0) << "of the default";
    hwalloc_allocator* const sysmem = hwalloc_find("sysmem");
    hwalloc_map_info info{};
    info.struct_size = sizeof info;
    hwalloc_borrowed_fd lent{};
    lent.struct_size = sizeof lent;
    hwalloc_image_layout layout{};
    layout.struct_size = sizeof layout;
    int destroyed = 0;
    const hwalloc_notify destroy = [](void* data) { ++*static_cast<int*>(data); };
    hwalloc_error** const e = nullptr;
    hwalloc_image* image = nullptr;
    hwalloc_properties properties{};
    int fd = -1;
    const int answers[] = {
        hwalloc_resolve("sysmem", nullptr, e),
        hwalloc_register(nullptr, sysmem, e),
        hwalloc_register("name", nullptr, e),
        hwalloc_unregister(nullptr, e),
        hwalloc_set_default(nullptr, e),
        hwalloc_allocator_properties(nullptr, &properties, e),
        hwalloc_allocator_properties(sysmem, nullptr, e),
        hwalloc_allocator_properties(sysmem, &properties, e),
        hwalloc_allocator_available(nullptr, e),
        hwalloc_check_node(nullptr, e),
        hwalloc_alloc(sysmem, 1, nullptr, nullptr, e),
        hwalloc_new_wrapped(0, nullptr, 1, 0, 1, nullptr, nullptr, &memory, e),
        hwalloc_new_wrapped(0, &fd, 1, 0, 1, nullptr, nullptr, nullptr, e),
        hwalloc_free(nullptr, memory, e),
        hwalloc_free(sysmem, nullptr, e),
        hwalloc_memory_map(nullptr, &info, HWALLOC_MAP_READ, e),
        hwalloc_memory_map(memory, nullptr, HWALLOC_MAP_READ, e),
        hwalloc_memory_unmap(nullptr, &info, e),
        hwalloc_memory_unmap(memory, nullptr, e),
        hwalloc_memory_unmap(memory, &info, e),
        hwalloc_memory_begin_cpu_access(nullptr, &info, HWALLOC_MAP_READ, e),
        hwalloc_memory_end_cpu_access(memory, nullptr, e),
        hwalloc_make_mapped(nullptr, &info, HWALLOC_MAP_READ, &memory, e),
        hwalloc_make_writable(nullptr, &memory, e),
        hwalloc_memory_lock(nullptr, HWALLOC_LOCK_READ, e),
        hwalloc_memory_unlock(nullptr, HWALLOC_LOCK_READ, e),
        hwalloc_memory_share(nullptr, 0, 1, &memory, e),
        hwalloc_memory_share(memory, 0, 1, nullptr, e),
        hwalloc_memory_copy(nullptr, 0, 1, nullptr, &memory, e),
        hwalloc_memory_copy(memory, 0, 1, nullptr, nullptr, e),
        hwalloc_memory_resize(nullptr, 0, 1, e),
        hwalloc_memory_set_window(nullptr, 0, 1, e),
        hwalloc_memory_borrow_fd(nullptr, HWALLOC_FD_MEMFD, &lent, e),
        hwalloc_memory_borrow_fd(memory, HWALLOC_FD_MEMFD, nullptr, e),
        hwalloc_memory_borrow_fd(memory, 2, &lent, e),
        hwalloc_memory_export_fd(nullptr, HWALLOC_FD_MEMFD, &fd, e),
        hwalloc_memory_export_fd(memory, HWALLOC_FD_MEMFD, nullptr, e),
        hwalloc_memory_export_fd(memory, 2, &fd, e),
        hwalloc_import_dmabuf(nullptr, 0, 0, 1, 0, nullptr, e),
        hwalloc_memory_set_user_data(nullptr, &destroyed, destroy, e),
        hwalloc_memory_set_user_data(memory, nullptr, destroy, e),
        hwalloc_memory_set_user_data(memory, &destroyed, nullptr, e),
        hwalloc_pixel_format(nullptr, nullptr, nullptr, nullptr, e),
        hwalloc_linear_layout(0x34325258, 3, 2, 0, nullptr, e),
        hwalloc_memory_per_plane(nullptr, e),
        hwalloc_alloc_image(nullptr, 0x34325258, 3, 2, nullptr, 0, &image, e),
        hwalloc_alloc_image(sysmem, 0x34325258, 3, 2, nullptr, 1, &image, e),
        hwalloc_alloc_image(sysmem, 0x34325258, 3, 2, nullptr, 0, nullptr, e),
        hwalloc_alloc_layout(sysmem, nullptr, &image, e),
        hwalloc_image_get_layout(nullptr, &layout, e),
        hwalloc_inventory_new(HWALLOC_SCAN_QUICK, nullptr, e),
        hwalloc_inventory_new(2, nullptr, e),
    };
    for (std::size_t i = 0; i < std::size(answers); ++i)
        EXPECT_EQ(answers[i], -EINVAL) << "call " << i;
    EXPECT_EQ(hwalloc_memory_borrow_fd(memory, HWALLOC_FD_DMABUF, &lent, e), -EOPNOTSUPP);
    EXPECT_EQ(hwalloc_import_dmabuf(sysmem, 0, 0, 1, 0, &memory, e), -EOPNOTSUPP);
    hwalloc_allocator* none_there = nullptr;
    EXPECT_EQ(hwalloc_resolve("no-such-thing", &none_there, place()), -ENOENT);
    EXPECT_EQ(hwalloc_find("no-such-thing"), nullptr);
    EXPECT_EQ(hwalloc_memory_ref_count(memory), 1u) << "nothing of it is lost";
    for (hwalloc_memory* none : {static_cast<hwalloc_memory*>(nullptr)}) {
        EXPECT_EQ(hwalloc_memory_ref(none), nullptr);
        EXPECT_EQ(hwalloc_memory_allocator(none), nullptr);
        EXPECT_EQ(hwalloc_memory_size(none) + hwalloc_memory_maxsize(none) + hwalloc_memory_flags(none), 0u);
        EXPECT_EQ(hwalloc_memory_is_type(none, "sysmem") + hwalloc_memory_is_writable(none), 0);
        EXPECT_EQ(hwalloc_memory_is_span(none, memory, nullptr), 0);
        EXPECT_EQ(hwalloc_memory_user_data(none, destroy), nullptr);
        hwalloc_memory_unref(none);
    }
    EXPECT_STREQ(hwalloc_allocator_name(nullptr), "");
    EXPECT_EQ(hwalloc_allocator_mem_type(nullptr, nullptr, 0), 0u);
    char small[4];
    EXPECT_EQ(hwalloc_allocator_mem_type(sysmem, small, sizeof small), 6u);
    EXPECT_STREQ(small, "sys");
    hwalloc_image_free(nullptr);
    hwalloc_inventory_free(nullptr);
    hwalloc_allocator_unref(nullptr);
    hwalloc_memory_unref(memory);
}

TEST_F(CInterface, MemoryOfAnotherIsNotFreed) {
    hwalloc_memory* memory = nullptr;
    ASSERT_EQ(hwalloc_alloc(hwalloc_find("sysmem"), 16, nullptr, &memory, nullptr), 0);
    EXPECT_EQ(hwalloc_free(hwalloc_find("memfd"), memory, place()), -EINVAL);
    EXPECT_EQ(hwalloc_memory_ref_count(memory), 1u);
    EXPECT_EQ(hwalloc_free(hwalloc_find("sysmem"), memory, place()), 0);
}

TEST_F(CInterface, PicturesHaveTheirMemoriesAndTheirLayout) {
    std::uint32_t drm = 0, v4l2 = 0, vulkan = 0;
    ASSERT_EQ(hwalloc_pixel_format("nv12", &drm, &v4l2, &vulkan, place()), 0);
    EXPECT_EQ(drm, 0x3231564eu);
    EXPECT_NE(v4l2, 0u);
    EXPECT_NE(vulkan, 0u);
    EXPECT_STREQ(hwalloc_drm_format_name(drm), "NV12");
    EXPECT_STREQ(hwalloc_v4l2_format_name(v4l2), "NV12");
    EXPECT_EQ(hwalloc_v4l2_format_name(1), nullptr);
    EXPECT_EQ(hwalloc_drm_format_is_yuv(drm), 1);
    hwalloc_image_layout layout{};
    layout.struct_size = sizeof layout;
    ASSERT_EQ(hwalloc_linear_layout(drm, 64, 48, 0, &layout, place()), 0);
    ASSERT_EQ(hwalloc_memory_per_plane(&layout, place()), 0);
    EXPECT_EQ(layout.memory_count, 2u);
    hwalloc_image* image = nullptr;
    ASSERT_EQ(hwalloc_alloc_layout(hwalloc_find("memfd"), &layout, &image, place()), 0)
        << hwalloc_error_message(error);
    hwalloc_image_layout has{};
    has.struct_size = sizeof has;
    ASSERT_EQ(hwalloc_image_get_layout(image, &has, place()), 0);
    EXPECT_EQ(has.fourcc, layout.fourcc);
    EXPECT_EQ(has.plane_count, 2u);
    EXPECT_EQ(has.memory_count, 2u);
    EXPECT_EQ(has.memory_sizes[1], layout.memory_sizes[1]);
    EXPECT_EQ(has.planes[1].memory, 1u);
    EXPECT_EQ(has.planes[1].stride, layout.planes[1].stride);
    EXPECT_EQ(has.planes[1].size, layout.planes[1].size);
    EXPECT_EQ(hwalloc_memory_size(hwalloc_image_memory(image, 1)), 64u * 24);
    EXPECT_EQ(hwalloc_image_memory(image, 2), nullptr);
    hwalloc_image_free(image);
    layout.plane_count = 5;
    EXPECT_EQ(hwalloc_alloc_layout(hwalloc_find("memfd"), &layout, &image, place()), -EINVAL);
    ASSERT_EQ(hwalloc_alloc_image(hwalloc_find("memfd"), drm, 64, 48, nullptr, 0, &image, place()), 0);
    hwalloc_image_free(image);
    const std::uint64_t tiled = 1;
    EXPECT_EQ(hwalloc_alloc_image(hwalloc_find("memfd"), drm, 64, 48, &tiled, 1, &image, place()),
              -EOPNOTSUPP);
}

TEST_F(CInterface, AListHasEveryNameAndTheReasons) {
    hwalloc_inventory* all = nullptr;
    ASSERT_EQ(hwalloc_inventory_new(HWALLOC_SCAN_QUICK, &all, place()), 0);
    const auto list = inventory(InventoryScan::quick).value();
    ASSERT_EQ(hwalloc_inventory_size(all), list.size());
    for (std::size_t i = 0; i < list.size(); ++i) {
        EXPECT_EQ(hwalloc_inventory_name(all, i), list[i].name);
        EXPECT_EQ(hwalloc_inventory_family(all, i), list[i].family);
        EXPECT_EQ(hwalloc_inventory_backend(all, i), list[i].backend);
        EXPECT_EQ(hwalloc_inventory_allocator(all, i), c::to_c(list[i].allocator));
        EXPECT_EQ(hwalloc_inventory_is_default(all, i), list[i].is_default);
        EXPECT_EQ(hwalloc_inventory_why(all, i) != nullptr, list[i].why.has_value());
        if (list[i].why) {
            EXPECT_EQ(hwalloc_error_message(hwalloc_inventory_why(all, i)), list[i].why->message());
        }
        EXPECT_EQ(hwalloc_inventory_alias(all, i, list[i].aliases.size()), nullptr);
        for (std::size_t j = 0; j < list[i].aliases.size(); ++j)
            EXPECT_EQ(hwalloc_inventory_alias(all, i, j), list[i].aliases[j]);
    }
    EXPECT_EQ(hwalloc_inventory_name(all, list.size()), nullptr);
    EXPECT_EQ(hwalloc_inventory_why(all, list.size()), nullptr);
    hwalloc_inventory_free(all);
}

} // namespace
} // namespace hwalloc
