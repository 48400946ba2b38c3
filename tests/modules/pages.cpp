// A backend outside the library, against the installed headers alone: pages that are used again after they
// were freed. It is compiled once as it should be, and once for each fault that `hwalloc check` has to find.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <new>
#include <vector>

#include "hwalloc/backend.h"
#include "hwalloc/block.h"
#include "hwalloc/capabilities.h"
#include "hwalloc/image.h"

namespace {

using namespace hwalloc;

enum class Fault {
    none,
    wrong_offset,   // the window does not begin behind the prefix
    no_zeroing,     // ZERO_PREFIXED and ZERO_PADDED are promised, and the old bytes are still there
    leaked_fd,      // every allocation leaves a descriptor behind
    leaked_mapping, // freed pages are never used again nor given back
    writable_share, // shares lose READONLY
    short_region,   // fewer bytes than asked for where prefix and padding are wanted
    map_elsewhere,  // mapping gives an address where nothing is
    false_claim,    // claims dma-bufs and has none
    misaligned,     // the region begins 8 bytes behind the page
    wrong_copy,     // a copy of a part begins where the memory begins
    wrong_span,     // any two shares are neighbours
    leaked_heap,    // every share leaves a small piece of heap behind
    short_image,    // the memory of a picture lacks a row
    quiet_exit,     // allocating ends the process as if all were well
};
constexpr Fault fault = Fault::HWALLOC_TEST_FAULT;

std::size_t page_size() noexcept {
    return static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

// Freed regions by their size. Lives for ever, like the allocator.
class Pool {
public:
    Result<std::uint8_t*> take(std::size_t length) noexcept {
        {
            const std::lock_guard guard(mutex_);
            auto& free = free_[length];
            if (!free.empty()) {
                std::uint8_t* region = free.back();
                free.pop_back();
                return region;
            }
        }
        void* region = ::mmap(nullptr, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (region == MAP_FAILED)
            return Error::from_errno(errno, "mapping pages").call("mmap").wanted(length);
        return static_cast<std::uint8_t*>(region);
    }
    void give(std::uint8_t* region, std::size_t length) noexcept {
        if constexpr (fault == Fault::leaked_mapping)
            return;
        const std::lock_guard guard(mutex_);
        auto& free = free_[length];
        if (free.size() < 64)
            free.push_back(region);
        else
            ::munmap(region, length);
    }

private:
    std::mutex mutex_;
    std::map<std::size_t, std::vector<std::uint8_t*>> free_;
};

// Written so that the compiler cannot leave the allocation out.
[[maybe_unused]] void* volatile leaked_by_share;

class PagesBlock final : public Block {
public:
    PagesBlock(Allocator& allocator, const Geometry& geometry, Pool& pool, std::uint8_t* region) noexcept
        : Block(allocator, geometry)
        , pool_(pool)
        , region_(region + (fault == Fault::misaligned ? 8 : 0))
        , length_(geometry.storage) {
        if constexpr (fault == Fault::false_claim)
            std::memset(region_, 0, length_); // memory that may leave the process must
        if constexpr (fault != Fault::no_zeroing)
            zero_edges(region_);
    }

private:
    ~PagesBlock() override { pool_.give(region_ - (fault == Fault::misaligned ? 8 : 0), length_); }

    Result<std::uint8_t*> mem_map(Memory&, std::size_t, MapFlags) noexcept override {
        if constexpr (fault == Fault::map_elsewhere)
            return reinterpret_cast<std::uint8_t*>(page_size() / 2);
        return region_;
    }
    Result<MemoryRef> mem_copy(Memory& view, std::size_t offset, std::size_t size,
                               Allocator* target) noexcept override {
        return default_copy(view, fault == Fault::wrong_copy ? 0 : offset, size, target);
    }
    bool mem_is_span(const Memory& a, const Memory& b, std::size_t* offset) noexcept override {
        if constexpr (fault == Fault::wrong_span) {
            *offset = 0;
            return true;
        }
        return Block::mem_is_span(a, b, offset);
    }
    Result<void> mem_share(Memory& view) noexcept override {
        if constexpr (fault == Fault::leaked_heap)
            leaked_by_share = std::malloc(40);
        if constexpr (fault == Fault::writable_share)
            set_flags(view, view.flags() & ~MemoryFlags::readonly);
        return {};
    }

    Pool& pool_;
    std::uint8_t* region_;
    std::size_t length_;
};

class Pages final : public Allocator, public Describes, public AllocatesImages {
public:
    Pages() noexcept : Allocator("test") {}

    Properties properties() noexcept override {
        return {.contiguous = Answer::no,
                .cached = Answer::yes,
                .device_local = Answer::no,
                .sync = SyncQuality::none,
                .granule = page_size()};
    }
    Claims claims() noexcept override {
        return {.alloc = true, .map = true, .export_dmabuf = fault == Fault::false_claim, .image = true};
    }
    Result<void> available() noexcept override { return {}; }
    Result<Image> alloc_image(const ImageRequest& request) noexcept override {
        bool linear = request.modifiers.empty();
        for (const std::uint64_t modifier : request.modifiers)
            linear = linear || modifier == 0;
        if (!linear)
            return Error(ErrorKind::unsupported, "pictures in pages are linear");
        auto layout = linear_layout(request.fourcc, request.width, request.height);
        if (!layout)
            return std::move(layout).error();
        const std::uint64_t lacking = fault == Fault::short_image ? layout->planes[0].stride : 0;
        auto memory = alloc(static_cast<std::size_t>(layout->memory_sizes[0] - lacking));
        if (!memory)
            return std::move(memory).error();
        return Image{*std::move(memory), *layout};
    }

private:
    Result<Block*> do_alloc(std::size_t size, const AllocationParams& params) noexcept override {
        if (params.align >= page_size())
            return Error(ErrorKind::unsupported, "pages are not aligned to more than their size");
        auto geometry = Geometry::of(size, params, page_size());
        if (!geometry)
            return std::move(geometry).error();
        if constexpr (fault == Fault::wrong_offset)
            geometry->offset = 0;
        if constexpr (fault == Fault::short_region)
            geometry->maxsize = geometry->offset + geometry->size;
        if constexpr (fault == Fault::misaligned)
            geometry->storage += page_size();
        if constexpr (fault == Fault::quiet_exit)
            ::_exit(0);
        if constexpr (fault == Fault::leaked_fd)
            (void)::open("/dev/null", O_RDONLY | O_CLOEXEC);
        auto region = pool_.take(geometry->storage);
        if (!region)
            return std::move(region).error();
        auto* block = new (std::nothrow) PagesBlock(*this, *geometry, pool_, *region);
        if (!block) {
            pool_.give(*region, geometry->storage);
            return Error(ErrorKind::exhausted, "no memory for a block");
        }
        return block;
    }
    void* do_extension(std::string_view id) noexcept override {
        if (id == AllocatesImages::extension_id)
            return static_cast<AllocatesImages*>(this);
        return id == Describes::extension_id ? static_cast<Describes*>(this) : nullptr;
    }

    Pool pool_;
};

Result<void> discover(BackendHost& host) noexcept {
    if (host.still_here("test/" HWALLOC_TEST_NAME, {"test"}))
        return {};
    auto* pages = new (std::nothrow) Pages;
    if (!pages)
        return Error(ErrorKind::exhausted, "no memory for an allocator");
    return host.add("test/" HWALLOC_TEST_NAME, AllocatorRef::adopt(pages), {"test"});
}

} // namespace

HWALLOC_BACKEND_MODULE("pages", "test", nullptr, discover);
