// What a build without checked results does, in one program with a file that has them.
#define HWALLOC_CHECK_RESULTS 0

#include <gtest/gtest.h>

#include <string>

#include "hwalloc/result.h"

namespace hwalloc {
namespace {

TEST(ResultUnchecked, TheChecksOfOtherFilesAreNotLinkedIn) {
    Result<std::string> bad = Error(ErrorKind::busy, "later");
    // Nothing is read there: where the value would be is known without looking.
    EXPECT_EQ(static_cast<void*>(std::addressof(*bad)), static_cast<void*>(bad.operator->()));
    Result<void> nothing = Error(ErrorKind::busy, "later");
    *nothing;
}

} // namespace
} // namespace hwalloc
