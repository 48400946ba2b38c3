// What a participant is behind its opaque name.
#pragma once

#include "bindings/c/answer.h"
#include "hwalloc/c_plan.h"
#include "hwalloc/participant.h"

struct hwalloc_participant {
    hwalloc::ParticipantRef participant;
};
