// Images that an application put together wrongly.
#pragma once

#include <array>
#include <vector>

#include "hwalloc/image.h"

namespace hwalloc::testing {

// They say that they have no memory, or more than there can be, or lack one of two, with handles on `memory`
// for the rest.
inline std::vector<Image> broken_images(Memory& memory, const ImageLayout& layout) {
    struct Broken {
        std::uint32_t count;
        std::array<bool, ImageLayout::max_planes> there;
    };
    std::vector<Image> images;
    for (const Broken& broken :
         {Broken{0, {true, true, true, true}}, Broken{5, {true, true, true, true}},
          Broken{0xffffffff, {true, true, true, true}}, Broken{1, {}}, Broken{2, {true, false, false, false}},
          Broken{2, {false, true, false, false}}, Broken{4, {true, true, true, false}}}) {
        Image& image = images.emplace_back();
        image.layout = layout;
        image.layout.memory_count = broken.count;
        for (std::uint32_t i = 0; i < broken.there.size(); ++i)
            if (broken.there[i])
                image.memory_at(i) = memory.ref().value();
    }
    return images;
}

} // namespace hwalloc::testing
