// What a build with checked results does with one that is used as what it is not: it says the message and
// traps.
#define HWALLOC_CHECK_RESULTS 1

#include <gtest/gtest.h>

#include <cerrno>
#include <string>

#include "hwalloc/result.h"

namespace hwalloc {
int value_without_exceptions(Result<int>&& result);
void value_without_exceptions(Result<void>&& result);

namespace {

constexpr const char* story =
    "an error: opening on /dev/x: open: Permission denied .EACCES.; join the group video";

Error refusal() {
    return Error::from_errno(EACCES, "opening").on("/dev/x").call("open").remedy("join the group video");
}

TEST(ResultChecksDeathTest, TheValueOfAnErrorTrapsWithItsMessage) {
    Result<std::string> bad = refusal();
    const Result<std::string> constant = refusal();
    EXPECT_DEATH((void)*bad, story);
    EXPECT_DEATH((void)*constant, story);
    EXPECT_DEATH((void)*std::move(bad), story);
    EXPECT_DEATH((void)bad->size(), story);
    EXPECT_DEATH((void)constant->size(), story);
    const Result<void> nothing = refusal();
    EXPECT_DEATH(*nothing, story);
}

TEST(ResultChecksDeathTest, TheErrorOfAValueTraps) {
    constexpr const char* words = "the error of a result was used that holds a value";
    Result<int> good = 1;
    const Result<int> constant = 1;
    EXPECT_DEATH((void)good.error(), words);
    EXPECT_DEATH((void)constant.error(), words);
    EXPECT_DEATH((void)std::move(good).error(), words);
    Result<void> nothing;
    EXPECT_DEATH((void)nothing.error(), words);
    EXPECT_DEATH((void)std::move(nothing).error(), words);
}

TEST(ResultChecksDeathTest, ValueTrapsWithTheMessageWhereThereAreNoExceptions) {
    EXPECT_EQ(value_without_exceptions(Result<int>(7)), 7);
    EXPECT_DEATH(value_without_exceptions(Result<int>(refusal())), story);
    EXPECT_DEATH(value_without_exceptions(Result<void>(refusal())), story);
    // And still throws in this file, whichever of the two functions the linker saw first.
    EXPECT_THROW(Result<int>(refusal()).value(), BadResultAccess);
    EXPECT_THROW(Result<void>(refusal()).value(), BadResultAccess);
}

} // namespace
} // namespace hwalloc
