// Steps about descriptors: what leaves the library is looked at from outside, with plain system calls.
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "hwalloc/image.h"
#include "hwalloc/unique_fd.h"
#include "tools/check/steps.h"

namespace hwalloc::tools::checks {
namespace {

// <linux/magic.h> calls them so too, where it is new enough.
constexpr unsigned long dma_buf_magic = 0x444d4142, tmpfs_magic = 0x01021994, hugetlbfs_magic = 0x958458f6;

std::string errno_text() {
    return fmt::format("{} ({})", std::strerror(errno), errno_name(errno));
}

unsigned long file_system(int fd) {
    struct statfs status {};
    if (::fstatfs(fd, &status) != 0)
        throw Failed("fstatfs of the exported descriptor: " + errno_text());
    return static_cast<unsigned long>(status.f_type) & 0xffffffff;
}

std::size_t object_size(int fd) {
    const off_t end = ::lseek(fd, 0, SEEK_END);
    if (end < 0 || ::lseek(fd, 0, SEEK_SET) < 0)
        throw Failed("lseek of the exported descriptor: " + errno_text());
    return static_cast<std::size_t>(end);
}

// What another process would see: its own mapping of the descriptor, with the maintenance that dma-bufs need.
class Outside {
public:
    Outside(int fd, std::size_t length, bool write, bool dmabuf) : fd_(fd), length_(length) {
        void* address =
            ::mmap(nullptr, length, write ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, fd, 0);
        if (address == MAP_FAILED)
            throw Failed(
                fmt::format("mmap of {} bytes of the exported descriptor: {}", length, errno_text()));
        address_ = static_cast<std::uint8_t*>(address);
        if (dmabuf) {
            direction_ = write ? DMA_BUF_SYNC_RW : DMA_BUF_SYNC_READ;
            sync(DMA_BUF_SYNC_START);
        }
    }
    ~Outside() {
        if (direction_)
            sync(DMA_BUF_SYNC_END);
        ::munmap(address_, length_);
    }
    Outside(const Outside&) = delete;
    Outside& operator=(const Outside&) = delete;

    std::span<std::uint8_t> bytes(std::size_t offset, std::size_t size) const {
        return {address_ + offset, size};
    }

private:
    void sync(std::uint64_t edge) const {
        dma_buf_sync arguments{.flags = edge | direction_};
        while (::ioctl(fd_, DMA_BUF_IOCTL_SYNC, &arguments) != 0 && (errno == EINTR || errno == EAGAIN)) {
        }
    }

    int fd_;
    std::size_t length_;
    std::uint8_t* address_ = nullptr;
    std::uint64_t direction_ = 0;
};

// What dma-bufs and memfds have in common: the window lies in the object, and the bytes are the memory's,
// both ways.
std::string check_export(const Subject& subject, FdKind kind) {
    constexpr std::size_t size = 10000;
    const bool dmabuf = kind == FdKind::dmabuf;
    auto memory = subject.make(size);
    auto fd = must("export_fd", export_fd(*memory, kind));
    auto lent = must("borrow_fd", borrow_fd(*memory, kind));
    const int descriptor_flags = ::fcntl(fd.get(), F_GETFD);
    holds("the exported descriptor is valid", descriptor_flags >= 0);
    holds("the exported descriptor is close-on-exec", (descriptor_flags & FD_CLOEXEC) != 0);
    holds("the exported descriptor is the caller's own", fd.get() != lent.fd);

    const unsigned long system = file_system(fd.get());
    if (dmabuf)
        equal("file system of a dma-buf", fmt::format("{:#x}", dma_buf_magic), fmt::format("{:#x}", system));
    else
        holds(fmt::format("a memfd is on tmpfs or hugetlbfs; found {:#x}", system),
              system == tmpfs_magic || system == hugetlbfs_magic);
    equal("size of the window", size, lent.size);
    const std::size_t length = object_size(fd.get());
    holds(fmt::format("the window [{}, {}) lies in the object of {} bytes", lent.offset,
                      lent.offset + lent.size, length),
          lent.offset <= length && lent.size <= length - lent.offset);
    const int access = ::fcntl(fd.get(), F_GETFL) & O_ACCMODE;
    equal("writable", access == O_RDWR, lent.writable);

    if (subject.claims.map) {
        write_pattern(*memory, 31);
        {
            const Outside outside(fd.get(), length, lent.writable, dmabuf);
            expect_pattern("through a second mapping", outside.bytes(lent.offset, size), 31);
            if (lent.writable)
                fill(outside.bytes(lent.offset, size), 32);
        }
        if (lent.writable)
            read_pattern("after writing through a second mapping", *memory, 32);
        auto view = must("share(5000, 100)", memory->share(5000, 100));
        auto part = must("borrow_fd of a share", borrow_fd(*view, kind));
        equal("offset of a share in the object", lent.offset + 5000, part.offset);
        equal("size of a share's window", 100u, part.size);
    }
    // The descriptor is the caller's: the object outlives the memory.
    memory.reset();
    equal("size of the object when the memory is gone", length, object_size(fd.get()));
    return fmt::format("{} bytes for {}", length, size);
}

} // namespace

std::string claims_hold(const Subject& subject) {
    if (!subject.describes)
        throw Unsupported("the allocator does not say what it can do (no interface Describes)");
    const auto& claims = subject.claims;
    equal("claims import of dma-bufs, and has the interface", claims.import_dmabuf,
          subject.allocator->extension<ImportsDmaBuf>() != nullptr);
    equal("claims to lay images out, and has the interface", claims.image,
          subject.allocator->extension<AllocatesImages>() != nullptr);
    if (!claims.alloc)
        refused("alloc by an allocator that does not claim it", subject.allocator->alloc(100),
                {ErrorKind::unsupported});
    if (!claims.alloc && !(claims.import_dmabuf && subject.donor))
        return {};
    auto memory = subject.make(100);
    if (!claims.map)
        refused("map of memory that is not claimed to be mappable", memory->map(MapFlags::read),
                {ErrorKind::unsupported});
    if (!claims.export_dmabuf)
        refused("a dma-buf, which is not claimed", export_fd(*memory, FdKind::dmabuf),
                {ErrorKind::unsupported});
    if (!claims.export_memfd)
        refused("a memfd, which is not claimed", export_fd(*memory, FdKind::memfd), {ErrorKind::unsupported});
    return {};
}

std::string export_a_dmabuf(const Subject& subject) {
    std::string found = check_export(subject, FdKind::dmabuf);
    // Back in again, as another part of a program would.
    Allocator* importer = Allocator::find("dmabuf");
    auto* imports = importer ? importer->extension<ImportsDmaBuf>() : nullptr;
    if (!imports || !subject.claims.map)
        return found;
    auto memory = subject.make(10000);
    write_pattern(*memory, 33);
    auto lent = must("borrow_fd", borrow_fd(*memory, FdKind::dmabuf));
    auto again = must("importing it again",
                      imports->import_dmabuf(lent.fd, lent.offset, lent.size, MemoryFlags::none));
    read_pattern("imported again", *again, 33);
    if (lent.writable) {
        write_pattern(*again, 34);
        read_pattern("after writing through the import", *memory, 34);
    }
    return found;
}

std::string export_a_memfd(const Subject& subject) {
    std::string found = check_export(subject, FdKind::memfd);
    auto memory = subject.make(10000);
    auto fd = must("export_fd", export_fd(*memory, FdKind::memfd));
    const int seals = ::fcntl(fd.get(), F_GET_SEALS);
    if (seals < 0)
        throw Failed("the descriptor is no memfd: F_GET_SEALS: " + errno_text());
    holds(fmt::format("sealed against shrinking; found seals {:#x}", seals), (seals & F_SEAL_SHRINK) != 0);
    if (::ftruncate(fd.get(), 0) == 0)
        throw Failed("shrinking the memfd: expected EPERM, found success");
    equal("errno of shrinking the memfd", errno_name(EPERM), errno_name(errno));
    if (subject.claims.map)
        write_pattern(*memory, 35);
    return found;
}

std::string import_a_dmabuf(const Subject& subject) {
    constexpr std::size_t size = 10000;
    auto* imports = subject.allocator->extension<ImportsDmaBuf>();
    holds("the allocator has the interface ImportsDmaBuf", imports);

    // Nonsense first: that needs no other allocator.
    const UniqueFd no_dmabuf(::open("/dev/null", O_RDWR | O_CLOEXEC));
    const UniqueFd memfd(::memfd_create("hwalloc-check", MFD_CLOEXEC));
    const auto import = [&](int fd, std::size_t offset, std::size_t length) {
        return imports->import_dmabuf(fd, offset, length, MemoryFlags::none);
    };
    refused("import of descriptor -1", import(-1, 0, whole), {ErrorKind::invalid});
    refused("import of /dev/null", import(no_dmabuf.get(), 0, whole), {ErrorKind::invalid});
    refused("import of a memfd", import(memfd.get(), 0, whole), {ErrorKind::invalid});

    Allocator* donor = subject.donor;
    if (!donor)
        throw Unsupported("no other allocator here makes a dma-buf to import");
    const auto export_of = [&](Memory& memory) {
        return must("exporting it", export_fd(memory, FdKind::dmabuf));
    };
    auto given = must("allocating from " + std::string(donor->name()), donor->alloc(size));
    auto fd = export_of(*given);
    // A device may take no memory but its own, or none that is scattered; then that is an answer, and its own
    // must do.
    std::string found = fmt::format("from {}", donor->name());
    if (auto tried = import(fd.get(), 0, whole); !tried && tried.error().kind() == ErrorKind::incompatible) {
        if (!subject.claims.alloc || !subject.claims.export_dmabuf)
            throw Unsupported(tried.error().message());
        found = fmt::format("from itself; from {}: {}", donor->name(), tried.error().message());
        donor = subject.allocator;
        given = must("allocating from itself", donor->alloc(size));
        fd = export_of(*given);
    }
    const std::size_t length = object_size(fd.get());
    refused("import of a window that is too long", import(fd.get(), 0, length + 1), {ErrorKind::invalid});
    refused("import of a window that begins too late", import(fd.get(), length + 1, 0), {ErrorKind::invalid});
    refused("import of a window that wraps", import(fd.get(), 8, whole - 4), {ErrorKind::invalid});

    auto all = must("import of the whole buffer", import(fd.get(), 0, whole));
    equal("size of the whole buffer", length, all->size());
    equal("maxsize of the whole buffer", length, all->maxsize());
    holds("the caller keeps its descriptor", ::fcntl(fd.get(), F_GETFD) >= 0);
    auto part = must("import of a part", import(fd.get(), 4096, 100));
    equal("size of a part", 100u, part->size());
    equal("offset of a part", 4096u, part->offset());
    equal("READONLY of a buffer that may be written", false, has(all->flags(), MemoryFlags::readonly));
    if (subject.claims.map) {
        write_pattern(*given, 41);
        auto mapping = must("READ map of the import", all->map(MapFlags::read));
        expect_pattern("the donor's bytes", mapping.bytes().first(size), 41);
        must("unmap", mapping.unmap());
        read_pattern("the donor's bytes in a part", *part, 41, 4096);
        write_pattern(*part, 42);
        auto back = must("READ map of the donor's memory", given->map(MapFlags::read));
        expect_pattern("what the part wrote", back.bytes().subspan(4096, 100), 42);
        expect_pattern("what it did not", back.bytes().first(4096), 41);
    }
    fd.reset();
    given.reset();
    if (subject.claims.map)
        read_pattern("when the donor's memory and descriptor are gone", *part, 42);
    return found;
}

} // namespace hwalloc::tools::checks
