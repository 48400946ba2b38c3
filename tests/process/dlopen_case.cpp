// A host that does not link the library loads and unloads a plug-in that does, many times: memory outlives
// the plug-in, and nothing is left of the rounds. The same for the module of the hwalloc command.
#include <dlfcn.h>
#include <malloc.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <initializer_list>
#include <thread>

namespace {

[[noreturn]] void fail(const char* what, const char* why = "") {
    std::fprintf(stderr, "%s %s\n", what, why ? why : "");
    std::exit(1);
}

struct PlugIn {
    void* handle;
    void* (*alloc)(const char* allocator);
    bool (*free)(void* memory);

    explicit PlugIn(const char* path) : handle(::dlopen(path, RTLD_NOW | RTLD_LOCAL)) {
        if (!handle)
            fail("loading the plug-in:", ::dlerror());
        alloc = reinterpret_cast<decltype(alloc)>(::dlsym(handle, "plug_in_alloc"));
        free = reinterpret_cast<decltype(free)>(::dlsym(handle, "plug_in_free"));
    }
    void close() const {
        if (::dlclose(handle) != 0)
            fail("closing the plug-in:", ::dlerror());
    }
};

void one_round(const char* path) {
    for (const char* allocator : {"sysmem", "memfd", "udmabuf"}) {
        const PlugIn first(path);
        void* const memory = first.alloc(allocator);
        first.close();
        if (!memory)
            continue; // no udmabuf here
        const PlugIn second(path);
        if (!second.free(memory))
            fail("memory of a plug-in that was closed has lost its bytes:", allocator);
        second.close();
    }
}

std::size_t in_use() {
    const auto all = ::mallinfo2();
    return all.uordblks + all.hblkhd;
}

void without_growth(const char* path, void (*round)(const char* path)) {
    for (int i = 0; i < 20; ++i)
        round(path);
    const std::size_t before = in_use();
    for (int i = 0; i < 200; ++i)
        round(path);
    const std::size_t after = in_use();
    if (after > before + 100000) {
        std::fprintf(stderr, "%zu bytes in use, then %zu\n", before, after);
        std::exit(1);
    }
}

// Makes and frees nothing, so that no thread's data keeps the library: it has to stay by itself.
void look_up(const char* path) {
    const PlugIn plug_in(path);
    if (plug_in.alloc("no such allocator"))
        fail("there is memory of", "no such allocator");
    plug_in.close();
}

// A thread that has allocated ends after the plug-in was closed, when what ends its data must still be there.
void thread_ends_last(const char* path) {
    std::thread([path] {
        const PlugIn plug_in(path);
        if (!plug_in.free(plug_in.alloc("sysmem")))
            fail("memory of another thread has lost its bytes");
        plug_in.close();
    }).join();
}

void plug_in(const char* path) {
    ::mallopt(M_ARENA_MAX, 1);
    without_growth(path, look_up);
    without_growth(path, thread_ends_last);
    without_growth(path, one_round);
}

// Its consumers keep memory whose end is the module's code.
void command_module(const char* path) {
    void* const handle = ::dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!handle)
        return; // no Vulkan to link
    struct Start {
        std::uint32_t size;
        const char* version;
    };
    const auto* const start = static_cast<const Start*>(::dlsym(handle, "hwalloc_devices"));
    if (!start || ::dlclose(handle) != 0)
        fail("the module has no", "hwalloc_devices");
    if (!::dlopen(path, RTLD_NOW | RTLD_NOLOAD))
        fail("the module was unloaded");
    if (start->size == 0 || start->version[0] == '\0')
        fail("the module's data has changed");
}

} // namespace

int main(int count, char** words) {
    if (count < 2)
        fail("usage: PLUG-IN [MODULE]");
    plug_in(words[1]);
    if (count > 2)
        command_module(words[2]);
}
