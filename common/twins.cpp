#include "common/twins.h"

#include <fcntl.h>
#include <linux/udmabuf.h>

#include <cstdint>
#include <span>

#include "common/checked.h"
#include "common/kernel.h"
#include "common/open_files.h"
#include "common/sealed_memfd.h"
#include "common/standard_streams.h"
#include "common/udmabuf_node.h"

namespace hwalloc {
namespace {

struct Piece {
    std::uint64_t offset, size;
};

// udmabuf_create_list, which ends with an array of unknown length, with room for three items.
struct ThreeItems {
    __u32 flags, count;
    udmabuf_create_item items[3];
};
static_assert(sizeof(ThreeItems) == sizeof(udmabuf_create_list) + 3 * sizeof(udmabuf_create_item));

Result<UniqueFd> join(int device, int memfd, std::span<const Piece> pieces) noexcept {
    ThreeItems list{};
    list.flags = UDMABUF_FLAGS_CLOEXEC;
    std::uint64_t size = 0;
    for (const Piece& piece : pieces) {
        if (piece.size == 0)
            continue;
        udmabuf_create_item& item = list.items[list.count++];
        item.memfd = static_cast<__u32>(memfd);
        item.offset = piece.offset;
        item.size = piece.size;
        size += piece.size;
    }
    const int fd = above_standard_streams(kernel.ioctl(device, UDMABUF_CREATE_LIST, &list));
    if (fd < 0)
        return with_open_files_remedy(Error::from_errno(-fd, "making a trial buffer")
                                          .on("/dev/udmabuf")
                                          .call("UDMABUF_CREATE_LIST")
                                          .wanted(size),
                                      fd);
    return UniqueFd(fd);
}

// Without the node there is no trial, whatever the device is.
constexpr NodeAdvice advice{.purpose = "making trial buffers",
                            .absent = udmabuf_advice.absent,
                            .denied = udmabuf_advice.denied,
                            .rule = udmabuf_advice.rule};

} // namespace

Result<std::array<UniqueFd, 2>> make_twins(std::size_t size) noexcept {
    std::size_t rounded;
    if (!checked_round_up(size, 2 * page_size() - 1, rounded))
        return Error(ErrorKind::limit, "the size is too large for trial buffers");
    const int opened = kernel.open("/dev/udmabuf", O_RDONLY | O_CLOEXEC);
    if (opened < 0)
        return node_refused("/dev/udmabuf", O_RDONLY, -opened, advice);
    const UniqueFd udmabuf(opened);
    auto memfd = make_sealed_memfd("hwalloc:twins", rounded);
    if (!memfd)
        return std::move(memfd).error();
    const std::uint64_t page = page_size();
    auto one = join(udmabuf.get(), memfd->get(), std::array{Piece{0, rounded}});
    if (!one)
        return std::move(one).error();
    auto other = join(udmabuf.get(), memfd->get(),
                      std::array{Piece{page, page}, Piece{0, page}, Piece{2 * page, rounded - 2 * page}});
    if (!other)
        return std::move(other).error();
    return std::array{*std::move(one), *std::move(other)};
}

} // namespace hwalloc
