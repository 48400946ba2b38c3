#include "support.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <iterator>
#include <span>
#include <string_view>

#include "hwalloc/capabilities.h"
#include "hwalloc/gst.h"
#include "hwalloc/inventory.h"

namespace gst_tests {

namespace {

std::vector<std::string> find_names() {
    std::vector<std::string> names;
    auto items = hwalloc::inventory();
    for (const auto& item : items.value()) {
        auto* describes = item.allocator ? item.allocator->extension<hwalloc::Describes>() : nullptr;
        // The buffers of a camera are there while it streams.
        if (item.allocator && !item.why && describes && describes->claims().alloc &&
            describes->claims().map && item.family != "v4l2")
            names.push_back(item.name);
    }
    return names;
}

} // namespace

const std::vector<std::string>& names() {
    static const std::vector<std::string> found = find_names();
    return found;
}

Owned<GstAllocator> allocator_of(const std::string& name) {
    return Owned<GstAllocator>(gst_allocator_find(("hwalloc/" + name).c_str()));
}

std::uint8_t number_at(gsize place) {
    return static_cast<std::uint8_t>(place * 7 + place / 256);
}

Owned<GstMemory> make(const std::string& name, gsize size, gsize prefix, gsize padding, gsize align) {
    auto allocator = allocator_of(name);
    GstAllocationParams params = {GstMemoryFlags{}, align, prefix, padding, {}};
    Owned<GstMemory> memory(allocator ? gst_allocator_alloc(allocator.get(), size, &params) : nullptr);
    EXPECT_TRUE(memory) << name;
    if (!memory)
        return memory;
    GstMapInfo info;
    EXPECT_TRUE(gst_memory_map(memory.get(), &info, GST_MAP_WRITE)) << name;
    for (gsize i = 0; i < prefix + size + padding; ++i)
        (info.data - prefix)[i] = number_at(i);
    gst_memory_unmap(memory.get(), &info);
    return memory;
}

std::vector<std::uint8_t> bytes_of(GstMemory* memory) {
    GstMapInfo info;
    if (!gst_memory_map(memory, &info, GST_MAP_READ))
        return {};
    std::vector<std::uint8_t> bytes(info.data, info.data + info.size);
    gst_memory_unmap(memory, &info);
    return bytes;
}

std::vector<std::uint8_t> numbers(gsize from, gsize size) {
    std::vector<std::uint8_t> bytes(size);
    for (gsize i = 0; i < size; ++i)
        bytes[i] = number_at(from + i);
    return bytes;
}

std::size_t open_descriptors() {
    const std::filesystem::directory_iterator open("/proc/self/fd");
    return static_cast<std::size_t>(std::distance(begin(open), end(open)));
}

Log::Log() {
    gst_debug_set_threshold_for_name("hwalloc", GST_LEVEL_INFO);
    gst_debug_remove_log_function(gst_debug_log_default);
    gst_debug_add_log_function(debug, this, nullptr);
    before_ = g_log_set_default_handler(glib, this);
}

Log::~Log() {
    g_log_set_default_handler(before_, nullptr);
    gst_debug_remove_log_function_by_data(this);
    gst_debug_add_log_function(gst_debug_log_default, nullptr, nullptr);
    gst_debug_set_threshold_for_name("hwalloc", GST_LEVEL_NONE);
}

void Log::debug(GstDebugCategory* category, GstDebugLevel, const gchar*, const gchar*, gint, GObject*,
                GstDebugMessage* message, gpointer self) {
    if (std::string(gst_debug_category_get_name(category)) == "hwalloc")
        static_cast<Log*>(self)->said_ += std::string(gst_debug_message_get(message)) + "\n";
}

void Log::glib(const gchar*, GLogLevelFlags level, const gchar*, gpointer self) {
    if (level & (G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_WARNING))
        ++static_cast<Log*>(self)->criticals_;
}

} // namespace gst_tests

namespace {

int say_what_the_plugin_registers(std::span<char*> wanted) {
    GstPlugin* plugin = gst_plugin_load_by_name("hwalloc");
    if (!plugin)
        return 1;
    gst_object_unref(plugin);
    for (const char* name : wanted)
        if (GstAllocator* allocator = gst_allocator_find(name)) {
            std::cout << name << "\n";
            gst_object_unref(allocator);
        }
    return 0;
}

} // namespace

int main(int argc, char** argv) {
    // By a test, whose environment and list of plugins this has.
    if (argc > 1 && std::string_view(argv[1]) == gst_tests::only_plugin) {
        gst_init(nullptr, nullptr);
        return say_what_the_plugin_registers(std::span(argv, static_cast<std::size_t>(argc)).subspan(2));
    }
    // Of the plugins the tests take the project's own, from the build.
    setenv("GST_PLUGIN_PATH", HWALLOC_TEST_PLUGINS, 1);
    setenv("GST_REGISTRY_UPDATE", "yes", 1);
    const std::filesystem::path registry =
        std::filesystem::temp_directory_path() / ("hwalloc-gst-registry-" + std::to_string(getpid()));
    setenv("GST_REGISTRY", registry.c_str(), 1);
    gst_init(&argc, &argv);
    testing::InitGoogleTest(&argc, argv);
    hwalloc_gst_init_once();
    const int answer = RUN_ALL_TESTS();
    std::filesystem::remove(registry);
    return answer;
}
