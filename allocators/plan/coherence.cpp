// Whether the CPU and the devices see the same bytes.
#include "allocators/plan/planner.h"
#include "common/device_tree.h"

namespace hwalloc {

Answer sees_cpu_caches(dev_t device) noexcept {
    if (devices_see_cpu_caches != Answer::unknown)
        return devices_see_cpu_caches;
    const auto coherent = dma_coherent_by_device_tree(device);
    return !coherent ? Answer::unknown : *coherent ? Answer::yes : Answer::no;
}

namespace planning {

std::optional<Error> coherence_error(const PlanParticipant& device, const PlanParticipant& cpu,
                                     const PlanCandidate& candidate) {
    const Properties& memory = candidate.properties;
    const Answer sees =
        device.constraints.through_cpu_caches ? Answer::yes : device.constraints.sees_cpu_caches;
    // Memory::map() makes the calls that maintain caches.
    const bool maintained = memory.sync == SyncQuality::importer_aware &&
                            (!cpu.constraints.needs_dma_buf || cpu.constraints.syncs_cpu_access);
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
