#include "tools/display/card.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <string_view>
#include <vector>

#include "tools/display/connector.h"
#include "tools/display/drm_ptr.h"

namespace hwalloc::tools {
namespace {

constexpr const char* directory = "/dev/dri";

struct CardNumbers {
    std::vector<unsigned> numbers; // in order
    int why = 0;                   // an errno when the directory cannot be listed, or not to its end; else 0
};

CardNumbers card_numbers() {
    CardNumbers found;
    DIR* const listing = ::opendir(directory);
    if (!listing) {
        found.why = errno;
        return found;
    }
    for (;;) {
        errno = 0; // readdir tells its end and its failure alike
        const dirent* const entry = ::readdir(listing);
        if (!entry) {
            found.why = errno;
            break;
        }
        const std::string_view name = entry->d_name;
        unsigned number = 0;
        if (!name.starts_with("card"))
            continue;
        const auto [end, error] = std::from_chars(name.data() + 4, name.data() + name.size(), number);
        if (error == std::errc{} && end == name.data() + name.size())
            found.numbers.push_back(number);
    }
    ::closedir(listing);
    std::sort(found.numbers.begin(), found.numbers.end());
    return found;
}

// For who named a card that is not there.
std::string cards_there() {
    std::string text;
    for (const unsigned number : card_numbers().numbers)
        text += fmt::format("{}card{}", text.empty() ? "cards here: " : ", ", number);
    return text.empty() ? "this machine has no graphics card that the kernel drives" : text;
}

Result<Card> open_node(const std::string& path) {
    Card card;
    card.path = path;
    card.fd.reset(::open(path.c_str(), O_RDWR | O_CLOEXEC));
    if (!card.fd) {
        const int why = errno;
        Error error = Error::from_errno(why, "opening a display").on(path).call("open");
        switch (error.kind()) {
        case ErrorKind::permission:
            return std::move(error).remedy(
                "`hwalloc doctor allocator/drm-dumb` tells whose it is, and the line "
                "that lets you in");
        case ErrorKind::unavailable:
            return std::move(error).remedy(cards_there());
        default:
            return error;
        }
    }
    drmVersion* const version = drmGetVersion(card.fd.get());
    if (!version)
        return Error(ErrorKind::unsupported, "opening a display").doing("it is not a DRM device").on(path);
    card.driver = version->name;
    drmFreeVersion(version);
    return card;
}

// Whether a monitor is connected: unsupported where the card has no outputs at all, unavailable where nothing
// is.
Result<void> has_output(const Card& card) {
    const DrmResources resources(drmModeGetResources(card.fd.get()));
    if (!resources || resources->count_connectors == 0)
        return Error(ErrorKind::unsupported, "opening a display")
            .doing(fmt::format("{} has no outputs", card.driver))
            .on(card.path);
    for (int i = 0; i < resources->count_connectors; ++i) {
        const DrmConnector connector(drmModeGetConnector(card.fd.get(), resources->connectors[i]));
        if (shows_pictures(card.fd.get(), connector.get()))
            return {};
    }
    return Error(ErrorKind::unavailable, "opening a display")
        .doing(fmt::format("no monitor is connected to {}", card.driver))
        .on(card.path)
        .remedy("connect a monitor and switch it on");
}

Result<void> become_master(const Card& card) {
    // The first to open a card that has no master is made one.
    if (drmIsMaster(card.fd.get()) || drmSetMaster(card.fd.get()) == 0)
        return {};
    const int why = errno;
    // EBUSY, or EACCES to a process without rights: the kernel looks at those first.
    return Error(ErrorKind::busy, why, "taking a display")
        .doing("taking the display: another program, such as a desktop, holds it")
        .on(card.path)
        .call("DRM_IOCTL_SET_MASTER")
        .remedy("end that program, or run this on a text console of its own (Ctrl-Alt-F3)");
}

Result<Card> take(Card card, bool legacy) {
    if (auto master = become_master(card); !master)
        return std::move(master).error();
    // Without universal planes the primary ones are not listed.
    card.atomic = !legacy && drmSetClientCap(card.fd.get(), DRM_CLIENT_CAP_UNIVERSAL_PLANES, 1) == 0 &&
                  drmSetClientCap(card.fd.get(), DRM_CLIENT_CAP_ATOMIC, 1) == 0;
    return card;
}

} // namespace

Result<Card> open_card(const std::string& which, bool legacy) {
    if (which.starts_with('/') || which.starts_with("card")) {
        auto card = open_node(which.starts_with('/') ? which : fmt::format("{}/{}", directory, which));
        if (!card)
            return card;
        if (auto output = has_output(*card); !output)
            return std::move(output).error();
        return take(std::move(*card), legacy);
    }
    const bool any = which == "auto";
    const auto [numbers, why] = card_numbers();
    if (why != 0 && why != ENOENT)
        return Error::from_errno(why, "opening a display")
            .doing("looking for a card with a display")
            .on(directory);
    if (numbers.empty())
        return Error(ErrorKind::unavailable, "opening a display")
            .doing(any ? "looking for a card with a display"
                       : fmt::format("looking for a card of driver {}", which))
            .on(directory)
            .remedy(cards_there());
    Error none = Error(ErrorKind::unavailable, "opening a display")
                     .doing(any ? "no card has a connected output"
                                : fmt::format("no card of driver {} has a connected output", which))
                     .on(directory);
    std::string others;
    std::vector<Error> closed;
    for (const unsigned number : numbers) {
        auto card = open_node(fmt::format("{}/card{}", directory, number));
        if (!card) {
            closed.push_back(card.error());
            none = std::move(none).because(card.error());
            continue;
        }
        if (!any && card->driver != which) {
            others += fmt::format("{}card{} ({})", others.empty() ? "" : ", ", number, card->driver);
            continue;
        }
        if (auto output = has_output(*card); !output) {
            none = std::move(none).because(output.error());
            continue;
        }
        card->passed_over = std::move(closed);
        return take(std::move(*card), legacy);
    }
    if (none.causes().empty()) // not one of that driver
        none = std::move(none)
                   .doing(fmt::format("no card has the driver {}", which))
                   .remedy(fmt::format("cards here: {}", others));
    return none;
}

} // namespace hwalloc::tools
