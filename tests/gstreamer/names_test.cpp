// Which names GStreamer knows, and what it says of those that are none.
#include <gst/allocators/gstdmabuf.h>
#include <gst/video/gstvideopool.h>
#include <gst/video/video.h>

#include "hwalloc/c_error.h"
#include "hwalloc/gst.h"
#include "hwalloc/inventory.h"
#include "support.h"

using namespace gst_tests;

namespace {

struct Refusal {
    GError* error = nullptr;
    ~Refusal() { g_clear_error(&error); }
};

TEST(Names, AreOfEveryAllocatorThatWorks) {
    EXPECT_FALSE(names().empty());
    for (const std::string& name : names()) {
        auto found = allocator_of(name);
        ASSERT_TRUE(found) << name;
        EXPECT_STREQ(hwalloc_gst_allocator_name(found.get()), name.c_str());
        Owned<GstAllocator> plain(gst_allocator_find(name.c_str()));
        EXPECT_EQ(plain.get(), found.get()) << name;
    }
    const bool in_lab = g_getenv("HWALLOC_LAB");
    for (const char* name :
         {"dma-heap/system", "udmabuf", "drm-dumb/vgem", "drm-dumb/virtio_gpu", "vulkan/0", "memfd"}) {
        EXPECT_TRUE(!in_lab || allocator_of(name)) << name;
    }
}

TEST(Names, TakeNoneOfGStreamers) {
    Owned<GstAllocator> system(gst_allocator_find(GST_ALLOCATOR_SYSMEM));
    EXPECT_EQ(hwalloc_gst_allocator_name(system.get()), nullptr);
    Owned<GstAllocator> standard(gst_allocator_find(nullptr));
    EXPECT_EQ(standard.get(), system.get());
    EXPECT_TRUE(Owned<GstAllocator>(gst_allocator_find("hwalloc/SystemMemory"))); // the alias of ours
}

TEST(Names, AreGivenWithAndWithoutPrefix) {
    Owned<GstAllocator> one(hwalloc_gst_allocator_get("memfd", nullptr)),
        two(hwalloc_gst_allocator_get("hwalloc/memfd", nullptr)),
        standard(hwalloc_gst_allocator_get(nullptr, nullptr));
    ASSERT_TRUE(one);
    EXPECT_EQ(one.get(), two.get());
    EXPECT_STREQ(hwalloc_gst_allocator_name(standard.get()), "sysmem");
}

TEST(Names, ThatAreNoneHaveACause) {
    Refusal unknown, importer;
    EXPECT_EQ(hwalloc_gst_allocator_get("no-such/memory", &unknown.error), nullptr);
    ASSERT_TRUE(unknown.error);
    EXPECT_EQ(unknown.error->domain, HWALLOC_GST_ERROR);
    EXPECT_EQ(unknown.error->code, HWALLOC_ERROR_UNAVAILABLE);
    EXPECT_NE(std::string(unknown.error->message).find("no-such"), std::string::npos)
        << unknown.error->message;
    EXPECT_EQ(hwalloc_gst_allocator_get("dmabuf", &importer.error), nullptr);
    ASSERT_TRUE(importer.error);
    EXPECT_EQ(importer.error->code, HWALLOC_ERROR_UNSUPPORTED);
    EXPECT_EQ(hwalloc_gst_allocator_get("no-such/memory", nullptr), nullptr);
}

TEST(Names, AreRegisteredByThePlugin) {
    GstPlugin* plugin = gst_plugin_load_by_name("hwalloc");
    ASSERT_TRUE(plugin) << "in " << HWALLOC_TEST_PLUGINS;
    EXPECT_STREQ(gst_plugin_get_license(plugin), "MIT/X11");
    EXPECT_STREQ(gst_plugin_get_version(plugin), std::string(hwalloc::version()).c_str());
    gst_object_unref(plugin);
    // In a program that has not called hwalloc_gst_init_once().
    std::vector<std::string> expected;
    for (const std::string& name : names())
        if (!name.starts_with("vulkan"))
            expected.push_back("hwalloc/" + name);
    std::vector<gchar*> argv;
    std::string self = "/proc/self/exe", option = only_plugin;
    argv.push_back(self.data());
    argv.push_back(option.data());
    for (std::string& name : expected)
        argv.push_back(name.data());
    argv.push_back(nullptr);
    gchar* found = nullptr;
    int status = -1;
    ASSERT_TRUE(g_spawn_sync(nullptr, argv.data(), nullptr, GSpawnFlags{}, nullptr, nullptr, &found, nullptr,
                             &status, nullptr));
    EXPECT_EQ(status, 0);
    std::string all;
    for (const std::string& name : expected)
        all += name + "\n";
    EXPECT_EQ(std::string(found), all);
    g_free(found);
}

TEST_P(EveryAllocator, IsTakenByAVideoPool) {
    auto allocator = allocator_of(GetParam());
    Owned<GstBufferPool> pool(gst_video_buffer_pool_new());
    GstCaps* caps = gst_caps_from_string("video/x-raw,format=NV12,width=64,height=32,framerate=30/1");
    GstStructure* config = gst_buffer_pool_get_config(pool.get());
    gst_buffer_pool_config_set_params(config, caps, 64 * 32 * 3 / 2, 2, 0);
    gst_buffer_pool_config_set_allocator(config, allocator.get(), nullptr);
    gst_buffer_pool_config_add_option(config, GST_BUFFER_POOL_OPTION_VIDEO_META);
    gst_caps_unref(caps);
    ASSERT_TRUE(gst_buffer_pool_set_config(pool.get(), config));
    ASSERT_TRUE(gst_buffer_pool_set_active(pool.get(), TRUE));
    GstBuffer* buffer = nullptr;
    ASSERT_EQ(gst_buffer_pool_acquire_buffer(pool.get(), &buffer, nullptr), GST_FLOW_OK);
    EXPECT_EQ(gst_buffer_peek_memory(buffer, 0)->allocator, allocator.get());
    EXPECT_TRUE(gst_buffer_get_video_meta(buffer));
    gst_buffer_unref(buffer);
    gst_buffer_pool_set_active(pool.get(), FALSE);
}

} // namespace
