#include "common/device_tree.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "common/fixed_text.h"
#include "common/kernel.h"

namespace hwalloc {
namespace {

#if defined(__arm__) || defined(__aarch64__)
constexpr std::optional<bool> coherent_where_the_tree_is_silent = false;
#else
constexpr std::optional<bool> coherent_where_the_tree_is_silent; // it depends on how the kernel was made
#endif

constexpr int deepest = 32; // more than any tree of devices

bool is_there(const char* path) noexcept {
    struct stat status {};
    return kernel.stat(path, &status) >= 0;
}

// As the kernel decides it (drivers/of/address.c): by the nearest node that says either.
std::optional<bool> coherent_by_node(FixedText node) noexcept {
    // Each node has a "name"; what holds the root does not.
    for (int up = 0; up < deepest && is_there(FixedText(node, "/name").c_str()); ++up, node.append("/..")) {
        if (is_there(FixedText(node, "/dma-coherent").c_str()))
            return true;
        if (is_there(FixedText(node, "/dma-noncoherent").c_str()))
            return false;
    }
    return coherent_where_the_tree_is_silent;
}

} // namespace

std::optional<bool> dma_coherent_by_device_tree(dev_t device) noexcept {
    // Up from the device to the first that the tree describes: a card on a bus that can be searched (PCI) is
    // not in it, and its bridge is. Every device has a "uevent"; what holds the topmost does not.
    FixedText at("/sys/dev/char/", major(device), ":", minor(device), "/device");
    for (int up = 0; up < deepest && is_there(FixedText(at, "/uevent").c_str()); ++up, at.append("/.."))
        if (is_there(FixedText(at, "/of_node/name").c_str()))
            return coherent_by_node(FixedText(at, "/of_node"));
    return std::nullopt;
}

} // namespace hwalloc
