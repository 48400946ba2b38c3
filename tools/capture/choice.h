// Which source a capture takes: the one that was named, or the first camera that works.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tools/capture/source.h"
#include "tools/output.h"

namespace hwalloc::tools {

// "auto", "test" or the path of a camera.
class SourceChoice {
public:
    // Both outlive it.
    SourceChoice(const std::string& device, const Cameras& cameras) : device_(device), cameras_(cameras) {}

    // Calls `with` for one source after the other until it returns no error: what it returned then, or the
    // error of all. The test source stands in only where there is no camera at all.
    template<typename With>
    auto first_that_works(Output& out, With with) -> decltype(with(std::declval<FrameSource&>())) {
        if (device_ != "auto") {
            auto named = device_ == "test" ? test_source() : cameras_.open(device_);
            if (!named)
                return std::move(named).error();
            source_ = std::move(*named);
            return with(*source_);
        }
        auto found = cameras_.list();
        if (!found)
            return std::move(found).error();
        if (found->empty()) {
            out.note("there is no camera: taking the built-in test source");
            source_ = test_source();
            return with(*source_);
        }
        for (const v4l2::CameraEntry& entry : *found) {
            auto camera =
                entry.why ? Result<std::unique_ptr<FrameSource>>(*entry.why) : cameras_.open(entry.path);
            if (!camera) {
                pass_over(entry.path, camera.error(), out);
                continue;
            }
            source_ = std::move(*camera);
            auto works = with(*source_);
            if (works)
                return works;
            source_.reset();
            pass_over(entry.path, works.error(), out);
        }
        return none_works();
    }

    // The one that works.
    FrameSource& source() const { return *source_; }
    // The cameras that were tried before it, and why each did not work.
    const std::vector<Error>& passed_over() const { return passed_over_; }

private:
    void pass_over(const std::string& path, const Error& why, Output& out);
    Error none_works() const;

    const std::string& device_;
    const Cameras& cameras_;
    std::unique_ptr<FrameSource> source_;
    std::vector<Error> passed_over_;
};

} // namespace hwalloc::tools
