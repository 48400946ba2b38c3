#include "backends/v4l2/selections.h"

namespace hwalloc::v4l2::detail {
namespace {

bool is_same(const v4l2_rect& one, const v4l2_rect& other) noexcept {
    return one.left == other.left && one.top == other.top && one.width == other.width &&
           one.height == other.height;
}

} // namespace

Selections::Selections(const Session& session) noexcept : session_(session) {
    constexpr std::array<__u32, 2> targets{V4L2_SEL_TGT_CROP, V4L2_SEL_TGT_COMPOSE};
    for (std::size_t i = 0; i < targets.size(); ++i) {
        // Of either API by the type of the single-planar one: Linux before 4.13 takes no other.
        v4l2_selection one{};
        one.type = session.use == Use::capture ? V4L2_BUF_TYPE_VIDEO_CAPTURE : V4L2_BUF_TYPE_VIDEO_OUTPUT;
        one.target = targets[i];
        if (read(one))
            before_[i] = one;
    }
}

bool Selections::read(v4l2_selection& selection) const noexcept {
    return session_.ioctl(VIDIOC_G_SELECTION, &selection) >= 0;
}

void Selections::restore() const noexcept {
    // Twice: each can be held back by where the other still is.
    for (int round = 0; round < 2; ++round)
        for (const v4l2_selection& wanted : before_) {
            v4l2_selection now = wanted;
            if (wanted.type == 0 || !read(now) || is_same(now.r, wanted.r))
                continue;
            now = wanted;
            (void)session_.ioctl(VIDIOC_S_SELECTION,
                                 &now); // best effort: the format is back, and that counts
        }
}

} // namespace hwalloc::v4l2::detail
