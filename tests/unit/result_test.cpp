// Result and Error: values, refusals and the story an error tells.
#include <gtest/gtest.h>

#include <cerrno>
#include <string>

#include "hwalloc/result.h"

namespace hwalloc {
namespace {

TEST(Result, HoldsAValueOrAnError) {
    Result<int> good = 3;
    Result<int> bad = Error(ErrorKind::conflict, "no");
    ASSERT_TRUE(good);
    EXPECT_EQ(*good, 3);
    ASSERT_FALSE(bad);
    EXPECT_EQ(bad.error().kind(), ErrorKind::conflict);
    EXPECT_EQ(std::move(bad).value_or(7), 7);
}

TEST(Result, ValueOfAnErrorThrowsTheErrorsMessage) {
    const auto error = Error::from_errno(EACCES, "opening").on("/dev/x").remedy("join the group video");
    try {
        Result<int>(error).value();
        FAIL() << "no exception";
    } catch (const BadResultAccess& thrown) {
        EXPECT_EQ(thrown.what(), error.message());
        EXPECT_EQ(thrown.error().device(), "/dev/x");
        const BadResultAccess copy = thrown;
        EXPECT_EQ(copy.what(), error.message());
    }
    EXPECT_THROW(Result<void>(Error(ErrorKind::limit, "full")).value(), std::exception);
    EXPECT_NO_THROW(Result<void>().value());
}

TEST(Result, ChainsAndMovesWithoutLosingTheError) {
    auto twice = [](int n) -> Result<int> { return n * 2; };
    EXPECT_EQ(*Result<int>(4).and_then(twice), 8);
    auto refused = Result<int>(Error::from_errno(EACCES, "opening")).and_then(twice);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind(), ErrorKind::permission);
    EXPECT_EQ(refused.error().code(), EACCES);
    Result<std::string> text = std::string("a");
    Result<std::string> moved = std::move(text);
    EXPECT_EQ(*moved, "a");
    moved = Result<std::string>(Error(ErrorKind::busy, "later"));
    EXPECT_FALSE(moved.has_value());
}

TEST(Error, IsAtMostSixteenBytesAndAPlainOneHasOnlyItsText) {
    EXPECT_LE(sizeof(Error), 16u);
    const Error plain(ErrorKind::limit, "too many");
    EXPECT_EQ(plain.message(), "too many");
    EXPECT_EQ(plain.error_code(), plain.error_code());
    EXPECT_EQ(&plain.error_code().category(), &error_category());
    EXPECT_EQ(plain.error_code().message(), "limit");
}

TEST(Error, TellsTheWholeStory) {
    const Error error = Error::from_errno(EACCES, "allocating")
                            .doing("allocating 614400 bytes")
                            .on("/dev/dma_heap/system")
                            .call("DMA_HEAP_IOCTL_ALLOC")
                            .wanted(614400)
                            .remedy("join the group video")
                            .mend("sudo usermod -aG video alice")
                            .because(Error::from_errno(ENOMEM, "the other heap"));
    const std::string text = error.message();
    for (const char* part : {"allocating 614400 bytes on /dev/dma_heap/system", "DMA_HEAP_IOCTL_ALLOC",
                             "Permission denied (EACCES)", "wanted 614400 bytes", "join the group video",
                             "\n  the other heap: Cannot allocate memory (ENOMEM)"})
        EXPECT_NE(text.find(part), std::string::npos) << part << " is not in: " << text;
    EXPECT_EQ(text.find("sudo"), std::string::npos) << "the remedy says it in words";
    EXPECT_EQ(Error(error).because(Error::from_errno(ENOMEM, "the other heap")).message(), text)
        << "what is said already is not said again";
    const Error kept = error; // a detail of its own from the next fact on
    EXPECT_EQ(Error(kept).wanted(1).mend(), "sudo usermod -aG video alice");
    EXPECT_EQ(Error(ErrorKind::busy, "x").mend(), "");
}

TEST(Error, CopiesAreIndependent) {
    Error first = Error(ErrorKind::busy, "x").on("a");
    Error second = first;
    second = std::move(second).on("b");
    EXPECT_EQ(first.device(), "a");
    EXPECT_EQ(second.device(), "b");
    first = second;
    EXPECT_EQ(first.device(), "b");
}

} // namespace
} // namespace hwalloc
