// Memory that is bound to a camera: what is refused, by whom, and what that says.
#include <gmock/gmock.h>

#include "tests/unit/fake_camera.h"

namespace hwalloc {
namespace {

using namespace testing;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

TEST_F(CameraTest, AShortBufferIsCalledShort) {
    auto camera = ready();
    auto given = memories(2, image_bytes - 1);
    const auto error = camera.bind(given).error();
    EXPECT_EQ(error.kind(), ErrorKind::incompatible);
    EXPECT_EQ(error.size_wanted(), image_bytes);
    EXPECT_EQ(error.size_held(), image_bytes - 1);
    EXPECT_THAT(error.message(), AllOf(HasSubstr("smaller than an image"), Not(HasSubstr("contiguous"))));
    EXPECT_TRUE(fake.all_queued.empty()) << "the size is checked before the driver is asked";
    EXPECT_EQ(fake.reserved, 0u);
}

// What QBUF answers: EFAULT to all, to all but the trial buffers, to all but the first of these.
int refuse_scattered(int, std::uint32_t) {
    return -EFAULT;
}
int refuse_but_trials(int fd, std::uint32_t) {
    return FakeCamera::trial_of(fd) >= 0 ? 0 : -EFAULT;
}
int refuse_but_first_trial(int fd, std::uint32_t) {
    return FakeCamera::trial_of(fd) == 0 ? 0 : -EFAULT;
}

TEST_F(CameraTest, ContiguousIsSaidOnlyWhenTwinsProveIt) {
    const auto refusal = [&](int (*qbuf)(int, std::uint32_t), int udmabuf_open = 0) {
        fake.qbuf = qbuf;
        fake.udmabuf_open = udmabuf_open;
        fake.trial_buffers.clear();
        auto camera = ready();
        const auto given = memories(4);
        const auto fds = open_fds();
        auto bound = camera.bind(given);
        EXPECT_FALSE(bound);
        EXPECT_EQ(open_fds(), fds) << "trial buffers are closed";
        EXPECT_EQ(fake.reserved, 0u);
        EXPECT_EQ(given[0]->ref_count(), 1u);
        EXPECT_EQ(bound.error().kind(), ErrorKind::incompatible);
        EXPECT_EQ(bound.error().code(), EFAULT);
        EXPECT_EQ(bound.error().call(), "VIDIOC_QBUF");
        return bound.error().message();
    };
    // Whoever refuses both twins and no other exporter's memory may just be unable to map udmabufs.
    fake.exporter = "udmabuf";
    EXPECT_THAT(refusal(refuse_scattered), HasSubstr("may need memory that is physically contiguous"));
    fake.exporter = "system";
    EXPECT_THAT(refusal(refuse_scattered),
                AllOf(HasSubstr("needs physically contiguous"), HasSubstr("reach neither")));
    EXPECT_THAT(refusal(refuse_but_first_trial),
                AllOf(HasSubstr("needs physically contiguous"), HasSubstr("refused one")));
    EXPECT_THAT(refusal(refuse_but_trials),
                AllOf(HasSubstr("takes scattered memory"), Not(HasSubstr("contiguous"))));
    EXPECT_THAT(refusal(refuse_scattered, -EACCES),
                AllOf(HasSubstr("may need memory that is physically contiguous"),
                      HasSubstr("could not be found out"), HasSubstr("/dev/udmabuf")));
}

TEST_F(CameraTest, RefusedMemoryEndsInTheCommandThatFindsWhatDoes) {
    const auto command = ::testing::EndsWith(
        "`hwalloc plan --camera /dev/video7 --size 64x48 --format YUYV` finds memory that "
        "it takes");
    fake.exporter = "system";
    for (const int answer : {-EFAULT, -EINVAL, -ENOSYS})
        for (const bool twins_too : {true, false}) {
            static int refusal;
            refusal = answer;
            fake.qbuf = twins_too ? [](int, std::uint32_t) { return refusal; } : [](int fd, std::uint32_t) {
                return FakeCamera::trial_of(fd) >= 0 ? 0 : refusal;
            };
            auto camera = ready();
            const auto given = memories(4);
            const auto error = camera.bind(given).error();
            EXPECT_EQ(error.kind(), ErrorKind::incompatible);
            EXPECT_THAT(std::string(error.remedy()), command) << answer;
        }
    fake.qbuf = nullptr;
    auto camera = ready();
    std::vector<MemoryRef> plain;
    for (int i = 0; i < 2; ++i)
        plain.push_back((*Allocator::resolve("sysmem"))->alloc(image_bytes).value());
    EXPECT_THAT(std::string(camera.bind(plain).error().remedy()), command);
}

TEST_F(CameraTest, TheThirdBufferMayBeTheOneThatIsRefused) {
    fake.qbuf = [](int, std::uint32_t index) { return index == 2 ? -EINVAL : 0; };
    auto camera = ready();
    const auto given = memories(4);
    const auto error = camera.bind(given).error();
    EXPECT_THAT(error.message(), HasSubstr("importing buffer 3 of 4"));
    EXPECT_EQ(error.kind(), ErrorKind::incompatible);
    EXPECT_TRUE(fake.queued.empty());
    fake.qbuf = nullptr;
    EXPECT_TRUE(camera.bind(given)) << "nothing of the failure is left";
}

TEST_F(CameraTest, TheDriverDecidesHowManyBuffersThereAre) {
    fake.least_buffers = 5;
    auto camera = ready();
    EXPECT_EQ(camera.bind(memories(3)).error().kind(), ErrorKind::limit);
    EXPECT_EQ(fake.reserved, 0u);
    EXPECT_EQ(camera.reserve(3).value(), 5u);
    EXPECT_TRUE(camera.bind(memories(5)));
    EXPECT_EQ(camera.reserve(5).error().kind(), ErrorKind::invalid);
}

TEST_F(CameraTest, ADriverThatCannotImportSaysSoOneWayOrTheOther) {
    auto camera = ready();
    fake.capabilities = V4L2_BUF_CAP_SUPPORTS_MMAP;
    EXPECT_EQ(camera.reserve(4).error().call(), "VIDIOC_CREATE_BUFS");
    // Kernels before 4.20 tell no capabilities, some drivers have no CREATE_BUFS: REQBUFS is asked then.
    for (const auto& [capabilities, create_bufs] : {std::pair(0u, 0), std::pair(0u, -ENOTTY)}) {
        fake.capabilities = capabilities;
        fake.create_bufs = create_bufs;
        fake.reqbufs = -EINVAL;
        EXPECT_EQ(camera.reserve(4).error().kind(), ErrorKind::unsupported);
        EXPECT_EQ(camera.reserve(4).error().call(), "VIDIOC_REQBUFS");
        fake.reqbufs = 0;
        EXPECT_EQ(camera.reserve(4).value(), 4u);
    }
    fake.reqbufs = -EBUSY;
    const Error busy = camera.reserve(4).error();
    EXPECT_EQ(busy.kind(), ErrorKind::busy);
    const std::string line = "`fuser -v " + camera.info().path + "`";
    EXPECT_NE(std::string(busy.remedy()).find(line), std::string::npos) << busy.remedy();
}

TEST_F(CameraTest, WhatCannotBeBoundIsRefusedBeforeTheDriverIsAsked) {
    auto camera = ready();
    auto given = memories(2);
    std::string remedy;
    const auto refused = [&] {
        auto bound = camera.bind(given);
        EXPECT_FALSE(bound);
        EXPECT_EQ(fake.reserved, 0u);
        remedy = bound ? std::string() : std::string(bound.error().remedy());
        return bound ? ErrorKind{} : bound.error().kind();
    };
    given[1] = given[0]->ref().value();
    EXPECT_EQ(refused(), ErrorKind::invalid) << "the same dma-buf twice";
    given[1] = alloc(image_bytes).value();
    EXPECT_EQ(refused(), ErrorKind::unsupported) << "memory without a dma-buf";
    const auto buffer = FakeDmaBufs::make(image_bytes);
    given[1] = import_dmabuf(FakeDmaBufs::reopened(buffer, O_RDONLY).get()).value();
    EXPECT_EQ(refused(), ErrorKind::permission) << "read-only";
    EXPECT_THAT(remedy, HasSubstr("O_RDWR"));
    given[1] = memories(1)[0]->share().value();
    EXPECT_EQ(refused(), ErrorKind::permission) << "a share";
    EXPECT_THAT(remedy, HasSubstr("bind the memory that it was made of"));
    given[1] = import_dmabuf(FakeDmaBufs::make(image_bytes + 4096).get(), 4096).value();
    EXPECT_EQ(refused(), ErrorKind::incompatible) << "not at the start";
    EXPECT_THAT(remedy, HasSubstr("import the dma-buf from its first byte"));
    given[1].reset();
    EXPECT_EQ(refused(), ErrorKind::invalid) << "no memory";
    given.clear();
    EXPECT_EQ(refused(), ErrorKind::invalid) << "nothing at all";
}

} // namespace
} // namespace hwalloc
