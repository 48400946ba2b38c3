// The cases of GStreamer's allocators.c (gst-contract §2.2) that apply, over every allocator. Not here:
// test_ahardware_buffer_formats (Android), and test_fdmem_dont_close (a memory always keeps a descriptor of
// its own: the caller's stays the caller's).
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <memory>

#include "support.h"

namespace hwalloc::contract {
namespace {

class UpstreamLibs : public ContractTest {};

// allocators.c, test_fdmem: READ, WRITE and READ again see one content while the mapping is kept.
TEST_P(UpstreamLibs, test_fdmem_read_write_read) {
    auto memory = make(10);
    ASSERT_TRUE(memory);
    fill(*memory, '0');
    EXPECT_EQ(contents(*memory)[5], '5');
    {
        auto mapping = memory->map(MapFlags::write);
        ASSERT_TRUE(ok(mapping));
        mapping->data()[5] = 'X';
    }
    EXPECT_EQ(contents(*memory)[5], 'X');
}

// allocators.c, test_shm_alloc_page_aligned. There maxsize is whole pages; here maxsize has the slack of
// every other allocator, and the storage behind the descriptor is whole pages.
TEST_P(UpstreamLibs, test_shm_alloc_page_aligned) {
    if (!self().claims.export_memfd && !self().claims.export_dmabuf)
        return;
    const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    const FdKind kind = self().claims.export_memfd ? FdKind::memfd : FdKind::dmabuf;
    for (auto [size, pages] : {std::pair{std::size_t{100}, std::size_t{1}}, {page + 1, 2}, {page, 1}}) {
        auto memory = make(size);
        ASSERT_TRUE(memory);
        // An import has its device's real size, as upstream's memory does.
        EXPECT_EQ(memory->maxsize(), self().claims.alloc ? std::min(size + 7, pages * page) : pages * page);
        auto lent = borrow_fd(*memory, kind);
        ASSERT_TRUE(ok(lent));
        EXPECT_GE(lseek(lent->fd, 0, SEEK_END), static_cast<off_t>(pages * page));
    }
}

HWALLOC_OVER_MAPPING(UpstreamLibs);

// allocators.c, test_dmabuf wraps an empty file and never finds out; here an import is checked first.
TEST(UpstreamImport, test_dmabuf) {
    auto* allocator = Allocator::find("dmabuf");
    if (!allocator) {
        if (in_lab()) {
            FAIL() << "dmabuf is missing in the lab";
        }
        GTEST_SKIP() << "ABSENT: dmabuf";
    }
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::tmpfile(), std::fclose);
    ASSERT_TRUE(file);
    const std::size_t fds = open_fds();
    EXPECT_TRUE(refused(import_dmabuf(fileno(file.get()), 0, 4096), ErrorKind::invalid)) << "not a dma-buf";
    EXPECT_TRUE(refused(import_dmabuf(-1), ErrorKind::invalid));
    EXPECT_EQ(open_fds(), fds);
}

} // namespace
} // namespace hwalloc::contract
