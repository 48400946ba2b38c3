#include "tools/capture/report.h"

#include <fmt/format.h>

#include "tools/capture/format_options.h"

namespace hwalloc::tools {
namespace {

std::string describe(const v4l2::FrameSize& size) {
    const auto range = [](std::uint32_t least, std::uint32_t most, std::uint32_t step) {
        if (least == most)
            return std::to_string(least);
        return step > 1 ? fmt::format("{}-{} by {}", least, most, step) : fmt::format("{}-{}", least, most);
    };
    return range(size.min_width, size.max_width, size.step_width) + "x" +
           range(size.min_height, size.max_height, size.step_height);
}

Json number_or_null(const std::optional<double>& number) {
    return number ? Json(*number) : Json();
}

Json list_of(const std::vector<Error>& errors) {
    Json list = Json::array();
    for (const Error& error : errors)
        list.push_back(to_json(error));
    return list;
}

} // namespace

int list_formats(const FrameSource& source, const std::vector<v4l2::FormatInfo>& formats, Output& out) {
    const v4l2::DeviceInfo& info = source.info();
    if (out.json()) {
        Json list = Json::array();
        for (const v4l2::FormatInfo& format : formats) {
            Json sizes = Json::array();
            for (const v4l2::FrameSize& size : format.sizes)
                sizes.push_back({{"width", {size.min_width, size.max_width, size.step_width}},
                                 {"height", {size.min_height, size.max_height, size.step_height}}});
            list.push_back({{"format", format_name(format.pixel_format)},
                            {"fourcc", fourcc_name(format.pixel_format)},
                            {"description", text_or_null(format.description)},
                            {"compressed", format.compressed},
                            {"emulated", format.emulated},
                            {"sizes", std::move(sizes)}});
        }
        out.print({{"device", info.path},
                   {"driver", text_or_null(info.driver)},
                   {"card", text_or_null(info.card)},
                   {"bus", text_or_null(info.bus)},
                   {"formats", std::move(list)}});
        return ok;
    }
    out.line(fmt::format("{} ({}, driver {})", info.path, info.card, info.driver));
    Table table({"FORMAT", "DESCRIPTION", "SIZES"});
    for (const v4l2::FormatInfo& format : formats) {
        std::string sizes;
        for (const v4l2::FrameSize& size : format.sizes)
            sizes.append(sizes.empty() ? "" : " ").append(describe(size));
        table.row({{format_name(format.pixel_format), Style::strong},
                   {format.description},
                   {sizes.empty() ? "unknown" : sizes, sizes.empty() ? Style::faint : Style::plain}});
    }
    out.table(table);
    return ok;
}

Json report(const FrameSource& source, const v4l2::CaptureFormat& format, const Buffers& buffers,
            std::uint32_t imports, const Statistics& statistics, const std::string& output,
            const std::vector<Error>& passed_over) {
    return {
        {"device", source.info().path},
        {"driver", text_or_null(source.info().driver)},
        {"card", text_or_null(source.info().card)},
        {"allocator", buffers.allocator},
        {"memory", buffers.kind},
        {"format", format_name(format.pixel_format)},
        {"fourcc", fourcc_name(format.pixel_format)},
        {"width", format.layout.width},
        {"height", format.layout.height},
        {"stride", format.layout.planes[0].stride},
        {"buffers", source.bound()},
        {"frames", statistics.frames},
        {"dropped", statistics.dropped},
        {"errors", statistics.errors},
        {"copies", statistics.copies},
        {"imports", imports},
        {"fps", number_or_null(statistics.fps)},
        {"latency_us",
         {{"p50", number_or_null(statistics.latency_p50)}, {"p99", number_or_null(statistics.latency_p99)}}},
        {"allocations_per_frame", number_or_null(statistics.allocations_per_frame)},
        {"mmaps_per_frame", number_or_null(statistics.mappings_per_frame)},
        {"output", text_or_null(output)},
        {"passed_over", list_of(buffers.passed_over)},
        {"cameras_passed_over", list_of(passed_over)}};
}

std::string summary(const FrameSource& source, const v4l2::CaptureFormat& format, const Buffers& buffers,
                    const Statistics& statistics, std::uint32_t imports) {
    std::string text =
        fmt::format("{} of {}x{} {} from {} ({}) in {} of {}\n"
                    "{} lost, {} damaged, {} copied; {} imported{}",
                    counted(statistics.frames, "frame"), format.layout.width, format.layout.height,
                    format_name(format.pixel_format), source.info().path, source.info().card,
                    counted(source.bound(), "buffer"), buffers.allocator, statistics.dropped,
                    statistics.errors, statistics.copies, counted(imports, "buffer"),
                    statistics.fps ? fmt::format("; {:.2f} frames a second", *statistics.fps) : "");
    if (statistics.latency_p50 && *statistics.latency_p50 < 0)
        text += fmt::format(
            "\nthe driver's timestamps lie {:.0f} us (p50) after the frames' arrival, so they tell "
            "no latency",
            -*statistics.latency_p50);
    else if (statistics.latency_p50)
        text += fmt::format("\nfrom the driver to here: {:.0f} us (p50), {:.0f} us (p99)",
                            *statistics.latency_p50, *statistics.latency_p99);
    return text;
}

} // namespace hwalloc::tools
