// A plan with five candidates and three participants beside the same by hand; and the plan once more, which
// is remembered. The camera, the devices and the participants are there before the clock runs.
#include "hwalloc/plan.h"

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "hwalloc/v4l2.h"
#include "plan_by_hand.h"

namespace {

// Of a YUYV picture: small, where the calls count, and 640 x 480, where the pages do.
struct Size {
    std::uint32_t width, height;
    std::uint32_t bytes() const noexcept { return width * height * 2; }
};
constexpr Size sizes[] = {{320, 180}, {640, 480}};

Size size_of(const benchmark::State& state) {
    return sizes[0].bytes() == bench::size_of(state) ? sizes[0] : sizes[1];
}

constexpr std::array<std::string_view, 5> memories{"v4l2/video0", "vulkan/0", "dma-heap/system", "udmabuf",
                                                   "drm-dumb/vgem"};

struct Ours {
    std::optional<hwalloc::v4l2::Camera> camera;
    std::vector<hwalloc::ParticipantRef> participants;

    hwalloc::PlanRequest request(Size size) const {
        return {.participants = participants,
                .image = {.fourcc = hwalloc::fourcc('Y', 'U', 'Y', 'V'),
                          .width = size.width,
                          .height = size.height},
                .policy = hwalloc::PlanPolicy::strict,
                .prefer = memories,
                .complete = true};
    }
};

hwalloc::Result<Ours> prepare(const bench::Gpu& gpu, Size size) {
    auto camera = hwalloc::v4l2::Camera::open("/dev/video0");
    if (!camera)
        return std::move(camera).error();
    Ours ours{.camera = *std::move(camera), .participants = {}};
    auto format = ours.camera->negotiate(
        {.pixel_format = hwalloc::v4l2::pixel_format_of_drm(hwalloc::fourcc('Y', 'U', 'Y', 'V')),
         .width = size.width,
         .height = size.height});
    if (!format)
        return std::move(format).error();
    for (auto participant :
         {hwalloc::v4l2::capture_participant(*ours.camera), hwalloc::vulkan::participant(gpu.device, 0),
          hwalloc::cpu_participant(hwalloc::MapFlags::read)}) {
        if (!participant)
            return std::move(participant).error();
        ours.participants.push_back(*std::move(participant));
    }
    return ours;
}

// Whether all was tried and all was taken: what is refused early costs less.
bool is_whole(const hwalloc::Plan& plan) {
    return plan.ranking().size() == memories.size() && plan.choice()->verdict == hwalloc::Verdict::accepted;
}

enum class Which { cold, cached };

template<Which which>
void ours(benchmark::State& state) {
    const bench::Gpu* gpu = bench::gpu(state);
    if (!gpu)
        return;
    auto prepared = prepare(*gpu, size_of(state));
    if (!prepared)
        return bench::fail(state, prepared.error());
    const hwalloc::PlanRequest request = prepared->request(size_of(state));
    hwalloc::forget_plans();
    auto first = hwalloc::plan(request);
    if (!first)
        return bench::fail(state, first.error());
    if (!is_whole(**first))
        return state.SkipWithError((*first)->explain().c_str());
    for (auto _ : state) {
        if constexpr (which == Which::cold)
            hwalloc::forget_plans();
        auto plan = hwalloc::plan(request);
        if (!plan || (*plan == *first) != (which == Which::cached) || !is_whole(**plan)) {
            state.SkipWithError("the plan is another one");
            break;
        }
    }
    hwalloc::forget_plans();
}

void by_hand(benchmark::State& state) {
    const bench::Gpu* gpu = bench::gpu(state);
    if (!gpu)
        return;
    auto card = hwalloc::Allocator::resolve("drm-dumb/vgem");
    if (!card)
        return bench::fail(state, card.error());
    const std::string name((*card)->name()); // drm-dumb/cardN
    const Size size = size_of(state);
    bench::ByHand hand(size.width, size.height);
    if (!hand.open(*gpu, "/dev/dri/" + name.substr(name.find('/') + 1)))
        return state.SkipWithError(hand.why().c_str());
    for (auto _ : state)
        if (!hand.plan()) {
            state.SkipWithError(hand.why().c_str());
            break;
        }
}

BENCHMARK(ours<Which::cold>)->Name("plan-cold/ours")->Arg(sizes[0].bytes())->Arg(sizes[1].bytes());
BENCHMARK(by_hand)->Name("plan-cold/hand")->Arg(sizes[0].bytes())->Arg(sizes[1].bytes());
BENCHMARK(ours<Which::cached>)->Name("plan-cached/ours")->Arg(sizes[1].bytes());

} // namespace
