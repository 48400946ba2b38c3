// Who takes part in a plan, by the options of `hwalloc plan`.
#pragma once

#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "hwalloc/drm.h"
#include "hwalloc/participant.h"
#include "hwalloc/v4l2.h"

namespace hwalloc::tools {

struct PlanOptions {
    std::vector<std::string> cameras, outputs, gpus, displays, cards, cpu, prefer;
    std::string size, format, policy = "prefer", svg;
    std::uint64_t bytes = 0;
    bool quick = false;
};

// All participants, and the open devices behind them.
struct Participants {
    // Puts back what was set for the plan.
    struct OpenCamera {
        explicit OpenCamera(v4l2::Camera&& opened) : camera(std::move(opened)) {}
        OpenCamera(OpenCamera&&) = delete;
        ~OpenCamera() {
            if (before)
                (void)camera.negotiate(*before);
        }
        v4l2::Camera camera;
        std::optional<v4l2::FormatRequest> before{};
    };
    std::list<OpenCamera> cameras{};
    std::vector<drm::Device> screens{};
    std::vector<ParticipantRef> all{}; // in the order in which they see a frame
    ImageSpec image{};
};

// Opens every device. `request`: --size and --format. Errors: those of opening.
Result<Participants> open_all(const PlanOptions& options, const v4l2::FormatRequest& request);

} // namespace hwalloc::tools
