// Which memory a hwallocate gives.
#pragma once

#include <gst/gst.h>

#include <optional>
#include <string>

#include "hwalloc/error.h"

namespace hwalloc::gst {

struct Choice {
    std::string name;  // of the allocator; empty where there is none
    std::string story; // what was taken, and why
    std::string why{}; // where there is none: cause and remedy
};

// The allocator of that name, of which one memory of `size` bytes was made to see whether it can be. May
// throw std::bad_alloc.
Choice choose_by_name(const std::string& name, gsize size);
// What the plan takes for those devices around the element that can be asked (a v4l2src in front of it; a
// kmssink, or what gives frames to a GPU, behind it) and the CPU. May throw std::bad_alloc.
Choice choose_by_plan(GstElement* element, gsize size);

} // namespace hwalloc::gst
