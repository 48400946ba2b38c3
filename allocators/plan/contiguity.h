// Whether a device needs physically contiguous memory: established by trial with twins (common/twins.h),
// never guessed, and never concluded from memory that happened to be contiguous.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "hwalloc/capabilities.h"
#include "hwalloc/memory.h"

namespace hwalloc::planning {

struct Contiguity {
    Answer needed = Answer::unknown;
    std::string how; // how that is known, or why it is not: words that go on from "it"
    std::optional<Error> why_unknown;
    // The errno with which it refused both twins; 0: it did not, or not with one that may say that it cannot
    // reach them: EFAULT (videobuf2), EINVAL (drivers/gpu/drm/drm_gem_dma_helper.c). It may be unable to
    // reach any udmabuf.
    int both_unreachable = 0;
};

// Two dma-bufs over the same pages in two orders, made when they are first needed. For one thread.
class Twins {
public:
    // Of `bytes` each.
    explicit Twins(std::uint64_t bytes) : bytes_(bytes) {}

    // Imports memory as the device would use it, and undoes it; errors as of Participant::attempt.
    using Import = std::function<Result<void>(Memory& memory)>;
    // May throw std::bad_alloc.
    Contiguity try_on(const Import& import);

private:
    Result<void> make();

    std::uint64_t bytes_;
    bool made_ = false;
    std::optional<Error> why_;
    MemoryRef twins_[2];
};

// Whether memory that a device could not reach is of another maker than the twins. `exporter`: of the memory
// (dma_buf::exporter_of), empty when it is not known.
bool is_of_another_maker(std::string_view exporter) noexcept;

// What follows when the device refused another maker's scattered memory with the same `error_number`: a
// device that reaches no udmabuf would reach that, so refusing both twins was proof.
void conclude_from_unreachable(Contiguity& found, int error_number);

// The errno of an error that may say that a device cannot reach the memory; 0: it is none.
int unreachable_errno(const Error& error) noexcept;

} // namespace hwalloc::planning
