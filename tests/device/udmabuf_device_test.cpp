// The kernel's udmabuf driver.
#include "common/sealed_memfd.h"
#include "common/twins.h"
#include "tests/device/device.h"

namespace hwalloc {
namespace {

using namespace testing;

constexpr const char* udmabuf_node = "/dev/udmabuf";

class UdmabufDevice : public ::testing::Test {
protected:
    void SetUp() override { NEEDS_DEVICE(udmabuf_node); }
    // What UDMABUF_CREATE answers for `memfd`: 0 or errno.
    static int create(int memfd, std::size_t size, UniqueFd* made = nullptr) {
        const UniqueFd device(::open(udmabuf_node, O_RDWR | O_CLOEXEC));
        udmabuf_create request{
            .memfd = static_cast<unsigned>(memfd), .flags = UDMABUF_FLAGS_CLOEXEC, .offset = 0, .size = size};
        UniqueFd fd(::ioctl(device.get(), UDMABUF_CREATE, &request));
        if (!fd)
            return errno;
        if (made)
            *made = std::move(fd);
        return 0;
    }
    static std::size_t limit() { return allocator("udmabuf")->extension<Describes>()->properties().max_size; }
};

TEST_F(UdmabufDevice, TakesOurSealsAndNoLess) {
    auto memfd = make_sealed_memfd("sealed", page_size());
    ASSERT_TRUE(memfd);
    EXPECT_EQ(create(memfd->get(), page_size()), 0);
    const UniqueFd unsealed(::memfd_create("unsealed", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    ASSERT_EQ(::ftruncate(unsealed.get(), static_cast<off_t>(page_size())), 0);
    EXPECT_EQ(create(unsealed.get(), page_size()), EINVAL);
}

TEST_F(UdmabufDevice, EndBeforeStartIsAnErrorWhichIsWhyStartComesFirst) {
    auto memfd = make_sealed_memfd("sealed", page_size());
    ASSERT_TRUE(memfd);
    UniqueFd fd;
    ASSERT_EQ(create(memfd->get(), page_size(), &fd), 0);
    EXPECT_EQ(sync(fd.get(), DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW), EINVAL);
    auto memory = import_dmabuf(fd.get());
    ASSERT_TRUE(memory);
    auto mapping = (*memory)->map(MapFlags::readwrite);
    ASSERT_TRUE(mapping) << mapping.error().message();
    auto ended = mapping->unmap();
    EXPECT_TRUE(ended) << ended.error().message();
}

TEST_F(UdmabufDevice, TheLimitIsTheDriversOwn) {
    const std::string parameter = text_of("/sys/module/udmabuf/parameters/size_limit_mb");
    ASSERT_FALSE(parameter.empty());
    EXPECT_EQ(limit(), std::stoul(parameter) << 20);
    auto memory = allocator("udmabuf")->alloc(limit());
    EXPECT_TRUE(memory) << memory.error().message();
    memory = allocator("udmabuf")->alloc(limit() + 1);
    ASSERT_FALSE(memory);
    EXPECT_EQ(memory.error().kind(), ErrorKind::limit);
    // The driver agrees.
    auto memfd = make_sealed_memfd("large", limit() + page_size());
    ASSERT_TRUE(memfd);
    EXPECT_EQ(create(memfd->get(), limit() + page_size()), EINVAL);
}

TEST_F(UdmabufDevice, TheMemfdIsNotKept) {
    auto memory = allocator("udmabuf")->alloc(12345);
    ASSERT_TRUE(memory) << memory.error().message();
    EXPECT_TRUE(fds_of("/memfd:hwalloc:12345").empty());
    EXPECT_EQ(fds_of("/dmabuf:").size(), 1u);
    EXPECT_EQ(fds_of(udmabuf_node).size(), 1u) << "the node is opened once";
}

TEST_F(UdmabufDevice, TwinsAreTheSamePagesWithTheFirstTwoSwapped) {
    const std::size_t page = page_size();
    for (const std::size_t pages : {std::size_t{2}, std::size_t{6}}) {
        auto twins = make_twins(pages * page - 1);
        ASSERT_TRUE(twins) << twins.error().message();
        auto one = import_dmabuf((*twins)[0].get()).value();
        auto other = import_dmabuf((*twins)[1].get()).value();
        ASSERT_EQ(one->size(), pages * page) << "a multiple of two pages";
        ASSERT_EQ(other->size(), pages * page);
        {
            auto written = one->map(MapFlags::readwrite).value();
            for (std::size_t i = 0; i < pages; ++i)
                std::memset(written.data() + i * page, static_cast<int>(i + 1), page);
        }
        auto seen = other->map(MapFlags::read).value();
        for (std::size_t i = 0; i < pages; ++i) {
            const std::size_t expected = i == 0 ? 2 : i == 1 ? 1 : i + 1;
            EXPECT_EQ(seen.data()[i * page], expected);
            EXPECT_EQ(seen.data()[(i + 1) * page - 1], expected);
        }
    }
}

} // namespace
} // namespace hwalloc
