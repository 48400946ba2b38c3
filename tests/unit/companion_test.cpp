// Companions: when libhwalloc-vulkan is loaded, when it is not, how often, and what is told when it cannot
// be. Each test has a registry of its own and a linker that it makes up.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "allocators/registry/registry.h"
#include "tests/unit/kernel_override.h"

namespace hwalloc {
namespace {

constexpr std::string_view soname = "libhwalloc-vulkan.so.0";

class Fake final : public Allocator {
public:
    Fake() noexcept : Allocator("vulkan") {}
};

// What the library says about itself, and how often it was asked.
int discoveries;
Result<void> discover_gpu(BackendHost& host) noexcept {
    ++discoveries;
    if (host.still_here("vulkan/0", {"vulkan"}))
        return {};
    return host.add("vulkan/0", AllocatorRef::adopt(new Fake), {"vulkan"});
}
// And another name when it is asked for it; what came of that.
std::string scanned_for;
std::optional<ErrorKind> scan_refusal;
Result<void> discover_what_is_wanted(BackendHost& host) noexcept {
    scanned_for = host.wanted();
    if (auto found = discover_gpu(host); !found)
        return found;
    if (scanned_for.empty())
        return {};
    auto added = host.alias(scanned_for, scanned_for == "vulkan/nobody" ? "vulkan/1" : "vulkan/0");
    scan_refusal = added ? std::nullopt : std::optional(added.error().kind());
    return {};
}
const Backend understanding = {
    .name = "vulkan", .families = "vulkan", .subsystems = nullptr, .discover = discover_what_is_wanted};
const Backend good = {
    .name = "vulkan", .families = "vulkan", .subsystems = nullptr, .discover = discover_gpu};
const Backend other_abi = {.abi = "hwalloc-99.7",
                           .name = "vulkan",
                           .families = "vulkan",
                           .subsystems = nullptr,
                           .discover = discover_gpu};

class Companions : public ::testing::Test {
protected:
    Companions() {
        self_ = this;
        discoveries = 0;
        kernel.dlopen = [](const char* path, int, const char** why) -> void* {
            self_->loads.emplace_back(path);
            if (!self_->linker_says.empty())
                *why = self_->linker_says.c_str();
            return self_->linker_says.empty() ? self_ : nullptr;
        };
        kernel.dlsym = [](void*, const char* symbol) -> void* {
            return std::strcmp(symbol, "hwalloc_backend_v1") == 0 ? const_cast<Backend*>(self_->library)
                                                                  : nullptr;
        };
        kernel.open = [](const char* path, int) {
            if (std::string_view(path) != "/sys/kernel/uevent_seqnum") // which is no device
                self_->opened.emplace_back(path);
            return -ENOENT;
        };
        // No module but those that a test puts there.
        kernel.list_directory = [](const char* path, bool (*each)(const char*, void*), void* user) {
            if (std::string_view(path).ends_with(HWALLOC_TEST_MODULE_DIR) && !self_->module_file.empty())
                each(self_->module_file.c_str(), user);
            return -ENOENT;
        };
    }
    ~Companions() override { self_ = nullptr; }

    // An allocator lives as long as its registry, and registries as long as the process.
    static Registry& fresh() {
        static auto* const all = new std::vector<Registry*>; // for ever, so that no leak checker misses them
        return *all->emplace_back(new Registry);
    }
    std::optional<InventoryItem> item(std::string_view name, InventoryScan scan = InventoryScan::full) {
        const auto items = registry.inventory(scan);
        EXPECT_TRUE(items);
        const auto at =
            std::find_if(items->begin(), items->end(), [&](const auto& one) { return one.name == name; });
        return at == items->end() ? std::nullopt : std::optional(*at);
    }

    Registry& registry = fresh();
    const Backend* library = &good; // what dlsym finds
    std::string linker_says;        // why dlopen fails; empty: it does not
    std::string module_file;        // in the directory of modules
    std::vector<std::string> loads, opened;

private:
    testing::KernelOverride restore_;
    static inline Companions* self_;
};

TEST_F(Companions, ANameOfTheFamilyLoadsTheLibraryOnce) {
    EXPECT_EQ(registry.find("vulkan/0"), nullptr) << "find never loads";
    EXPECT_TRUE(loads.empty());
    auto resolved = registry.resolve("vulkan/0");
    ASSERT_TRUE(resolved) << resolved.error().message();
    EXPECT_EQ((*resolved)->name(), "vulkan/0");
    EXPECT_EQ(loads, std::vector<std::string>{std::string(soname)});
    EXPECT_EQ(registry.find("vulkan/0"), *resolved);
    auto missing = registry.resolve("vulkan/7");
    ASSERT_FALSE(missing);
    EXPECT_NE(missing.error().message().find("of this family there is: vulkan/0"), std::string::npos)
        << missing.error().message();
    (void)item("vulkan/0");
    EXPECT_EQ(loads.size(), 1u) << "it is in the process, and is asked what there is instead";
    EXPECT_EQ(discoveries, 3);
}

TEST_F(Companions, ABackendCanUnderstandANameThatItDidNotList) {
    library = &understanding;
    auto resolved = registry.resolve("vulkan/zero");
    ASSERT_TRUE(resolved) << resolved.error().message();
    EXPECT_EQ(scanned_for, "vulkan/zero");
    EXPECT_EQ((*resolved)->name(), "vulkan/0") << "which it is another way to say";
    EXPECT_EQ(registry.find("vulkan/zero"), *resolved) << "for good";
    const auto shown = item("vulkan/0");
    EXPECT_EQ(scanned_for, "") << "nobody wants a name in this scan";
    ASSERT_TRUE(shown);
    EXPECT_EQ(shown->aliases, (std::vector<std::string>{"vulkan", "vulkan/zero"}));
    EXPECT_FALSE(registry.resolve("vulkan/nobody"));
    EXPECT_EQ(scan_refusal, ErrorKind::unavailable);
    ASSERT_TRUE(registry.remove("vulkan/zero"));
    EXPECT_FALSE(registry.resolve("vulkan/zero")) << "the application took it out";
    EXPECT_EQ(scan_refusal, ErrorKind::conflict);
    ASSERT_TRUE(registry.remove("vulkan/0"));
    EXPECT_FALSE(registry.resolve("vulkan/none"));
    EXPECT_EQ(scan_refusal, ErrorKind::unavailable) << "what it means is taken out";
}

TEST_F(Companions, TheBareFamilyIsANameOfIt) {
    ASSERT_TRUE(registry.resolve("vulkan"));
    EXPECT_EQ(loads.size(), 1u);
}

TEST_F(Companions, OtherNamesLoadNothing) {
    for (const char* name : {"", "sysmem", "SystemMemory", "memfd"})
        EXPECT_TRUE(registry.resolve(name)) << name;
    for (const char* name : {"vulkan/0", "vulkan", "sysmem"})
        (void)registry.find(name);
    for (const char* name : {"no-such/0", "vulkanic/0", "vulka", "dma-heap/vulkan", "/vulkan", " ", "/"})
        EXPECT_FALSE(registry.resolve(name)) << name;
    EXPECT_TRUE(registry.add_by_application("vulkan/mine", AllocatorRef::adopt(new Fake)));
    EXPECT_TRUE(registry.resolve("vulkan/mine")) << "known already";
    EXPECT_TRUE(loads.empty());
}

TEST_F(Companions, WhatTheLinkerSaysIsTold) {
    linker_says = "libvulkan.so.1: cannot open shared object file: No such file or directory";
    auto resolved = registry.resolve("vulkan/0/host");
    ASSERT_FALSE(resolved);
    EXPECT_EQ(resolved.error().kind(), ErrorKind::unavailable);
    EXPECT_EQ(resolved.error().device(), soname);
    EXPECT_EQ(resolved.error().call(), "dlopen");
    EXPECT_TRUE(resolved.error().remedy().starts_with(linker_says)) << resolved.error().remedy();
    EXPECT_NE(resolved.error().remedy().find("libvulkan1"), std::string::npos) << "and what to install";
    const auto shown = item("vulkan");
    ASSERT_TRUE(shown && shown->why);
    EXPECT_EQ(shown->allocator, nullptr);
    EXPECT_EQ(shown->family, "vulkan");
    EXPECT_EQ(shown->backend, soname);
    EXPECT_EQ(shown->why->message(), resolved.error().message());
    // What is in the message already is not said twice.
    linker_says = std::string(soname) + ": cannot open shared object file";
    EXPECT_TRUE(registry.resolve("vulkan/0").error().remedy().starts_with("cannot open"));
}

TEST_F(Companions, ALibraryThatIsInstalledLaterIsFound) {
    linker_says = "not there yet";
    EXPECT_FALSE(registry.resolve("vulkan/0"));
    EXPECT_TRUE(item("vulkan")->why);
    linker_says.clear();
    EXPECT_TRUE(registry.resolve("vulkan/0"));
    EXPECT_FALSE(item("vulkan")) << "the reason is gone with its cause";
    EXPECT_FALSE(item("vulkan/0")->why);
    EXPECT_EQ(loads.size(), 3u);
}

TEST_F(Companions, AnotherInterfaceIsRefusedForGood) {
    library = &other_abi;
    for (int i = 0; i < 2; ++i) {
        auto resolved = registry.resolve("vulkan/0");
        ASSERT_FALSE(resolved);
        EXPECT_EQ(resolved.error().kind(), ErrorKind::unsupported);
        for (const char* word : {"hwalloc-99.7", HWALLOC_BACKEND_ABI, soname.data()})
            EXPECT_NE(resolved.error().message().find(word), std::string::npos) << word;
        EXPECT_TRUE(item("vulkan")->why) << "the reason outlives a scan";
    }
    EXPECT_EQ(loads.size(), 1u) << "it is in the process and will not become another";
    EXPECT_EQ(discoveries, 0) << "a library that is refused is never asked";
}

TEST_F(Companions, ALibraryThatIsNoBackendIsRefused) {
    library = nullptr;
    auto resolved = registry.resolve("vulkan/0");
    ASSERT_FALSE(resolved);
    EXPECT_EQ(resolved.error().call(), "dlsym");
}

TEST_F(Companions, AFullInventoryLoadsAndAQuickOneDoesNot) {
    const auto unloaded = item("vulkan", InventoryScan::quick);
    ASSERT_TRUE(unloaded && unloaded->why) << "what is not loaded is listed all the same";
    EXPECT_EQ(unloaded->allocator, nullptr);
    EXPECT_EQ(unloaded->backend, soname);
    EXPECT_EQ(unloaded->why->kind(), ErrorKind::unavailable);
    EXPECT_TRUE(item("sysmem", InventoryScan::quick)->is_default);
    EXPECT_TRUE(loads.empty());
    EXPECT_TRUE(opened.empty());
    EXPECT_TRUE(item("vulkan/0"));
    EXPECT_EQ(loads.size(), 1u);
    const int asked = discoveries;
    EXPECT_TRUE(item("vulkan/0", InventoryScan::quick)) << "what is registered is known";
    EXPECT_FALSE(item("vulkan", InventoryScan::quick));
    EXPECT_EQ(discoveries, asked) << "and nothing is asked for more";
}

TEST_F(Companions, AQuickScanRepeatsWhatLoadingTold) {
    linker_says = "no such library";
    EXPECT_FALSE(registry.resolve("vulkan/0"));
    EXPECT_EQ(item("vulkan", InventoryScan::quick)->why->call(), "dlopen");
    EXPECT_EQ(loads.size(), 1u);
}

TEST_F(Companions, AFamilyThatTheApplicationNamedIsNotOverwritten) {
    ASSERT_TRUE(registry.add_by_application("vulkan", AllocatorRef::adopt(new Fake)));
    Allocator* const mine = registry.find("vulkan");
    linker_says = "no such library";
    EXPECT_FALSE(registry.resolve("vulkan/0"));
    EXPECT_EQ(registry.find("vulkan"), mine);
    EXPECT_FALSE(item("vulkan")->why);
}

// Somebody put the library among the modules as well: it is one library all the same.
TEST_F(Companions, ALibraryThatIsAModuleTooIsAskedOnce) {
    static int run = 0; // a file is loaded once in a process
    module_file = "vulkan" + std::to_string(++run) + ".so";
    ASSERT_TRUE(registry.resolve("vulkan/0"));
    EXPECT_EQ(loads.size(), 2u);
    EXPECT_EQ(discoveries, 1);
}

} // namespace
} // namespace hwalloc
