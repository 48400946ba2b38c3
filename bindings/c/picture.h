// What a picture is behind its opaque name.
#pragma once

#include "hwalloc/c_image.h"
#include "hwalloc/image.h"

struct hwalloc_image {
    hwalloc::Image image;
};
