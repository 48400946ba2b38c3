// "dma-heap/NODE": a DMA-BUF heap of the kernel (linux/dma-heap.h;
// Documentation/userspace-api/dma-buf-heaps.rst), one allocator for every node that there is under
// /dev/dma_heap.
#include <fcntl.h>
#include <linux/dma-heap.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <new>
#include <string>
#include <string_view>
#include <vector>

#include "allocators/interface_of.h"
#include "allocators/page_geometry.h"
#include "common/directory.h"
#include "common/fixed_text.h"
#include "common/kernel.h"
#include "common/memory_watch.h"
#include "common/node_access.h"
#include "common/open_files.h"
#include "common/standard_streams.h"
#include "hwalloc/backend.h"
#include "hwalloc/dma_buf.h"

namespace hwalloc {
namespace {

constexpr const char* directory = "/dev/dma_heap";

// The rule that would let a group allocate, for this very heap: for the system heap the one of udev-rules/.
class Rule {
public:
    explicit Rule(const std::string& node)
        : text_("SUBSYSTEM==\"dma_heap\", KERNEL==\"" + node + "\", GROUP=\"video\", MODE=\"0640\"")
        , file_("55-hwalloc-dma-heap" + (node == "system" ? std::string() : "-" + node) + ".rules")
        , words_("give a group read access with a udev rule, which is all that allocating needs, such as " +
                 text_)
        , rule_{text_.c_str(), file_.c_str(), "video", "--subsystem-match=dma_heap"} {}
    Rule(const Rule&) = delete; // rule_ points into it
    Rule& operator=(const Rule&) = delete;

    const char* words() const noexcept { return words_.c_str(); }
    const NodeRule* rule() const noexcept { return &rule_; }

private:
    std::string text_, file_, words_;
    NodeRule rule_;
};

// What a heap is can only be told by its name. The contiguous one is called after its region, which depends
// on kernel and device tree: since Linux 6.17 there is default_cma_region, and the older name beside it.
enum class Kind { system, contiguous, other };
Kind kind_of(std::string_view node) noexcept {
    constexpr std::array<std::string_view, 4> contiguous{"default_cma_region", "reserved", "linux,cma",
                                                         "default-pool"};
    if (node == "system")
        return Kind::system;
    return std::find(contiguous.begin(), contiguous.end(), node) != contiguous.end() ? Kind::contiguous
                                                                                     : Kind::other;
}

class DmaHeap final : public Allocator, public Describes, public KeepsDevice {
public:
    explicit DmaHeap(const std::string& node)
        : Allocator("dma-heap")
        , kind_(kind_of(node))
        , uncached_(node.find("uncached") != std::string::npos)
        , rule_(node)
        , node_(std::string(directory) + "/" + node, O_RDONLY,
                {.purpose = "opening a DMA heap",
                 .absent = "the heap has gone, or this container does not show it",
                 .denied = rule_.words(),
                 .rule = rule_.rule(),
                 .absence = ErrorKind::device_lost}) {}

    Properties properties() noexcept override {
        const bool known = kind_ != Kind::other;
        return {.contiguous = kind_ == Kind::contiguous ? Answer::yes
                              : kind_ == Kind::system   ? Answer::no
                                                        : Answer::unknown,
                .cached = known       ? Answer::yes
                          : uncached_ ? Answer::no
                                      : Answer::unknown,
                .device_local = known ? Answer::no : Answer::unknown,
                .sync = known ? SyncQuality::importer_aware : SyncQuality::unknown,
                .granule = page_size(),
                .cost = kind_ == Kind::system       ? 20
                        : kind_ == Kind::contiguous ? 40
                                                    : 45};
    }
    Claims claims() noexcept override { return {.alloc = true, .map = true, .export_dmabuf = true}; }
    Result<void> available() noexcept override { return node_.check(); }
    bool recheck_device() noexcept override { return node_.recheck(); }
    void close_device() noexcept override { node_.close(); }

private:
    Result<Block*> do_alloc(std::size_t size, const AllocationParams& params) noexcept override {
        auto geometry = page_geometry(size, params, node_.path());
        if (!geometry)
            return std::move(geometry).error();
        if (kind_ == Kind::contiguous)
            geometry->flags |= MemoryFlags::physically_contiguous;
        const auto failed = [&](Error&& error) {
            return std::move(error)
                .doing(FixedText("allocating ", geometry->storage, " bytes"))
                .on(node_.path());
        };
        // A heap of scattered pages does not say no (system_heap.c); a contiguous one does, and its region is
        // not what the machine has free.
        if (kind_ != Kind::contiguous)
            if (auto fits = watch_.before(geometry->storage); !fits)
                return failed(std::move(fits).error());
        auto heap = node_.open();
        if (!heap)
            return std::move(heap).error();
        auto fd = storage(*heap, geometry->storage);
        if (!fd)
            return failed(std::move(fd).error());
        auto buffer = DmaBuf::adopt(std::move(*fd), geometry->storage);
        if (!buffer)
            return failed(std::move(buffer).error());
        (*buffer)->set_name(FixedText("hwalloc:", size));
        return DmaBufBlock::make(*this, *geometry, std::move(*buffer));
    }

    Result<UniqueFd> storage(const DeviceNode::Held& heap, std::size_t bytes) noexcept {
        // Everything but length and descriptor flags must be zero (dma-heap.c: EINVAL otherwise).
        dma_heap_allocation_data request{
            .len = bytes, .fd = 0, .fd_flags = O_RDWR | O_CLOEXEC, .heap_flags = 0};
        int done;
        do {
            done = kernel.ioctl(heap->get(), DMA_HEAP_IOCTL_ALLOC, &request);
        } while (done == -EINTR);
        if (done >= 0)
            done = above_standard_streams(static_cast<int>(request.fd));
        if (done >= 0)
            return UniqueFd(done);
        Error error = Error::from_errno(-done, "allocating").call("DMA_HEAP_IOCTL_ALLOC").wanted(bytes);
        switch (-done) {
        case ENOMEM:
            return std::move(error).remedy(
                kind_ == Kind::contiguous
                    ? "the contiguous memory is exhausted, or too fragmented for this size: release buffers, "
                      "enlarge it (kernel parameter cma=), or use dma-heap/system where the devices can"
                    : "the machine has not that much memory free for devices");
        case ENOTTY:
            node_.drop(heap);
            return std::move(error).remedy("the node is not a DMA heap");
        case ENODEV:
        case ENXIO:
        case EBADF:
        case EIO:
            node_.drop(heap);
            return error;
        default:
            return with_open_files_remedy(std::move(error), done);
        }
    }

    void* do_extension(std::string_view id) noexcept override {
        return interface_of<Describes, KeepsDevice>(this, id);
    }

    Kind kind_;
    bool uncached_;
    Rule rule_;
    DeviceNode node_;
    MemoryWatch watch_;
};

Error no_heaps(int listed) {
    const bool in_kernel = !directory_entries("/sys/class/dma_heap").empty();
    return nothing_found(
        listed, "looking for DMA heaps", directory,
        in_kernel ? "the kernel has DMA heaps, but this container or /dev does not show them: pass the "
                    "nodes of /dev/dma_heap in"
                  : "this kernel has no DMA heap: it takes CONFIG_DMABUF_HEAPS with "
                    "CONFIG_DMABUF_HEAPS_SYSTEM, and CONFIG_DMABUF_HEAPS_CMA for contiguous memory");
}

Result<void> discover(BackendHost& host) noexcept try {
    int listed;
    const std::vector<std::string> nodes = directory_entries(directory, &listed);
    if (listing_refused(listed))
        return no_heaps(listed);
    if (nodes.empty()) {
        host.unavailable("dma-heap", no_heaps(listed));
        return {};
    }
    const bool has_system = std::binary_search(nodes.begin(), nodes.end(), "system");
    for (const std::string& node : nodes) {
        const std::string name = "dma-heap/" + node, path = std::string(directory) + "/" + node;
        // The family's name is the system heap, or, where there is none, the first one.
        const bool best = node == (has_system ? "system" : nodes.front());
        const std::initializer_list<std::string_view> aliases{path, best ? "dma-heap" : ""};
        if (host.still_here(name, aliases))
            continue;
        auto added = host.add(name, AllocatorRef::adopt(new DmaHeap(node)), aliases);
        if (!added)
            return added;
    }
    return {};
} catch (const std::bad_alloc&) {
    return Error(ErrorKind::exhausted, "no memory for an allocator");
}

} // namespace

extern const Backend backend_dma_heap;
const Backend backend_dma_heap{
    .name = "dma_heap", .families = "dma-heap", .subsystems = "dma_heap", .discover = discover};

} // namespace hwalloc
