// A picture that anybody knows, for C.
#include <new>
#include <span>

#include "bindings/c/layout.h"
#include "hwalloc/c_image.h"
#include "hwalloc/memory.h"
#include "hwalloc/test_pattern.h"

struct hwalloc_test_pattern {
    hwalloc::TestPattern pattern;
};

using namespace hwalloc;
using c::refuse;
using c::refuse_null;

int hwalloc_test_pattern_new(const hwalloc_image_layout* layout, hwalloc_test_pattern** pattern,
                             hwalloc_error** error) noexcept {
    if (!layout || !pattern)
        return refuse_null(layout ? "there is no place for the pattern" : "there is no layout", error);
    auto made = c::layout_of(layout).and_then([](const ImageLayout& of) { return TestPattern::make(of); });
    if (!made)
        return refuse(made.error(), error);
    return c::give(new (std::nothrow) hwalloc_test_pattern{*std::move(made)}, pattern, error);
}
void hwalloc_test_pattern_free(hwalloc_test_pattern* pattern) noexcept {
    delete pattern;
}
int hwalloc_test_pattern_draw(const hwalloc_test_pattern* pattern, hwalloc_memory* memory, uint32_t frame,
                              hwalloc_error** error) noexcept {
    if (!pattern || !memory)
        return refuse_null(pattern ? "there is no memory" : "there is no pattern", error);
    return c::answer(pattern->pattern.draw(*c::of(memory), frame), error);
}
int hwalloc_test_pattern_draw_bytes(const hwalloc_test_pattern* pattern, void* picture, size_t size,
                                    uint32_t frame, hwalloc_error** error) noexcept {
    if (!pattern || !picture)
        return refuse_null(pattern ? "there is no place for the picture" : "there is no pattern", error);
    return c::answer(pattern->pattern.draw(std::span(static_cast<uint8_t*>(picture), size), frame), error);
}
uint32_t hwalloc_test_pattern_color(const hwalloc_test_pattern* pattern, uint32_t x,
                                    uint32_t frame) noexcept {
    if (!pattern)
        return 0;
    const auto [red, green, blue] = pattern->pattern.color_at(x, frame);
    return uint32_t{red} << 16 | uint32_t{green} << 8 | blue;
}
