// What the tests of dma-bufs have in common: made-up buffers, and one of them.
#pragma once

#include <gtest/gtest.h>

#include "hwalloc/allocator.h"
#include "hwalloc/dma_buf.h"
#include "tests/unit/fake_dma_buf.h"

namespace hwalloc::testing {

class DmaBufTest : public ::testing::Test {
protected:
    static constexpr std::size_t size = 16384;

    static MemoryRef import(const UniqueFd& fd) {
        auto memory = import_dmabuf(fd.get());
        EXPECT_TRUE(memory) << memory.error().message();
        return memory ? std::move(*memory) : MemoryRef();
    }

    FakeDmaBufs fake;
    UniqueFd fd = FakeDmaBufs::make(size);
};

} // namespace hwalloc::testing
