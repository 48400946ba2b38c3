// One use of everything that the library gives without a device, for cases that do it in strange moments.
#pragma once

#include "hwalloc/allocator.h"
#include "hwalloc/capabilities.h"
#include "hwalloc/inventory.h"
#include "hwalloc/participant.h"
#include "hwalloc/plan.h"
#include "tests/process/case.h"

namespace hwalloc::process {

// Memory of each kind that this machine has, mapped, shared and released.
inline void use_memory() {
    for (const char* name : {"sysmem", "memfd", "udmabuf"}) {
        Allocator* const allocator = Allocator::find(name);
        if (!allocator)
            continue; // no udmabuf here
        auto memory = allocator->alloc(20000);
        if (!memory)
            continue; // its node is another's
        {
            auto mapping = (*memory)->map(MapFlags::write);
            REQUIRE(mapping);
            mapping->data()[0] = 1;
        }
        auto share = (*memory)->share(100, 200);
        REQUIRE(share && (*share)->size() == 200);
        memory->reset();
        REQUIRE((*share)->map(MapFlags::read));
    }
}

// What takes locks of the whole process.
inline void use_registry() {
    REQUIRE(Allocator::find());
    const auto none = Allocator::resolve("no-such-family/at-all");
    REQUIRE(!none && !none.error().message().empty());
    REQUIRE(inventory(InventoryScan::quick));
}

// A plan for the CPU alone, made anew.
inline void use_plans() {
    const auto cpu = cpu_participant(MapFlags::readwrite);
    REQUIRE(cpu);
    const ParticipantRef participants[] = {*cpu};
    PlanRequest request;
    request.participants = participants;
    request.image = {.fourcc = fourcc('X', 'R', '2', '4'), .width = 64, .height = 16};
    forget_plans();
    REQUIRE(plan(request));
    REQUIRE(plan(request));
}

inline void use_all() {
    use_memory();
    use_registry();
    use_plans();
}

} // namespace hwalloc::process
