#include "backends/v4l2/camera_buffers.h"

#include <sys/stat.h>

#include <algorithm>

#include "allocators/interface_of.h"
#include "allocators/page_geometry.h"
#include "backends/v4l2/session.h"
#include "common/dma_buf.h"
#include "common/kernel.h"
#include "common/memory_watch.h"
#include "hwalloc/dma_buf.h"

namespace hwalloc::v4l2 {
namespace {

// On these allocators alone, whoever registered the name.
class WrapsOwnBuffers {
public:
    static constexpr std::string_view extension_id = "hwalloc.v4l2.wraps-own-buffers.v1";
    virtual Result<Block*> wrap(UniqueFd buffer, const Geometry& geometry) noexcept = 0;

protected:
    ~WrapsOwnBuffers() = default;
};

class CameraBuffers final : public Allocator,
                            public Describes,
                            public OffersParticipant,
                            public WrapsOwnBuffers {
public:
    explicit CameraBuffers(std::string node) : Allocator("v4l2"), node_(std::move(node)) {}
    explicit CameraBuffers(const std::shared_ptr<detail::Session>& session)
        : Allocator("v4l2"), node_(session->info.path), use_(session->use), session_(session) {}

    // As far as an open file of the camera has met its buffers.
    Properties properties() noexcept override {
        const auto session = detail::Session::that_knows_its_kind(node_);
        const detail::BufferKind& kind = session ? *session->known_kind : detail::unknown_kind;
        const bool as_the_device_sees = !kind.exporter.empty() && kind.cached == Answer::unknown;
        return {.contiguous = kind.contiguous,
                .cached = as_the_device_sees ? sees_cpu_caches(session->node->device) : kind.cached,
                .sync = kind.sync,
                .granule = page_size(),
                .max_size = most_bytes(),
                .cost = 10};
    }
    Claims claims() noexcept override { return {.alloc = true, .map = true, .export_dmabuf = true}; }
    Result<void> available() noexcept override {
        auto session = open();
        return session ? (*session)->check_exports() : std::move(session).error();
    }

    // The camera itself, through the open file that the application has.
    Result<ParticipantRef> participant() noexcept override {
        auto session = open();
        if (!session)
            return std::move(session).error();
        return detail::participant_of(*std::move(session));
    }

private:
    static std::size_t most_bytes() noexcept {
        return static_cast<std::size_t>(std::uint32_t(-1) - page_size() + 1);
    }

    Result<std::shared_ptr<detail::Session>> open() noexcept {
        if (auto shared = session_.lock())
            return shared;
        return without_exceptions([&] {
            return use_ == detail::Use::capture ? detail::Session::open_or_share(node_)
                                                : detail::Session::open(node_, use_, ErrorKind::device_lost);
        });
    }

    Result<Block*> do_alloc(std::size_t size, const AllocationParams& params) noexcept override {
        auto geometry = page_geometry(size, params, node_);
        if (!geometry)
            return std::move(geometry).error();
        auto session = open();
        if (!session)
            return std::move(session).error();
        // More than a driver can count is refused as that, whatever the machine has.
        if (geometry->storage <= most_bytes() && (*session)->takes_pages())
            if (auto enough = watch_.before(geometry->storage); !enough)
                return std::move(enough)
                    .error()
                    .doing(FixedText("allocating ", size, " bytes of the camera's own"))
                    .on(node_);
        auto fd = [&] {
            const std::lock_guard guard((*session)->node->queue_mutex);
            return (*session)->create_own_buffer(geometry->storage);
        }();
        if (!fd)
            return std::move(fd).error();
        (*session)->remember_kind(fd->get());
        return wrap(*std::move(fd), *geometry);
    }

    Result<Block*> wrap(UniqueFd made, const Geometry& geometry) noexcept override {
        auto buffer = DmaBuf::adopt(std::move(made), geometry.storage);
        if (!buffer)
            return std::move(buffer).error().on(node_);
        (*buffer)->set_name(FixedText("hwalloc:", geometry.size));
        return DmaBufBlock::make(*this, geometry, std::move(*buffer));
    }

    void* do_extension(std::string_view id) noexcept override {
        return interface_of<Describes, OffersParticipant, WrapsOwnBuffers>(this, id);
    }

    const std::string node_;
    const detail::Use use_ = detail::Use::capture;
    const std::weak_ptr<detail::Session> session_; // whose buffers they are; none: any of the node
    MemoryWatch watch_;
};

} // namespace

AllocatorRef detail::camera_buffers(std::string node) {
    return AllocatorRef::adopt(new CameraBuffers(std::move(node)));
}

AllocatorRef detail::unnamed_buffers(const std::shared_ptr<Session>& session) {
    const std::lock_guard guard(session->node->queue_mutex);
    if (!session->unnamed_buffers)
        session->unnamed_buffers = AllocatorRef::adopt(new CameraBuffers(session));
    return session->unnamed_buffers;
}

Allocator* detail::find_camera_buffers(dev_t device) {
    struct stat status {};
    for (const std::string& node : video_nodes())
        if (kernel.stat(node.c_str(), &status) >= 0 && status.st_rdev == device) {
            // By resolving: a camera may have come since anybody looked.
            const auto named =
                Allocator::resolve(FixedText("v4l2/", std::string_view(node).substr(node.rfind('/') + 1)));
            return named ? *named : nullptr;
        }
    return nullptr;
}

AllocatorRef detail::own_allocator_of(const std::shared_ptr<Session>& session) {
    Allocator* named = find_camera_buffers(session->node->device);
    if (named && named->extension<WrapsOwnBuffers>())
        return AllocatorRef(named);
    return unnamed_buffers(session);
}

Result<MemoryRef> detail::wrap_own_buffer(Allocator& camera_buffers, UniqueFd buffer,
                                          std::size_t size) noexcept {
    const auto exported = dma_buf::examine_own(buffer.get());
    if (!exported)
        return exported.error();
    const auto geometry =
        page_geometry(std::max(size, exported->size & ~(page_size() - 1)), {}, camera_buffers.name());
    if (!geometry)
        return geometry.error();
    auto block = camera_buffers.extension<WrapsOwnBuffers>()->wrap(std::move(buffer), *geometry);
    if (!block)
        return std::move(block).error();
    return MemoryRef::adopt(&(*block)->root());
}

} // namespace hwalloc::v4l2
