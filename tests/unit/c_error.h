// A test's place for errors of the C interface.
#pragma once

#include <gtest/gtest.h>

#include <utility>

#include "hwalloc/hwalloc.h"

namespace hwalloc::testing {

class CError : public ::testing::Test {
protected:
    ~CError() override { hwalloc_error_free(error); }
    // Where the next call's error goes.
    hwalloc_error** place() {
        hwalloc_error_free(std::exchange(error, nullptr));
        return &error;
    }
    hwalloc_error* error = nullptr;
};

} // namespace hwalloc::testing
