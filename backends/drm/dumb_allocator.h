// The allocator of one card: bytes and images in dumb buffers, and dma-bufs from elsewhere.
#pragma once

#include <memory>
#include <string>

#include "backends/drm/dumb.h"
#include "common/fork_safe_mutex.h"
#include "hwalloc/capabilities.h"
#include "hwalloc/dma_buf.h"
#include "hwalloc/image.h"
#include "hwalloc/participant.h"

namespace hwalloc::drm::detail {

// Where the allocator's open file comes from: opened when it is first needed and kept (a child of fork()
// opens its own), or an open one.
class FileSource {
public:
    explicit FileSource(std::string node) noexcept : node_(std::move(node)) {}
    explicit FileSource(std::shared_ptr<File> file)
        : node_(file->node), file_(std::move(file)), fixed_(true) {}

    const std::string& node() const noexcept { return node_; }
    Result<std::shared_ptr<File>> get() noexcept;
    // A file for a moment: the one that is open, else a new one, which is not kept.
    Result<std::shared_ptr<File>> borrow() noexcept;
    // Makes the next get() open the node anew, where it can be: the card behind `file` is gone.
    void drop(const std::shared_ptr<File>& file) noexcept;
    // Closes the file if its card is gone, or another one has its node. Whether it is open afterwards.
    bool recheck() noexcept;
    // Closes the file, as far as this source keeps it open.
    void close() noexcept;

private:
    std::string node_;
    ForkSafeMutex mutex_;
    std::shared_ptr<File> file_;
    bool fixed_ = false;
};

// Where the storage of a Block comes from.
enum class Origin : std::uint8_t { made, imported };

class DumbAllocator final : public Allocator,
                            public Describes,
                            public ImportsDmaBuf,
                            public AllocatesImages,
                            public KeepsDevice,
                            public OffersParticipant {
public:
    explicit DumbAllocator(std::string node) : Allocator("drm-dumb"), source_(std::move(node)) {}
    explicit DumbAllocator(std::shared_ptr<File> file) : Allocator("drm-dumb"), source_(std::move(file)) {}

    Properties properties() noexcept override;
    Claims claims() noexcept override;
    Result<void> available() noexcept override;
    Result<MemoryRef> import_dmabuf(int fd, std::size_t offset, std::size_t size,
                                    MemoryFlags flags) noexcept override;
    Result<Image> alloc_image(const ImageRequest& request) noexcept override;
    Result<ParticipantRef> participant() noexcept override;
    bool recheck_device() noexcept override { return source_.recheck(); }
    void close_device() noexcept override { source_.close(); }

private:
    Result<Block*> do_alloc(std::size_t size, const AllocationParams& params) noexcept override;
    void* do_extension(std::string_view id) noexcept override;
    // Does `work` on the open file; once more, on a new one, when it turns out that the card behind it is
    // gone and the name is that of a card again.
    template<class Work>
    auto with_file(Work&& work) noexcept -> decltype(work(std::shared_ptr<File>()));
    // The dma-buf of a new dumb buffer, at least `bytes` of it, cleared where the driver leaves old bytes in
    // it.
    Result<DmaBufRef> export_buffer(const std::shared_ptr<File>& file, const Dumb& dumb,
                                    std::size_t bytes) noexcept;
    Result<Block*> alloc_on(const std::shared_ptr<File>& file, std::size_t size,
                            const Geometry& geometry) noexcept;
    Result<MemoryRef> import_on(const std::shared_ptr<File>& file, const Geometry& geometry,
                                const DmaBufRef& buffer) noexcept;
    Result<Image> image_on(const std::shared_ptr<File>& file, const ImageRequest& request,
                           const DumbShape& shape) noexcept;
    Result<Block*> make_block(GemHandle&& handle, const Geometry& geometry, DmaBufRef buffer,
                              Origin origin) noexcept;

    FileSource source_;
};

template<class Work>
auto DumbAllocator::with_file(Work&& work) noexcept -> decltype(work(std::shared_ptr<File>())) {
    auto file = source_.get();
    if (!file)
        return std::move(file).error();
    auto done = work(*file);
    if (done || done.error().kind() != ErrorKind::device_lost)
        return done;
    source_.drop(*file);
    auto other = source_.get();
    if (!other || *other == *file)
        return done;
    return work(*other);
}

} // namespace hwalloc::drm::detail
