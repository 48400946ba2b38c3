// Layouts between C and C++.
#pragma once

#include "bindings/c/answer.h"
#include "hwalloc/c_image.h"
#include "hwalloc/image_layout.h"

namespace hwalloc::c {

hwalloc_image_layout layout_to_c(const ImageLayout& from) noexcept;
// Errors: invalid (numbers that mean nothing), those of read_struct().
Result<ImageLayout> layout_of(const hwalloc_image_layout* given) noexcept;
// Writes a layout where the caller wants it. Errors: invalid.
int answer_layout(const ImageLayout& from, hwalloc_image_layout* to, hwalloc_error** error) noexcept;

} // namespace hwalloc::c
