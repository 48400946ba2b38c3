#include "backends/drm/cards.h"

#include <algorithm>

#include "common/link_end.h"
#include "common/udev.h"

namespace hwalloc::drm::detail {
namespace {

constexpr std::string_view class_directory = "/sys/class/drm/";

// The driver of a card's device. A device on virtio has two: the bus's, and its own on the device below. A
// device without hardware has none, or one that is every such device's, and is called after its driver itself
// (vgem, vkms).
std::string driver_of(const std::string& card, RefusedListing& refused) {
    const std::string device = std::string(class_directory) + card + "/device";
    std::string driver = link_end(device + "/driver");
    if (driver.starts_with("virtio-")) {
        for (const std::string& below : directory_entries(device, refused))
            if (below.starts_with("virtio")) {
                std::string link = device;
                link.append("/").append(below).append("/driver");
                if (std::string own = link_end(link); !own.empty())
                    return own;
            }
    }
    if (driver.empty() || driver == "faux_driver")
        driver = link_end(device);
    return driver;
}

// udev's links tell each card's ID_PATH: "pci-0000:00:02.0-card" leads to "../card0".
void find_paths(std::vector<Card>& cards, RefusedListing& refused) {
    constexpr std::string_view links = "/dev/dri/by-path/", suffix = "-card";
    for (const std::string& entry : directory_entries(std::string(links), refused)) {
        if (!entry.ends_with(suffix))
            continue;
        const std::string target = link_end(std::string(links) + entry);
        for (Card& card : cards)
            if (card.name == target)
                card.path = entry.substr(0, entry.size() - suffix.size());
    }
}

} // namespace

bool is_card(std::string_view entry) noexcept {
    return entry.starts_with("card") && entry.size() > 4 &&
           entry.find_first_not_of("0123456789", 4) == entry.npos;
}

std::string_view Card::short_driver() const noexcept {
    const std::string_view whole = driver;
    return whole.ends_with("-drm") ? whole.substr(0, whole.size() - 4) : whole;
}

namespace {

std::vector<Card> list_nodes(RefusedListing& refused) {
    std::vector<Card> cards;
    for (std::string& entry : directory_entries(std::string(node_directory), refused))
        if (is_card(entry)) {
            std::string node = std::string(node_directory) + "/" + entry;
            cards.push_back({.name = std::move(entry), .node = std::move(node), .driver = {}, .path = {}});
        }
    return cards;
}

} // namespace

std::string allocator_name_of(dev_t device) {
    RefusedListing refused;
    struct stat status {};
    for (const Card& card : list_nodes(refused))
        if (kernel.stat(card.node.c_str(), &status) >= 0 && status.st_rdev == device)
            return "drm-dumb/" + card.name;
    return {};
}

// By the directory: the kernel itself calls the nodes so, and udev would have to be asked at the first use of
// the library, by whoever wants no card at all.
std::vector<Card> list_cards(RefusedListing& refused) {
    std::vector<Card> cards = list_nodes(refused);
    if (cards.empty())
        return cards;
    std::sort(cards.begin(), cards.end(),
              [](const Card& a, const Card& b) { return natural_less(a.node, b.node); });
    find_paths(cards, refused);
    const auto known = directory_entries(std::string(class_directory), refused);
    for (Card& card : cards) {
        const std::string its_name = kernel_name(card.node);
        card.driver = driver_of(its_name, refused);
        // "card0-HDMI-A-1": a connector.
        const std::string connectors = its_name + "-";
        card.has_screens = std::any_of(known.begin(), known.end(), [&](const std::string& entry) {
            return entry.starts_with(connectors);
        });
    }
    return cards;
}

} // namespace hwalloc::drm::detail
