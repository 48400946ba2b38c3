// Who shares the memory of a plan, while it is made.
#pragma once

#include <vector>

#include "native.h"

namespace hwalloc::python {

// Those of one call, and the cameras that are theirs meanwhile.
class Participants {
public:
    Participants() = default;
    Participants(const Participants&) = delete;
    Participants& operator=(const Participants&) = delete;
    ~Participants() {
        for (hwalloc_participant* one : participants)
            hwalloc_participant_free(one);
        for (void* use : cameras)
            end_use_of_camera(use);
    }
    // Of a Camera, or of text: "cpu read", "output /dev/video1", or an allocator's name. False with an
    // exception.
    bool add(PyObject* who);

    std::vector<hwalloc_participant*> participants;

private:
    std::vector<void*> cameras;
};

} // namespace hwalloc::python
