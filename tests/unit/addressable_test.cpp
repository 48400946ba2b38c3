// Devices and files count in 64 bits, and a process may have 32.
#include "common/addressable.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/types.h>

#include <cstdint>

#include "common/twins.h"
#include "hwalloc/allocator.h"
#include "hwalloc/image.h"
#include "hwalloc/plan.h"

using namespace hwalloc;
using ::testing::HasSubstr;

namespace {

TEST(Addressable, WhatFitsStaysWhatItIs) {
    EXPECT_EQ(addressable(0).value(), 0u);
    EXPECT_EQ(addressable(most_addressable).value(), most_addressable);
    EXPECT_EQ(at_most_addressable(4097), 4097u);
    EXPECT_EQ(at_most_addressable(~std::uint64_t{0}), most_addressable);
}

TEST(Addressable, OffsetsInFilesAndTimesHave64Bits) {
    EXPECT_EQ(sizeof(off_t), 8u) << "the kernel gives map offsets of 4 GiB and more";
    EXPECT_EQ(sizeof(time_t), 8u) << "fstat() fails on a file of a later time than it can tell";
}

#if SIZE_MAX == UINT32_MAX

constexpr std::uint64_t too_large = (std::uint64_t{1} << 32) + 4096;

void expect_refused(const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::limit);
    EXPECT_THAT(error.message(), HasSubstr("a 32-bit process can have no memory of 2 GiB or more"));
    EXPECT_GT(error.size_wanted(), most_addressable);
}

TEST(Addressable, MoreIsRefusedInWords) {
    auto refused = addressable(too_large);
    ASSERT_FALSE(refused);
    expect_refused(refused.error());
}

TEST(Addressable, AnImageOf4GibAndAPageIsNotMadeOfAPage) {
    // 65,536 rows of 65,552 bytes: 4 GiB and 1 MiB, whose lower 32 bits are a size that can be had.
    auto made = alloc_image(*Allocator::find("sysmem"),
                            {.fourcc = fourcc('X', 'R', '2', '4'), .width = 16388, .height = 65536});
    ASSERT_FALSE(made);
    expect_refused(made.error());
}

TEST(Addressable, APlanOf4GibAndAPageFindsNothing) {
    const ParticipantRef cpu = cpu_participant(MapFlags::readwrite).value();
    auto made = plan({.participants = {&cpu, 1}, .image = {.size = too_large}});
    ASSERT_TRUE(made) << made.error().message();
    EXPECT_FALSE((*made)->choice());
    EXPECT_THAT((*made)->explain(), HasSubstr("a 32-bit process can have no memory of 2 GiB or more"));
}

#endif

} // namespace
