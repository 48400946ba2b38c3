// "drm-dumb/cardN": dumb buffers of a graphics card (linux Documentation/gpu/drm-kms.rst, "Dumb Buffer
// Objects"), one allocator for every card that there is under /dev/dri.
#include <algorithm>
#include <cerrno>
#include <new>

#include "backends/drm/cards.h"
#include "backends/drm/dumb_allocator.h"
#include "common/directory.h"
#include "hwalloc/backend.h"

namespace hwalloc {
namespace {

using drm::detail::Card;
using drm::detail::DumbAllocator;

constexpr const char *family = "drm-dumb", *looking = "looking for graphics cards";

std::string name_of(std::string_view instance) {
    return std::string(family).append("/").append(instance);
}

Error no_cards(int listed) {
    const auto known = directory_entries("/sys/class/drm");
    const bool in_kernel = std::any_of(known.begin(), known.end(),
                                       [](const std::string& entry) { return entry.starts_with("card"); });
    return nothing_found(
        listed, looking, drm::detail::node_directory,
        in_kernel ? "the kernel has graphics cards, but this container or /dev does not show them: pass the "
                    "nodes of /dev/dri in"
                  : "this machine has no graphics card that the kernel drives; `modprobe vgem` makes one of "
                    "ordinary memory");
}

Result<void> discover(BackendHost& host) noexcept try {
    RefusedListing refused;
    const std::vector<Card> cards = drm::detail::list_cards(refused);
    if (refused && cards.empty())
        return no_cards(refused.answer);
    if (cards.empty()) {
        host.unavailable(family, no_cards(-ENOENT));
        return {};
    }
    // Without the right to look further (/sys may be for root alone) cards can be used as far as they are
    // known; whoever lacks it only since a scan keeps what that found.
    if (refused && !refused.is_denied())
        return refused.error(looking);
    const auto screens =
        std::find_if(cards.begin(), cards.end(), [](const Card& one) { return one.has_screens; });
    const bool family_is_taken = refused && host.knows(family);
    const Card& best = screens != cards.end() ? *screens : cards.front();
    for (const Card& card : cards) {
        const std::string name = name_of(card.name);
        // Which names a card has depends on what there is, not on the order in which it came: a driver's name
        // is that of its first card.
        const auto by_driver = [&](std::string_view driver) {
            const auto first = std::find_if(cards.begin(), cards.end(), [&](const Card& one) {
                return one.driver == driver || one.short_driver() == driver;
            });
            return !driver.empty() && &*first == &card ? name_of(driver) : std::string();
        };
        const std::string driver = by_driver(card.driver), short_driver = by_driver(card.short_driver());
        const std::string path = card.path.empty() ? std::string() : name_of("by-path/" + card.path);
        const std::initializer_list<std::string_view> aliases{
            card.node, driver, short_driver, path, &card == &best && !family_is_taken ? family : ""};
        if (refused ? host.knows(name) : host.still_here(name, aliases))
            continue;
        auto added = host.add(name, AllocatorRef::adopt(new DumbAllocator(card.node)), aliases);
        if (!added)
            return added;
    }
    if (refused)
        return refused.error(looking);
    return {};
} catch (const std::bad_alloc&) {
    return Error(ErrorKind::exhausted, "no memory for an allocator");
}

} // namespace

extern const Backend backend_drm;
const Backend backend_drm{.name = "drm", .families = "drm-dumb", .subsystems = "drm", .discover = discover};

} // namespace hwalloc
