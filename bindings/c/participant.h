// What a participant is behind its opaque name.
#pragma once

#include "bindings/c/answer.h"
#include "hwalloc/c_plan.h"
#include "hwalloc/participant.h"

struct hwalloc_participant {
    hwalloc::ParticipantRef participant;
};

namespace hwalloc::c {

// A participant goes to the caller.
int answer_participant(Result<ParticipantRef> made, hwalloc_participant** participant,
                       hwalloc_error** error) noexcept;

} // namespace hwalloc::c
