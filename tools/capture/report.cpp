#include "tools/capture/report.h"

#include <fmt/format.h>

#include "tools/capture/format_options.h"

namespace hwalloc::tools {
namespace {

Json number_or_null(const std::optional<double>& number) {
    return number ? Json(*number) : Json();
}

Json list_of(const std::vector<Error>& errors) {
    Json list = Json::array();
    for (const Error& error : errors)
        list.push_back(to_json(error));
    return list;
}

Json document_of(const Decoded& decoded) {
    return {
        {"format", format_name(decoded.format.pixel_format)},
        {"fourcc", fourcc_name(decoded.format.pixel_format)},
        {"stride", decoded.format.layout.planes[0].stride},
        {"from",
         {{"allocator", decoded.from.allocator}, {"memory", decoded.from.kind}, {"buffers", decoded.count}}}};
}

} // namespace

Json report(const FrameSource& source, const Started& started, const Statistics& statistics,
            const std::string& output, const std::vector<Error>& passed_over) {
    const v4l2::CaptureFormat& format = started.format;
    const Buffers& buffers = started.buffers;
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
        {"field", v4l2::to_string(format.field)},
        {"buffers", source.bound()},
        {"frames", statistics.frames},
        {"dropped", statistics.dropped},
        {"errors", statistics.errors},
        {"copies", statistics.copies},
        {"decodes", statistics.decodes},
        {"decoded", started.decoded ? document_of(*started.decoded) : Json()},
        {"imports", started.imports},
        {"fps", number_or_null(statistics.fps)},
        {"latency_us",
         {{"p50", number_or_null(statistics.latency_p50)}, {"p99", number_or_null(statistics.latency_p99)}}},
        {"allocations_per_frame", number_or_null(statistics.allocations_per_frame)},
        {"mmaps_per_frame", number_or_null(statistics.mappings_per_frame)},
        {"output", text_or_null(output)},
        {"passed_over", list_of(buffers.passed_over)},
        {"cameras_passed_over", list_of(passed_over)}};
}

std::string summary(const FrameSource& source, const Started& started, const Statistics& statistics) {
    const v4l2::CaptureFormat& format = started.format;
    const Buffers& buffers = started.buffers;
    std::string text =
        fmt::format("{} of {}x{} {} from {} ({}) in {} of {}\n"
                    "{} lost, {} damaged, {} copied; {} imported{}",
                    counted(statistics.frames, "frame"), format.layout.width, format.layout.height,
                    format_name(format.pixel_format), source.info().path, source.info().card,
                    counted(source.bound(), "buffer"), buffers.allocator, statistics.dropped,
                    statistics.errors, statistics.copies, counted(started.imports, "buffer"),
                    statistics.fps ? fmt::format("; {:.2f} frames a second", *statistics.fps) : "");
    if (started.decoded)
        text += fmt::format("\n{} decoded by the CPU into {}; they came in {} of {}", statistics.decodes,
                            format_name(started.decoded->format.pixel_format),
                            counted(started.decoded->count, "buffer"), started.decoded->from.allocator);
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
