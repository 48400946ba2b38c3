// The element hwallocate: what it answers, passes on and says.
#include <gst/allocators/gstdmabuf.h>
#include <gst/allocators/gstfdmemory.h>
#include <gst/check/gstharness.h>
#include <gst/video/gstvideometa.h>
#include <gst/video/gstvideopool.h>

#include "hwalloc/gst.h"
#include "support.h"

using namespace gst_tests;

namespace {

constexpr const char* picture = "video/x-raw,format=YUY2,width=64,height=48,framerate=30/1";
constexpr guint picture_size = 64 * 48 * 2;

// A hwallocate between two pads, which is asked for buffers as an element in front of it asks.
class Asked {
public:
    explicit Asked(const char* allocator, const char* caps = picture, bool meta_behind = false,
                   bool needs_pool = true)
        : harness_(gst_harness_new("hwallocate")) {
        g_object_set(harness_->element, "allocator", allocator, nullptr);
        bus_ = gst_bus_new();
        gst_element_set_bus(harness_->element, bus_);
        if (meta_behind)
            gst_harness_add_propose_allocation_meta(harness_, GST_VIDEO_META_API_TYPE, nullptr);
        gst_harness_set_src_caps_str(harness_, caps);
        GstCaps* of = gst_caps_from_string(caps);
        query_ = gst_query_new_allocation(of, needs_pool);
        gst_caps_unref(of);
    }
    ~Asked() {
        gst_query_unref(query_);
        gst_element_set_bus(harness_->element, nullptr);
        gst_object_unref(bus_);
        gst_harness_teardown(harness_);
    }
    Asked(const Asked&) = delete;
    Asked& operator=(const Asked&) = delete;

    bool ask() { return gst_pad_peer_query(harness_->srcpad, query_); }
    GstHarness* harness() { return harness_; }
    GstQuery* query() { return query_; }
    Owned<GstBufferPool> pool(guint& size, guint& least) {
        GstBufferPool* pool = nullptr;
        if (gst_query_get_n_allocation_pools(query_))
            gst_query_parse_nth_allocation_pool(query_, 0, &pool, &size, &least, nullptr);
        return Owned<GstBufferPool>(pool);
    }
    std::string chosen() {
        gchar* text = nullptr;
        g_object_get(harness_->element, "chosen", &text, nullptr);
        const std::string copy = text ? text : "";
        g_free(text);
        return copy;
    }
    // Of the first warning; empty where there is none.
    std::string warning() {
        GstMessage* message = gst_bus_pop_filtered(bus_, GST_MESSAGE_WARNING);
        if (!message)
            return "";
        GError* error = nullptr;
        gst_message_parse_warning(message, &error, nullptr);
        const std::string text = error->message;
        g_clear_error(&error);
        gst_message_unref(message);
        return text;
    }

private:
    GstHarness* harness_;
    GstBus* bus_;
    GstQuery* query_ = nullptr;
};

TEST_P(EveryAllocator, IsOfferedWithAPool) {
    Asked asked(GetParam().c_str());
    ASSERT_TRUE(asked.ask());
    EXPECT_EQ(asked.warning(), "");
    EXPECT_EQ(asked.chosen(), GetParam() + ": asked for by name");
    GstAllocator* offered = nullptr;
    ASSERT_EQ(gst_query_get_n_allocation_params(asked.query()), 1u);
    gst_query_parse_nth_allocation_param(asked.query(), 0, &offered, nullptr);
    EXPECT_EQ(Owned<GstAllocator>(offered).get(), allocator_of(GetParam()).get());
    guint size = 0, least = 0;
    auto pool = asked.pool(size, least);
    ASSERT_TRUE(pool);
    EXPECT_EQ(size, picture_size);
    EXPECT_EQ(least, 4u);
    ASSERT_TRUE(gst_buffer_pool_set_active(pool.get(), TRUE));
    // The pool's own buffers in turn: each memory is marked when it is first seen, and the mark stays on it.
    guint different = 0;
    const auto see = [&different](GstMemory* memory) {
        static const GQuark mark = g_quark_from_static_string("hwalloc-test-seen");
        if (!gst_mini_object_get_qdata(GST_MINI_OBJECT_CAST(memory), mark))
            gst_mini_object_set_qdata(GST_MINI_OBJECT_CAST(memory), mark, GUINT_TO_POINTER(++different),
                                      nullptr);
    };
    for (int i = 0; i < 20; ++i) {
        GstBuffer* buffer = nullptr;
        ASSERT_EQ(gst_buffer_pool_acquire_buffer(pool.get(), &buffer, nullptr), GST_FLOW_OK);
        GstMemory* memory = gst_buffer_peek_memory(buffer, 0);
        EXPECT_EQ(memory->allocator, offered);
        EXPECT_EQ(memory->offset, 0u);
        EXPECT_EQ(memory->size, picture_size);
        see(memory);
        gst_buffer_unref(buffer);
    }
    EXPECT_EQ(different, least);
    // Who takes the memory out of a buffer costs no new memory.
    const auto before = open_descriptors();
    for (int i = 0; i < 20; ++i) {
        GstBuffer* buffer = nullptr;
        ASSERT_EQ(gst_buffer_pool_acquire_buffer(pool.get(), &buffer, nullptr), GST_FLOW_OK);
        Owned<GstMemory> taken(gst_buffer_get_memory(buffer, 0));
        see(taken.get());
        gst_buffer_remove_all_memory(buffer);
        gst_buffer_unref(buffer);
    }
    EXPECT_EQ(different, least);
    EXPECT_LE(open_descriptors(), before);
    ASSERT_TRUE(gst_buffer_pool_set_active(pool.get(), FALSE));
}

// A memory out of a buffer of the pool's, with a reference; the buffer goes, and without it.
Owned<GstMemory> take_memory(GstBufferPool* pool) {
    GstBuffer* buffer = nullptr;
    if (gst_buffer_pool_acquire_buffer(pool, &buffer, nullptr) != GST_FLOW_OK)
        return nullptr;
    Owned<GstMemory> taken(gst_buffer_get_memory(buffer, 0));
    gst_buffer_remove_all_memory(buffer);
    gst_buffer_unref(buffer);
    return taken;
}

TEST_P(EveryAllocator, ItsPoolHoldsNothingAtRest) {
    Asked asked(GetParam().c_str());
    ASSERT_TRUE(asked.ask());
    guint size = 0, least = 0;
    auto pool = asked.pool(size, least);
    ASSERT_TRUE(pool);
    { auto warm = make(GetParam(), 1000); }
    const auto before = open_descriptors();
    for (int round = 0; round < 2; ++round) {
        ASSERT_TRUE(gst_buffer_pool_set_active(pool.get(), TRUE));
        auto late = take_memory(pool.get());
        ASSERT_TRUE(late);
        { auto kept = take_memory(pool.get()); }
        ASSERT_TRUE(gst_buffer_pool_set_active(pool.get(), FALSE));
        late.reset(); // comes back to a pool that is at rest
        EXPECT_EQ(open_descriptors(), before) << round;
    }
    // And begun again, it keeps.
    ASSERT_TRUE(gst_buffer_pool_set_active(pool.get(), TRUE));
    const GQuark mark = g_quark_from_static_string("hwalloc-test-kept");
    bool again = false;
    for (guint i = 0; i < 2 * least; ++i) {
        auto memory = take_memory(pool.get());
        ASSERT_TRUE(memory);
        again = again || gst_mini_object_get_qdata(GST_MINI_OBJECT_CAST(memory.get()), mark);
        gst_mini_object_set_qdata(GST_MINI_OBJECT_CAST(memory.get()), mark, pool.get(), nullptr);
    }
    EXPECT_TRUE(again);
    ASSERT_TRUE(gst_buffer_pool_set_active(pool.get(), FALSE));
}

TEST(Element, ItsPoolStaysWithTheAllocatorItWasConfiguredWith) {
    Asked asked("sysmem");
    ASSERT_TRUE(asked.ask());
    guint size = 0, least = 0;
    auto pool = asked.pool(size, least);
    ASSERT_TRUE(pool);
    auto other = allocator_of("memfd");
    GstStructure* config = gst_buffer_pool_get_config(pool.get());
    gst_buffer_pool_config_set_allocator(config, other.get(), nullptr);
    ASSERT_TRUE(gst_buffer_pool_set_config(pool.get(), config));
    // As who has read it and wants more buffers.
    for (guint more = 1; more < 3; ++more) {
        config = gst_buffer_pool_get_config(pool.get());
        GstCaps* caps = nullptr;
        gst_buffer_pool_config_get_params(config, &caps, nullptr, nullptr, nullptr);
        gst_buffer_pool_config_set_params(config, caps, size, least + more, 0);
        ASSERT_TRUE(gst_buffer_pool_set_config(pool.get(), config));
    }
    ASSERT_TRUE(gst_buffer_pool_set_active(pool.get(), TRUE));
    auto memory = take_memory(pool.get());
    ASSERT_TRUE(memory);
    EXPECT_EQ(memory->allocator, other.get());
    memory.reset();
    ASSERT_TRUE(gst_buffer_pool_set_active(pool.get(), FALSE));
}

TEST(Element, PassesBuffersOn) {
    Asked asked("memfd");
    GstBuffer* buffer = gst_harness_create_buffer(asked.harness(), picture_size);
    EXPECT_EQ(gst_harness_push(asked.harness(), buffer), GST_FLOW_OK);
    Owned<GstBuffer> out(gst_harness_pull(asked.harness()));
    EXPECT_EQ(out.get(), buffer);
}

TEST(Element, WarnsWithCauseAndLeavesTheChoiceToOthers) {
    Asked asked("no-such/memory");
    asked.ask();
    const std::string warning = asked.warning();
    EXPECT_NE(warning.find("allocator=no-such/memory"), std::string::npos) << warning;
    EXPECT_NE(warning.find("no-such"), std::string::npos);
    EXPECT_EQ(asked.chosen().find("none: "), 0u) << asked.chosen();
    EXPECT_EQ(gst_query_get_n_allocation_pools(asked.query()), 0u);
    // What is behind may have answered.
    for (guint i = 0; i < gst_query_get_n_allocation_params(asked.query()); ++i) {
        GstAllocator* offered = nullptr;
        gst_query_parse_nth_allocation_param(asked.query(), i, &offered, nullptr);
        Owned<GstAllocator> owned(offered);
        EXPECT_FALSE(offered && hwalloc_gst_allocator_name(offered));
    }
}

TEST(Element, AsksThePlan) {
    Asked asked("auto");
    ASSERT_TRUE(asked.ask());
    EXPECT_EQ(asked.warning(), "");
    guint size = 0, least = 0;
    auto pool = asked.pool(size, least);
    ASSERT_TRUE(pool) << asked.chosen();
    GstAllocator* offered = nullptr;
    gst_query_parse_nth_allocation_param(asked.query(), 0, &offered, nullptr);
    Owned<GstAllocator> owned(offered);
    const std::string name = hwalloc_gst_allocator_name(offered);
    EXPECT_NE(asked.chosen().find(name), std::string::npos) << asked.chosen();
}

TEST(Element, OffersNoPoolToWhoWantsNone) {
    Asked asked("memfd", picture, false, false);
    ASSERT_TRUE(asked.ask());
    EXPECT_EQ(gst_query_get_n_allocation_pools(asked.query()), 0u);
    EXPECT_EQ(gst_query_get_n_allocation_params(asked.query()), 1u);
}

TEST(Element, PassesOnWhetherVideoMetaIsTaken) {
    Asked taken("memfd", picture, true), refused("memfd");
    ASSERT_TRUE(taken.ask());
    EXPECT_TRUE(gst_query_find_allocation_meta(taken.query(), GST_VIDEO_META_API_TYPE, nullptr));
    ASSERT_TRUE(refused.ask());
    EXPECT_FALSE(gst_query_find_allocation_meta(refused.query(), GST_VIDEO_META_API_TYPE, nullptr));
}

TEST(Element, HasAPoolForJpeg) {
    Asked asked("memfd", "image/jpeg,width=640,height=480,framerate=30/1");
    ASSERT_TRUE(asked.ask());
    guint size = 0, least = 0;
    auto pool = asked.pool(size, least);
    ASSERT_TRUE(pool);
    EXPECT_GE(size, 640u * 480);
    EXPECT_TRUE(gst_buffer_pool_set_active(pool.get(), TRUE));
    gst_buffer_pool_set_active(pool.get(), FALSE);
}

TEST(Element, LeavesAloneWhatIsNoPicture) {
    Asked asked("memfd", "audio/x-raw,format=S16LE,rate=48000,channels=2,layout=interleaved");
    asked.ask();
    EXPECT_EQ(asked.warning(), "");
    EXPECT_EQ(gst_query_get_n_allocation_pools(asked.query()), 0u);
}

TEST(Element, UnderstandsDmaBufCaps) {
    guint major = 0, minor = 0, micro = 0, nano = 0;
    gst_version(&major, &minor, &micro, &nano);
    Asked asked(
        "memfd",
        "video/x-raw(memory:DMABuf),format=DMA_DRM,drm-format=YUYV,width=64,height=48,framerate=30/1");
    asked.ask();
    guint size = 0, least = 0;
    auto pool = asked.pool(size, least);
    // 1.22 has no such caps, so that nothing is said of them there.
    EXPECT_EQ(static_cast<bool>(pool), minor >= 24);
    EXPECT_EQ(size, pool ? picture_size : 0u);
}

} // namespace
