#include "tools/capture/offers.h"

#include <fmt/format.h>

#include <algorithm>

#include "tools/capture/format_options.h"

namespace hwalloc::tools {
namespace {

// "640x480", or "16x16 to 16384x8640 in steps of 2x2".
std::string in_words(const v4l2::FrameSize& size) {
    std::string words = fmt::format("{}x{}", size.min_width, size.min_height);
    if (size.min_width == size.max_width && size.min_height == size.max_height)
        return words;
    words += fmt::format(" to {}x{}", size.max_width, size.max_height);
    const std::uint32_t across = std::max(1u, size.step_width), down = std::max(1u, size.step_height);
    return across * down == 1 ? words : words + fmt::format(" in steps of {}x{}", across, down);
}

// "30", "29.97" or "1 to 60".
std::string in_words(const v4l2::RateRange& rate) {
    const double least = rate.min.value(), most = rate.max.value();
    return least == most ? fmt::format("{:.4g}", most) : fmt::format("{:.4g} to {:.4g}", least, most);
}

std::string in_words(const std::vector<v4l2::RateRange>& rates) {
    std::string words;
    for (const v4l2::RateRange& rate : rates)
        words.append(words.empty() ? "" : ", ").append(in_words(rate));
    return words;
}

Cell known(std::string text) {
    return text.empty() ? Cell{"unknown", Style::faint} : Cell{std::move(text)};
}

Json document_of(const Offer& offer) {
    Json sizes = Json::array();
    for (const auto& [size, rates] : offer.sizes) {
        Json all = Json::array();
        for (const v4l2::RateRange& rate : rates)
            all.push_back({{"min", rate.min.value()}, {"max", rate.max.value()}});
        sizes.push_back({{"width", {size.min_width, size.max_width, size.step_width}},
                         {"height", {size.min_height, size.max_height, size.step_height}},
                         {"fps", std::move(all)}});
    }
    return {{"format", format_name(offer.format.pixel_format)},
            {"fourcc", fourcc_name(offer.format.pixel_format)},
            {"description", text_or_null(offer.format.description)},
            {"compressed", offer.format.compressed},
            {"emulated", offer.format.emulated},
            {"sizes", std::move(sizes)}};
}

// A row for all sizes with the same rates that follow each other.
void add_rows(Table& table, const Offer& offer) {
    std::string name = format_name(offer.format.pixel_format), description = offer.format.description;
    const auto add = [&](std::string sizes, std::string rates) {
        table.row({{std::exchange(name, {}), Style::strong},
                   {std::exchange(description, {})},
                   known(std::move(sizes)),
                   known(std::move(rates))});
    };
    if (offer.sizes.empty())
        add({}, {});
    for (auto size = offer.sizes.begin(); size != offer.sizes.end();) {
        const std::string rates = in_words(size->rates);
        std::string sizes;
        for (; size != offer.sizes.end() && in_words(size->rates) == rates; ++size)
            sizes.append(sizes.empty() ? "" : ", ").append(in_words(size->size));
        add(std::move(sizes), rates);
    }
}

} // namespace

Result<std::vector<Offer>> list_offers(FrameSource& source) {
    auto formats = source.list_formats();
    if (!formats)
        return std::move(formats).error();
    std::vector<Offer> offers;
    for (v4l2::FormatInfo& format : *formats) {
        std::vector<Offer::Size> sizes;
        for (const v4l2::FrameSize& size : format.sizes) {
            auto rates = source.list_rates(format.pixel_format, size.max_width, size.max_height);
            if (!rates)
                return std::move(rates).error();
            sizes.push_back({size, std::move(*rates)});
        }
        offers.push_back({std::move(format), std::move(sizes)});
    }
    return offers;
}

int show_offers(const FrameSource& source, const std::vector<Offer>& offers, Output& out) {
    const v4l2::DeviceInfo& info = source.info();
    if (out.json()) {
        Json list = Json::array();
        for (const Offer& offer : offers)
            list.push_back(document_of(offer));
        out.print({{"device", info.path},
                   {"driver", text_or_null(info.driver)},
                   {"card", text_or_null(info.card)},
                   {"bus", text_or_null(info.bus)},
                   {"formats", std::move(list)}});
        return ok;
    }
    out.line(fmt::format("{} ({}, driver {})", info.path, info.card, info.driver));
    Table table({"FORMAT", "DESCRIPTION", "SIZES", "FRAMES A SECOND"});
    for (const Offer& offer : offers)
        add_rows(table, offer);
    out.table(table);
    return ok;
}

} // namespace hwalloc::tools
