// What every test of GStreamer's side stands on.
#pragma once

#include <gst/gst.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace gst_tests {

struct Unref {
    void operator()(GstAllocator* allocator) const { gst_object_unref(allocator); }
    void operator()(GstMemory* memory) const { gst_memory_unref(memory); }
    void operator()(GstBuffer* buffer) const { gst_buffer_unref(buffer); }
    void operator()(GstBufferPool* pool) const { gst_object_unref(pool); }
    void operator()(GstElement* element) const { gst_object_unref(element); }
};
template<class T>
using Owned = std::unique_ptr<T, Unref>;

// Every allocator that works here, by its name in hwalloc; in the lab without one of those that must be there
// the program fails.
const std::vector<std::string>& names();
// The allocator of that name, found as a program finds it.
Owned<GstAllocator> allocator_of(const std::string& name);
// Memory with these parameters, each byte of the whole region a number of its own; fails the test where there
// is none.
Owned<GstMemory> make(const std::string& name, gsize size, gsize prefix = 0, gsize padding = 0,
                      gsize align = 0);
std::uint8_t number_at(gsize place);

// The bytes of a memory's window, by a READ map.
std::vector<std::uint8_t> bytes_of(GstMemory* memory);
// Those that number_at() has from there on.
std::vector<std::uint8_t> numbers(gsize from, gsize size);

std::size_t open_descriptors();

// The program's first argument where it loads the plugin, says which of the names behind it GStreamer knows
// then, a line each, and ends.
inline constexpr const char* only_plugin = "--only-plugin";

// What GStreamer logs of the category "hwalloc", and every critical, while it lives.
class Log {
public:
    Log();
    ~Log();
    Log(const Log&) = delete;
    Log& operator=(const Log&) = delete;
    const std::string& said() const { return said_; }
    unsigned criticals() const { return criticals_; }

private:
    static void debug(GstDebugCategory*, GstDebugLevel, const gchar*, const gchar*, gint, GObject*,
                      GstDebugMessage*, gpointer);
    static void glib(const gchar*, GLogLevelFlags, const gchar*, gpointer);

    std::string said_;
    unsigned criticals_ = 0;
    GLogFunc before_ = nullptr;
};

class EveryAllocator : public testing::TestWithParam<std::string> {};

} // namespace gst_tests
