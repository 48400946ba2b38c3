#include "tools/capture/choice.h"

#include <fmt/format.h>

#include <algorithm>

namespace hwalloc::tools {
namespace {

// The path of a camera is in its error's text.
Error naming(const std::string& path, const Error& error) {
    if (error.device().starts_with(path))
        return error;
    return Error(error).doing(fmt::format("{}: {}", path, error.operation()));
}

} // namespace

void SourceChoice::pass_over(const std::string& path, const Error& why, Output& out) {
    passed_over_.push_back(naming(path, why));
    out.note(fmt::format("passed over {}: {}", path, in_a_line(passed_over_.back())));
}

Error SourceChoice::none_works() const {
    const ErrorKind first = passed_over_.front().kind();
    const bool alike = std::all_of(passed_over_.begin(), passed_over_.end(),
                                   [&](const Error& error) { return error.kind() == first; });
    Error error = Error(alike ? first : ErrorKind::unavailable, "looking for a camera")
                      .doing(fmt::format("looking for a camera: {} found, and none works",
                                         counted(passed_over_.size(), "camera")))
                      .remedy("the reason of each follows; `--device test` captures colour bars without a "
                              "camera");
    for (const Error& why : passed_over_)
        error = std::move(error).because(why);
    return error;
}

} // namespace hwalloc::tools
