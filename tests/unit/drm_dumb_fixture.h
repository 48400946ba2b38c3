// What the tests of dumb buffers have in common: a registry in which made-up cards are found.
#pragma once

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "hwalloc/capabilities.h"
#include "tests/unit/fake_cards.h"

namespace hwalloc::testing {

class DrmDumb : public ::testing::Test {
protected:
    DrmDumb() {
        fake.node_status.st_mode = S_IFCHR | 0660;
        fake.cards[0] = {};
    }
    Allocator* card(const std::string& name = "card0") {
        auto found = registry.resolve("drm-dumb/" + name);
        EXPECT_TRUE(found) << found.error().message();
        return found ? *found : nullptr;
    }
    // The descriptors of cards that this test has opened: registered allocators keep theirs for ever.
    std::vector<int> card_fds() {
        std::vector<int> found;
        for (const int fd : open_fds()) {
            char link[64] = {};
            if (::readlink(("/proc/self/fd/" + std::to_string(fd)).c_str(), link, sizeof(link) - 1) > 0 &&
                std::string(link).starts_with("/memfd:fake card") && !before_.contains(fd))
                found.push_back(fd);
        }
        return found;
    }
    static Result<MemoryRef> import(Allocator* allocator, int fd, std::size_t offset = 0,
                                    std::size_t size = whole) {
        return allocator->extension<ImportsDmaBuf>()->import_dmabuf(fd, offset, size, MemoryFlags::none);
    }
    const std::set<int> before_ = open_fds();
    FakeCards fake;
    Registry& registry = fresh_registry();
};

} // namespace hwalloc::testing
