// What a source offers: formats, their sizes, and how many frames a second of each.
#pragma once

#include <vector>

#include "tools/capture/source.h"
#include "tools/output.h"

namespace hwalloc::tools {

struct Offer {
    struct Size {
        v4l2::FrameSize size;
        std::vector<v4l2::RateRange> rates; // of a range of sizes: at the largest; empty: not told
    };
    v4l2::FormatInfo format;
    std::vector<Size> sizes;
};

// Errors: those of FrameSource::list_formats() and list_rates().
Result<std::vector<Offer>> list_offers(FrameSource& source);

// The answer of `hwalloc capture --list-formats`; its exit code.
int show_offers(const FrameSource& source, const std::vector<Offer>& offers, Output& out);

} // namespace hwalloc::tools
