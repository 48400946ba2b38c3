#include "common/twins.h"

#include <fcntl.h>
#include <linux/udmabuf.h>

#include <cstdint>

#include "common/checked.h"
#include "common/kernel.h"
#include "common/node_access.h"
#include "common/sealed_memfd.h"

namespace hwalloc {
namespace {

// udmabuf_create_list, which ends with an array of unknown length, with two items.
struct TwoItems {
    __u32 flags, count;
    udmabuf_create_item items[2];
};
static_assert(sizeof(TwoItems) == sizeof(udmabuf_create_list) + 2 * sizeof(udmabuf_create_item));

Result<UniqueFd> join(int device, int memfd, std::uint64_t first, std::uint64_t second,
                      std::uint64_t half) noexcept {
    TwoItems list{};
    list.flags = UDMABUF_FLAGS_CLOEXEC;
    list.count = 2;
    const std::uint64_t offsets[2] = {first, second};
    for (int i = 0; i < 2; ++i) {
        list.items[i].memfd = static_cast<__u32>(memfd);
        list.items[i].offset = offsets[i];
        list.items[i].size = half;
    }
    const int fd = kernel.ioctl(device, UDMABUF_CREATE_LIST, &list);
    if (fd < 0)
        return Error::from_errno(-fd, "making a trial buffer")
            .on("/dev/udmabuf")
            .call("UDMABUF_CREATE_LIST")
            .wanted(2 * half);
    return UniqueFd(fd);
}

constexpr NodeAdvice advice{.purpose = "making trial buffers",
                            .absent = "the kernel needs CONFIG_UDMABUF, or the module udmabuf loaded",
                            .denied = "give a group the node with a udev rule, such as KERNEL==\"udmabuf\", "
                                      "GROUP=\"video\", MODE=\"0660\""};

} // namespace

Result<std::array<UniqueFd, 2>> make_twins(std::size_t size) noexcept {
    std::size_t rounded;
    if (!checked_round_up(size, 2 * page_size() - 1, rounded))
        return Error(ErrorKind::limit, "the size is too large for trial buffers");
    const int opened = kernel.open("/dev/udmabuf", O_RDWR | O_CLOEXEC);
    if (opened < 0)
        return node_refused("/dev/udmabuf", O_RDWR, -opened, advice);
    const UniqueFd udmabuf(opened);
    auto memfd = make_sealed_memfd("hwalloc:twins", rounded);
    if (!memfd)
        return std::move(memfd).error();
    const std::uint64_t half = rounded / 2;
    auto one = join(udmabuf.get(), memfd->get(), 0, half, half);
    if (!one)
        return std::move(one).error();
    auto other = join(udmabuf.get(), memfd->get(), half, 0, half);
    if (!other)
        return std::move(other).error();
    return std::array{*std::move(one), *std::move(other)};
}

} // namespace hwalloc
