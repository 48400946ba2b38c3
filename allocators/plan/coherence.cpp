// Whether the CPU and the devices see the same bytes.
#include <sys/sysmacros.h>

#include "allocators/plan/planner.h"
#include "common/fixed_text.h"
#include "common/kernel.h"

namespace hwalloc {
namespace {

#if defined(__arm__) || defined(__aarch64__)
constexpr Answer of_a_silent_device_tree = Answer::no;
#else
constexpr Answer of_a_silent_device_tree = Answer::unknown; // it depends on how the kernel was made
#endif

constexpr int deepest = 32; // more than any tree of devices

bool is_there(const char* path) noexcept {
    struct stat status {};
    return kernel.stat(path, &status) >= 0;
}

// As the kernel decides it (drivers/of/address.c): by the nearest node that says either.
Answer told_by_device_tree(FixedText node) noexcept {
    // Each node has a "name"; what holds the root does not.
    for (int up = 0; up < deepest && is_there(FixedText(node, "/name").c_str()); ++up, node.append("/..")) {
        if (is_there(FixedText(node, "/dma-coherent").c_str()))
            return Answer::yes;
        if (is_there(FixedText(node, "/dma-noncoherent").c_str()))
            return Answer::no;
    }
    return of_a_silent_device_tree;
}

} // namespace

Answer sees_cpu_caches(dev_t device) noexcept {
    if (devices_see_cpu_caches != Answer::unknown)
        return devices_see_cpu_caches;
    return planning::told_to_see_cpu_caches(device);
}

namespace planning {

Answer told_to_see_cpu_caches(dev_t device) noexcept {
    // Up from the device to the first that the tree describes: a card on a bus that can be searched (PCI) is
    // not in it, and its bridge is. Every device has a "uevent"; what holds the topmost does not.
    FixedText at("/sys/dev/char/", major(device), ":", minor(device), "/device");
    for (int up = 0; up < deepest && is_there(FixedText(at, "/uevent").c_str()); ++up, at.append("/.."))
        if (is_there(FixedText(at, "/of_node/name").c_str()))
            return told_by_device_tree(FixedText(at, "/of_node"));
    return Answer::unknown;
}

std::optional<Error> unseen_by(const PlanParticipant& device, const PlanParticipant& cpu,
                               const PlanCandidate& candidate) {
    const Properties& memory = candidate.properties;
    const Answer sees =
        device.constraints.through_cpu_caches ? Answer::yes : device.constraints.sees_cpu_caches;
    // Memory::map() makes the calls that maintain caches. A driver that fills imported memory makes none.
    const bool maintained = memory.sync == SyncQuality::importer_aware && !cpu.constraints.needs_dma_buf;
    if (sees == Answer::yes || maintained || memory.cached == Answer::no)
        return std::nullopt;
    const bool known =
        sees == Answer::no && memory.sync != SyncQuality::unknown && memory.cached == Answer::yes;
    return Error(known ? ErrorKind::incompatible : ErrorKind::unavailable, "trying memory")
        .doing(known ? "the CPU and a device would see different bytes"
                     : "it was taken, and whether the CPU and a device see the same bytes is not known")
        .on(device.name)
        .remedy(std::string(known ? "the device does not see the CPU's caches, and "
                                  : "nobody tells whether the device sees the CPU's caches, and ") +
                candidate.name +
                " does not maintain them for it; dma-heap/system does, where Memory::map() is who asks");
}

} // namespace planning
} // namespace hwalloc
