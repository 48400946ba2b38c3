// "udmabuf": ordinary memory made a dma-buf by the kernel's udmabuf driver (linux/udmabuf.h). For machines
// whose DMA is coherent: its SYNC maintains nothing for the devices that import it.
#include <fcntl.h>
#include <linux/udmabuf.h>

#include <atomic>
#include <cerrno>
#include <new>

#include "allocators/interface_of.h"
#include "allocators/page_geometry.h"
#include "common/addressable.h"
#include "common/checked.h"
#include "common/directory.h"
#include "common/fixed_text.h"
#include "common/kernel.h"
#include "common/memory_watch.h"
#include "common/open_files.h"
#include "common/read_file.h"
#include "common/sealed_memfd.h"
#include "common/standard_streams.h"
#include "common/udmabuf_node.h"
#include "hwalloc/backend.h"
#include "hwalloc/dma_buf.h"

namespace hwalloc {
namespace {

constexpr const char* node_path = "/dev/udmabuf";
constexpr const char* limit_path = "/sys/module/udmabuf/parameters/size_limit_mb";

constexpr const char* no_node =
    "the kernel has udmabuf, but this container or /dev does not show it: pass /dev/udmabuf in";
class Udmabuf final : public Allocator, public Describes, public KeepsDevice {
public:
    Udmabuf() : Allocator("udmabuf"), node_(node_path, O_RDONLY, udmabuf_advice) {}

    Properties properties() noexcept override {
        return {.contiguous = Answer::no,
                .cached = Answer::yes,
                .device_local = Answer::no,
                .sync = SyncQuality::exporter_only,
                .granule = page_size(),
                .max_size = limit(),
                .cost = 30};
    }
    Claims claims() noexcept override { return {.alloc = true, .map = true, .export_dmabuf = true}; }
    Result<void> available() noexcept override { return node_.check(); }
    bool recheck_device() noexcept override { return node_.recheck(); }
    void close_device() noexcept override { node_.close(); }

private:
    // The most that the driver makes of one call, in bytes: read once, and again before anything is refused
    // by it. What no file can be opened for is left to the driver.
    std::size_t limit() noexcept {
        const std::size_t known = limit_.load(std::memory_order_relaxed);
        return known ? known : read_limit();
    }
    std::size_t read_limit() noexcept {
        constexpr std::uint64_t kernels_default = 64;
        auto text = read_file(limit_path, 64);
        if (!text && text.error().kind() == ErrorKind::exhausted)
            return at_most_addressable(most_addressable);
        const std::uint64_t mib = text ? leading_number(*text).value_or(kernels_default) : kernels_default;
        std::uint64_t bytes;
        const bool fits = checked_mul(mib, std::uint64_t{1} << 20, bytes);
        const std::size_t most = at_most_addressable(fits ? bytes : most_addressable);
        limit_.store(most, std::memory_order_relaxed);
        return most;
    }

    Result<Block*> do_alloc(std::size_t size, const AllocationParams& params) noexcept override {
        auto geometry = page_geometry(size, params, node_path);
        if (!geometry)
            return std::move(geometry).error();
        const std::size_t bytes = geometry->storage;
        const auto failed = [&](Error&& error) {
            return std::move(error).doing(FixedText("allocating ", bytes, " bytes")).on(node_path);
        };
        if (bytes > limit() && bytes > read_limit())
            return failed(
                Error(ErrorKind::limit, "allocating")
                    .wanted(bytes)
                    .held(limit())
                    .remedy(FixedText("the driver makes no larger buffer at once; root can raise ",
                                      limit_path, ", or use another allocator, such as dma-heap/system")));
        // The driver takes a page of the memfd after the other (udmabuf.c: shmem_read_mapping_page).
        if (auto fits = watch_.before(bytes); !fits)
            return failed(std::move(fits).error());
        auto device = node_.open();
        if (!device)
            return std::move(device).error();
        const FixedText name("hwalloc:", size);
        // The buffer keeps the pages; the memfd is not needed once it is made. The CPU's view is the
        // buffer's, so that SYNC means something.
        auto memfd = make_sealed_memfd(name.c_str(), bytes);
        if (!memfd)
            return failed(std::move(memfd).error());
        auto fd = create(*device, memfd->get(), bytes);
        if (!fd)
            return failed(std::move(fd).error());
        memfd->reset();
        auto buffer = DmaBuf::adopt(std::move(*fd), bytes);
        if (!buffer)
            return failed(std::move(buffer).error());
        (*buffer)->set_name(name);
        return DmaBufBlock::make(*this, *geometry, std::move(*buffer));
    }

    Result<UniqueFd> create(const DeviceNode::Held& device, int memfd, std::size_t bytes) noexcept {
        udmabuf_create request{.memfd = static_cast<std::uint32_t>(memfd),
                               .flags = UDMABUF_FLAGS_CLOEXEC,
                               .offset = 0,
                               .size = bytes};
        const int fd = above_standard_streams(kernel.ioctl(device->get(), UDMABUF_CREATE, &request));
        if (fd >= 0)
            return UniqueFd(fd);
        Error error = Error::from_errno(-fd, "allocating").call("UDMABUF_CREATE").wanted(bytes);
        switch (-fd) {
        case ENOTTY:
            node_.drop(device);
            return std::move(error).remedy("the node is not the kernel's udmabuf");
        case ENODEV:
        case ENXIO:
        case EBADF:
            node_.drop(device);
            return error;
        default:
            return with_open_files_remedy(std::move(error), fd);
        }
    }

    void* do_extension(std::string_view id) noexcept override {
        return interface_of<Describes, KeepsDevice>(this, id);
    }

    DeviceNode node_;
    MemoryWatch watch_;
    std::atomic<std::size_t> limit_{0};
};

Result<void> discover(BackendHost& host) noexcept try {
    struct stat node {};
    if (const int done = kernel.stat(node_path, &node); done < 0) {
        const bool in_kernel = kernel.stat("/sys/class/misc/udmabuf", &node) >= 0;
        Error why = Error(ErrorKind::unavailable, -done, "looking for udmabuf")
                        .on(node_path)
                        .remedy(in_kernel ? no_node : udmabuf_advice.absent);
        if (listing_refused(done))
            return why;
        host.unavailable("udmabuf", std::move(why));
        return {};
    }
    if (host.still_here("udmabuf", {node_path}))
        return {};
    return host.add("udmabuf", AllocatorRef::adopt(new Udmabuf), {node_path});
} catch (const std::bad_alloc&) {
    return Error(ErrorKind::exhausted, "no memory for an allocator");
}

} // namespace

extern const Backend backend_udmabuf;
const Backend backend_udmabuf{
    .name = "udmabuf", .families = "udmabuf", .subsystems = "misc", .discover = discover};

} // namespace hwalloc
