// What atomic and legacy mode setting do differently: set a mode, ask for a flip, put back what was there.
#pragma once

#include <cstdint>
#include <memory>

#include "tools/display/route.h"

namespace hwalloc::tools {

// Takes down at its making what the output shows, so that restore() can put it back. The card stays open and
// this program its master as long as it lives.
class ModeSetting {
public:
    virtual ~ModeSetting() = default;
    // Whether set() would be taken, as far as the driver can be asked (atomic: a commit that only tests;
    // legacy: it cannot, so always). Changes nothing.
    virtual Result<void> test(std::uint32_t framebuffer) = 0;
    // Sets the route's mode and shows a framebuffer of the mode's size; returns when that is done.
    virtual Result<void> set(std::uint32_t framebuffer) = 0;
    // Asks for another framebuffer at the next refresh, and for the event that tells when it is there, which
    // brings `user_data`. Allocates nothing. Precondition: no other flip is on its way.
    virtual Result<void> flip(std::uint32_t framebuffer, void* user_data) = 0;
    // Puts back what the output showed when this object was made; returns when that is done.
    virtual Result<void> restore() = 0;
};

Result<std::unique_ptr<ModeSetting>> atomic_mode_setting(const Card& card, const Route& route);
Result<std::unique_ptr<ModeSetting>> legacy_mode_setting(const Card& card, const Route& route);

} // namespace hwalloc::tools
