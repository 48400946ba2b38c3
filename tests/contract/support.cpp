#include "support.h"

#include <dirent.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <memory>

#include "hooked.h"

namespace hwalloc::contract {
namespace {

std::vector<Subject> look() {
    std::vector<Subject> found;
    auto items = inventory();
    if (!items)
        return found;
    for (InventoryItem& item : *items) {
        Subject subject{.name = item.name,
                        .family = item.family,
                        .allocator = item.allocator,
                        .claims = {},
                        .properties = {},
                        .absent = {},
                        .aliases = item.aliases};
        if (item.why)
            subject.absent = item.why->message();
        else if (!item.allocator)
            subject.absent = "not registered";
        if (auto* describes = item.allocator ? item.allocator->extension<Describes>() : nullptr) {
            subject.claims = describes->claims();
            subject.properties = describes->properties();
        }
        found.push_back(std::move(subject));
    }
    return found;
}

// A dma-buf of `size` bytes from whichever allocator can give one.
Result<UniqueFd> any_dmabuf(std::size_t size) {
    Error last(ErrorKind::unavailable, "no allocator here exports dma-bufs");
    for (const Subject& other : subjects()) {
        if (!other.absent.empty() || !other.claims.alloc || !other.claims.export_dmabuf)
            continue;
        auto memory = other.allocator->alloc(size);
        if (!memory) {
            last = memory.error();
            continue;
        }
        return export_fd(**memory, FdKind::dmabuf);
    }
    return last;
}

Result<MemoryRef> import_any(const Subject& subject, std::size_t size) {
    auto fd = any_dmabuf(size);
    if (!fd)
        return std::move(fd).error();
    return subject.allocator->extension<ImportsDmaBuf>()->import_dmabuf(fd->get(), 0, size,
                                                                        MemoryFlags::none);
}

bool imports_only(const Subject& subject) {
    return subject.absent.empty() && !subject.claims.alloc && subject.claims.map &&
           subject.allocator->extension<ImportsDmaBuf>();
}

template<class Condition>
std::vector<std::string> names_where(Condition&& condition) {
    std::vector<std::string> names;
    for (const Subject& subject : subjects())
        if (condition(subject))
            names.push_back(subject.name);
    return names;
}

} // namespace

bool in_lab() {
    const char* lab = std::getenv("HWALLOC_LAB");
    return lab && std::string_view(lab) == "1";
}

const std::vector<Subject>& subjects() {
    static const std::vector<Subject> all = look();
    return all;
}

const Subject& subject(std::string_view name) {
    for (const Subject& one : subjects())
        if (one.name == name || std::find(one.aliases.begin(), one.aliases.end(), name) != one.aliases.end())
            return one;
    static const Subject unknown = [] {
        Subject missing;
        missing.absent = "unknown";
        return missing;
    }();
    return unknown;
}

std::vector<std::string> all_names() {
    return names_where([](const Subject&) { return true; });
}
std::vector<std::string> allocating_names() {
    return names_where([](const Subject& s) { return s.absent.empty() && s.claims.alloc && s.claims.map; });
}
std::vector<std::string> mapping_names() {
    return names_where([](const Subject& s) {
        return s.absent.empty() && s.claims.map && (s.claims.alloc || (imports_only(s) && import_any(s, 1)));
    });
}
std::vector<std::string> required_names() {
    return {"sysmem",        "memfd",
            "udmabuf",       "dma-heap/system",
            "dmabuf",        "vulkan/0",
            "vulkan/0/host", "drm-dumb/virtio_gpu",
            "drm-dumb/vgem", "drm-dumb/bochs-drm",
            "v4l2/video0"};
}

MemoryRef make_memory(const Subject& subject, std::size_t size, const AllocationParams& params) {
    auto memory = imports_only(subject) ? import_any(subject, size) : subject.allocator->alloc(size, params);
    EXPECT_TRUE(ok(memory)) << "making " << size << " bytes of " << subject.name;
    return memory ? std::move(*memory) : MemoryRef();
}

std::size_t expected_maxsize(const Subject& subject, std::size_t want, std::size_t align) {
    const std::size_t generous = want + std::max<std::size_t>(align, 7);
    const std::size_t granule = subject.properties.granule;
    if (granule <= 1)
        return generous;
    return std::min(generous, std::max(granule, (want + granule - 1) / granule * granule));
}

std::size_t open_fds() {
    std::size_t count = 0;
    const std::unique_ptr<DIR, int (*)(DIR*)> directory(opendir("/proc/self/fd"), closedir);
    while (directory && readdir(directory.get()))
        ++count;
    return count;
}

testing::AssertionResult idle(Memory& memory) {
    for (LockFlags kind : {LockFlags::read, LockFlags::write, LockFlags::readwrite, LockFlags::exclusive}) {
        const auto taken_back = memory.unlock(kind);
        if (taken_back) {
            (void)memory.lock(kind);
            return testing::AssertionFailure()
                   << "there are maps, locks or shares of kind " << static_cast<std::uint32_t>(kind);
        }
        if (taken_back.error().kind() != ErrorKind::conflict)
            return testing::AssertionFailure() << "unlock: " << taken_back.error().message();
    }
    return testing::AssertionSuccess();
}

std::vector<std::uint8_t> counting(std::size_t size, std::uint8_t first) {
    std::vector<std::uint8_t> bytes(size);
    for (std::uint8_t& byte : bytes)
        byte = first++;
    return bytes;
}

void fill(Memory& memory, std::uint8_t first) {
    auto mapping = memory.map(MapFlags::write);
    ASSERT_TRUE(ok(mapping));
    const auto bytes = counting(mapping->size(), first);
    std::copy(bytes.begin(), bytes.end(), mapping->data());
    ASSERT_TRUE(ok(mapping->unmap()));
}

std::vector<std::uint8_t> contents(Memory& memory) {
    auto mapping = memory.map(MapFlags::read);
    EXPECT_TRUE(ok(mapping));
    if (!mapping)
        return {};
    return {mapping->data(), mapping->data() + mapping->size()};
}

void ContractTest::TearDown() {
    EXPECT_EQ(registered_script().blocks, 0) << "memory was left over";
    EXPECT_EQ(registered_script().mapped, 0) << "a map was left over";
}

std::string test_name(const testing::TestParamInfo<std::string>& info) {
    std::string name = info.param;
    for (char& letter : name)
        if (!std::isalnum(static_cast<unsigned char>(letter)))
            letter = '_';
    // Two names may differ in these letters only.
    std::size_t same = 0;
    for (const std::string& other : all_names()) {
        if (other == info.param)
            break;
        std::string flat = other;
        std::replace_if(
            flat.begin(), flat.end(), [](unsigned char c) { return !std::isalnum(c); }, '_');
        same += flat == name;
    }
    return same ? name + "_" + std::to_string(same) : name;
}

// ---- which allocators there are

class Required : public testing::TestWithParam<std::string> {};

TEST_P(Required, IsThere) {
    const Subject& wanted = subject(GetParam());
    if (wanted.absent.empty())
        return;
    if (in_lab())
        FAIL() << GetParam() << " is missing in the lab: " << wanted.absent;
    GTEST_SKIP() << "ABSENT: nothing of this suite runs on " << GetParam() << ": " << wanted.absent;
}
INSTANTIATE_TEST_SUITE_P(Over, Required, testing::ValuesIn(required_names()), test_name);

TEST_P(EveryAllocator, CanBeUsed) {
    if (self().absent.empty()) {
        EXPECT_NE(self().allocator, nullptr);
        EXPECT_NE(self().allocator->extension<Describes>(), nullptr)
            << "it claims nothing, so nothing is tested";
        return;
    }
    if (in_lab() && self().allocator)
        FAIL() << GetParam() << " is registered in the lab and cannot be used: " << self().absent;
    GTEST_SKIP() << "ABSENT: nothing of this suite runs on " << GetParam() << ": " << self().absent;
}
INSTANTIATE_TEST_SUITE_P(Over, EveryAllocator, testing::ValuesIn(all_names()), test_name);

} // namespace hwalloc::contract
