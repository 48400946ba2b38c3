// Cameras and video outputs in plans. The two differ in who writes: a queue that is filled, or read.
#include "hwalloc/participant.h"
#include "backends/v4l2/with_session.h"

#include <algorithm>
#include <string>

#include "backends/v4l2/camera_buffers.h"
#include "backends/v4l2/trial.h"
#include "common/kernel.h"
#include "hwalloc/image.h"

namespace hwalloc::v4l2 {
namespace {

constexpr Recipe capturing{.use = "V4L2 buffer",
                           .once = "Camera::negotiate() with the plan's stride, then "
                                   "Camera::bind(): each keeps one index for its life",
                           .begin = "wait for the other devices, then Camera::queue(): V4L2 waits for no "
                                    "fence",
                           .end = "Camera::dequeue()"};
constexpr Recipe capturing_by_cpu{.use = capturing.use,
                                  .once = capturing.once,
                                  .begin = "wait for the other devices, then Camera::queue(), which begins a "
                                           "CPU access where devices do not see "
                                           "the CPU's caches",
                                  .end = "Camera::dequeue(), which ends that access (DMA_BUF_IOCTL_SYNC)"};
constexpr Recipe putting_out{.use = "V4L2 buffer",
                             .once = "Output::negotiate() with the plan's stride, then Output::bind(): each "
                                     "keeps one index for its life",
                             .begin = "wait for whoever fills it, then Output::queue(): V4L2 waits for no "
                                      "fence",
                             .end = "Output::dequeue()"};
constexpr Recipe putting_out_by_cpu{
    .use = putting_out.use,
    .once = putting_out.once,
    .begin =
        "wait for whoever fills it, then Output::queue(), which begins a CPU access where devices do not "
        "see the CPU's caches",
    .end = "Output::dequeue(), which ends that access (DMA_BUF_IOCTL_SYNC)"};

// Of a driver that imports nothing.
constexpr Recipe copying_from{.use = "copies of V4L2 buffers",
                              .once =
                                  "Camera::allow_copies(), Camera::negotiate() with the plan's stride, then "
                                  "Camera::bind()",
                              .begin = "wait for the other devices, then Camera::queue()",
                              .end = "Camera::dequeue(), in which the CPU copies the frame: counted by "
                                     "Camera::copies()"};

// The same of one that exports.
constexpr Recipe capturing_own{.use = "V4L2 buffer of the camera's own",
                               .once = "Camera::negotiate() with the plan's stride, then v4l2::bind_own(): "
                                       "its memory is that of Camera::memory(), not PlanBuffers'",
                               .begin = capturing.begin,
                               .end = capturing.end};
constexpr Recipe putting_out_own{.use = "V4L2 buffer of the output's own",
                                 .once =
                                     "Output::negotiate() with the plan's stride, then Output::bind_own(): "
                                     "its memory is that of Output::memory(), not PlanBuffers'",
                                 .begin = putting_out.begin,
                                 .end = putting_out.end};
constexpr Recipe copying_into{
    .use = "copied into V4L2 buffers",
    .once = "Output::allow_copies(), Output::negotiate() with the plan's stride, then Output::bind()",
    .begin = "wait for whoever fills it, then Output::queue(), in which the CPU copies the frame: counted by "
             "Output::copies()",
    .end = "Output::dequeue()"};

class Queue final : public Participant {
public:
    explicit Queue(std::shared_ptr<detail::Session> session)
        : session_(std::move(session))
        , capture_(session_->use == detail::Use::capture)
        , name_((capture_ ? "camera " : "output ") + session_->info.path + " (" +
                (session_->info.card.empty() ? session_->info.driver : session_->info.card) + ")") {}

    std::string_view name() const noexcept override { return name_; }
    // Bytes are asked for in the format that the camera has, so that belongs to it. Where it was not
    // negotiated here, anybody may change it, and what was found is not remembered.
    std::string_view cache_key() const noexcept override {
        if (of_bytes_ && !session_->format)
            return {};
        const DeviceInfo& info = session_->info;
        key_ = FixedText("v4l2 ", capture_ ? "capture " : "output ", session_->node->device, " ", info.driver,
                         " ", info.bus);
        if (session_->copies_allowed)
            key_.append(" copies");
        if (const auto& format = session_->format)
            key_.append(FixedText(" ", format->pixel_format, " ", format->layout.width, "x",
                                  format->layout.height, " ", session_->image_size()));
        return key_.view();
    }

    std::vector<AllocatorRef> own_allocators() noexcept override {
        std::vector<AllocatorRef> own;
        if (copies() && !session_->has_only_own_buffers())
            return own;
        (void)without_exceptions([&]() -> Result<void> {
            if (AllocatorRef buffers = own_buffers())
                own.push_back(std::move(buffers));
            return {};
        });
        return own;
    }

    Result<Constraints> ask(const ImageSpec& image) noexcept override {
        of_bytes_ = !image.pixels();
        return without_exceptions([&]() -> Result<Constraints> {
            const char* const told_by = cannot_import();
            const bool copied = told_by && session_->copies_allowed;
            if (told_by && !copied && !session_->has_only_own_buffers())
                return session_->imports_nothing(0, told_by, "asking what memory it takes");
            const auto answered = image.pixels() ? ask_for(image) : as_it_stands(image);
            if (!answered)
                return answered.error();
            const detail::BufferKind& kind = session_->buffer_kind();
            const bool by_cpu = copied || kind.filled_by_cpu;
            // By its own buffers; of a USB camera that has shown none it is a guess that the CPU fills them.
            const bool needs_no_run = by_cpu && kind.contiguous == Answer::no;
            return Constraints{.min_size = answered->size(),
                               .contiguous = told_by || needs_no_run ? Answer::no : Answer::unknown,
                               .needs_dma_buf = !copied,
                               .through_cpu_caches = by_cpu,
                               .syncs_cpu_access = by_cpu,
                               .sees_cpu_caches =
                                   by_cpu ? Answer::yes : sees_cpu_caches(session_->node->device),
                               .modifiers = {linear_modifier},
                               .memory_per_plane = image.pixels() && answered->several_memories(),
                               .pitch_min = image.pixels() ? answered->stride() : 0};
        });
    }

    Result<ImageLayout> settle(const ImageLayout& layout) noexcept override {
        return without_exceptions([&]() -> Result<ImageLayout> {
            if (layout.modifier != linear_modifier)
                return session_->error(ErrorKind::incompatible,
                                       "V4L2 knows linear images only, and this layout is not");
            ImageLayout settled = layout;
            if (layout.fourcc == 0) {
                const auto current = detail::current_format(*session_);
                if (!current)
                    return current.error();
                if (current->memories != std::max(1u, layout.memory_count))
                    return other_count(ErrorKind::incompatible, current->memories);
                return with_sizes(settled, *current);
            }
            const auto answered =
                detail::try_format(*session_, detail::picture_of(layout), ErrorKind::incompatible);
            if (!answered)
                return answered.error();
            const auto own = detail::layout_of(*answered);
            if (!own)
                return own.error();
            settled.plane_count = own->plane_count;
            settled.planes = own->planes;
            settled.memory_count = own->memory_count;
            return with_sizes(settled, *answered);
        });
    }

    Result<void> begin_trials(const ImageLayout& layout) noexcept override {
        if (trials_)
            return {};
        return without_exceptions([&]() -> Result<void> {
            auto begun = detail::begin_trials(*session_, layout);
            if (!begun)
                return std::move(begun).error();
            trials_ = std::move(*begun);
            return {};
        });
    }

    void end_trials() noexcept override {
        if (trials_)
            (void)detail::end_trials(*session_, *trials_); // what cannot be put back is forgotten
        trials_.reset();
    }

    Result<Recipe> attempt(Memory& memory, const ImageLayout& layout) noexcept override {
        Memory* const only = &memory;
        return attempt_all({&only, 1}, layout);
    }

    Result<Recipe> attempt_image(const Image& image) noexcept override {
        if (auto given = check_memories(image); !given)
            return std::move(given).error();
        std::array<Memory*, ImageLayout::max_planes> all{};
        for (std::uint32_t i = 0; i < image.layout.memory_count; ++i)
            all[i] = image.memory_at(i).get();
        return attempt_all({all.data(), image.layout.memory_count}, image.layout);
    }

private:
    Result<Recipe> attempt_all(std::span<Memory* const> memories, const ImageLayout& layout) noexcept {
        return without_exceptions([&]() -> Result<Recipe> {
            if (session_->has_only_own_buffers() && are_own(memories)) {
                if (auto can = detail::try_own(*session_, layout); !can)
                    return std::move(can).error();
                return capture_ ? capturing_own : putting_out_own;
            }
            if (copies()) {
                if (auto can = detail::try_copy(*session_, memories, layout); !can)
                    return std::move(can).error();
                return capture_ ? copying_from : copying_into;
            }
            const std::vector<const Memory*> imported(memories.begin(), memories.end());
            if (auto taken = detail::try_import(*session_, imported, layout); !taken)
                return std::move(taken).error();
            if (session_->buffer_kind().filled_by_cpu)
                return capture_ ? capturing_by_cpu : putting_out_by_cpu;
            return capture_ ? capturing : putting_out;
        });
    }

    // In one memory where the driver has the pixels so and nobody wants them otherwise.
    Result<detail::FormatFields> ask_for(const ImageSpec& image) {
        const PixelFormat* known = pixel_format_by_drm(image.fourcc);
        detail::Picture picture{image.fourcc, image.width, image.height, 0,
                                image.memory_per_plane && known && known->plane_count > 1};
        auto answered = detail::try_format(*session_, picture, ErrorKind::unsupported);
        if (answered || picture.memory_per_plane || !known || !known->v4l2_memory_per_plane)
            return answered;
        picture.memory_per_plane = true;
        auto apart = detail::try_format(*session_, picture, ErrorKind::unsupported);
        return apart ? apart : answered;
    }
    // The format that the device has, for bytes.
    Result<detail::FormatFields> as_it_stands(const ImageSpec& image) {
        auto current = detail::current_format(*session_);
        if (current && current->memories != image.memory_count())
            return other_count(ErrorKind::unsupported, current->memories);
        return current;
    }
    Error other_count(ErrorKind kind, std::uint32_t count) const {
        return session_
            ->error(kind, FixedText("an image of the format that it has lies in ", count, " memories"))
            .remedy("ask for the bytes of each (ImageSpec::size and more_sizes), or set another format");
    }
    static ImageLayout with_sizes(ImageLayout layout, const detail::FormatFields& fields) noexcept {
        for (std::uint32_t i = 0; i < fields.memories; ++i)
            layout.memory_sizes[i] = std::max<std::uint64_t>(layout.memory_sizes[i], fields.in[i].size);
        return layout;
    }

    const char* cannot_import() const noexcept {
        const std::lock_guard guard(session_->node->queue_mutex);
        return session_->cannot_import();
    }
    // What makes buffers of this queue; null: nothing does. A camera's has a name where its node has one, and
    // others may want it. An output's has none, so it is for those alone that take nothing else: no plan with
    // it is remembered.
    AllocatorRef own_buffers() {
        if (capture_) {
            Allocator* const named = detail::find_camera_buffers(session_->node->device);
            return named ? AllocatorRef(named) : detail::unnamed_buffers(session_);
        }
        if (!output_buffers_ && session_->has_only_own_buffers())
            output_buffers_ = detail::unnamed_buffers(session_);
        return output_buffers_;
    }
    bool are_own(std::span<Memory* const> memories) {
        const AllocatorRef own = own_buffers();
        return own && std::all_of(memories.begin(), memories.end(),
                                  [&](Memory* one) { return &one->allocator() == own.get(); });
    }
    // Whether the CPU copies, because the driver imports nothing and the application allows it.
    bool copies() const noexcept { return session_->copies_allowed && cannot_import(); }

    const std::shared_ptr<detail::Session> session_;
    const bool capture_;
    const std::string name_;
    bool of_bytes_ = false;                      // what was asked for last
    std::unique_ptr<detail::TrialQueue> trials_; // while a plan tries memory with another format
    AllocatorRef output_buffers_;                // an output's; null: not asked for yet, or of no use
    mutable FixedText key_;
};

} // namespace

Result<ParticipantRef> detail::participant_of(std::shared_ptr<Session> session) noexcept {
    return without_exceptions([&]() -> Result<ParticipantRef> {
        return ParticipantRef(std::make_shared<Queue>(std::move(session)));
    });
}

Result<ParticipantRef> capture_participant(Camera& camera) noexcept {
    return detail::with_session(camera, [&](Session& session) -> Result<ParticipantRef> {
        return detail::participant_of(session.shared_from_this());
    });
}

Result<ParticipantRef> output_participant(const std::string& path, bool allow_copies) noexcept {
    return without_exceptions([&]() -> Result<ParticipantRef> {
        auto session = detail::Session::open(path, detail::Use::output);
        if (!session)
            return std::move(session).error();
        (*session)->copies_allowed = allow_copies;
        return detail::participant_of(*std::move(session));
    });
}

Result<ParticipantRef> output_participant(const char* path, bool allow_copies) noexcept {
    if (!path)
        return Error(ErrorKind::invalid, "no device is named");
    return without_exceptions(
        [&]() -> Result<ParticipantRef> { return output_participant(std::string(path), allow_copies); });
}

} // namespace hwalloc::v4l2
