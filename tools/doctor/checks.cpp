#include "tools/doctor/checks.h"

#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

namespace hwalloc::tools::diagnosis {

const char* to_text(Status status) {
    switch (status) {
    case Status::ok:
        return "ok";
    case Status::warning:
        return "warning";
    case Status::failed:
        return "failed";
    case Status::missing:
        return "missing";
    case Status::unknown:
        break;
    }
    return "unknown";
}

void Checks::add(Check check) {
    if (::geteuid() == 0) {
        constexpr std::string_view sudo = "sudo ";
        for (std::size_t at = 0; (at = check.remedy.find(sudo, at)) != std::string::npos;)
            check.remedy.erase(at, sudo.size());
    }
    list_.push_back(std::move(check));
}

void Checks::add(std::string id, Status status, const Error& error) {
    add({std::move(id), status, error.message(), std::string(error.mend()), error});
}

const std::vector<InventoryItem>& Machine::inventory() const {
    if (inventory_)
        return *inventory_;
    inventory_.emplace();
    if (auto items = hwalloc::inventory(InventoryScan::quick); items && is_enough(*items)) {
        for (InventoryItem& item : *items)
            if (auto* describes = item.allocator ? item.allocator->extension<Describes>() : nullptr)
                if (auto ready = describes->available(); !ready)
                    item.why = std::move(ready).error();
        inventory_ = *std::move(items);
    } else if (auto all = hwalloc::inventory()) {
        inventory_ = *std::move(all);
    }
    return *inventory_;
}

bool Machine::is_enough(const std::vector<InventoryItem>& items) const {
    return !ids_.empty() && std::all_of(ids_.begin(), ids_.end(), [&](const std::string& id) {
        return std::any_of(items.begin(), items.end(), [&](const InventoryItem& item) {
            return item.allocator && is_below(id, "allocator/" + item.name);
        });
    });
}

bool is_below(std::string_view id, std::string_view other) {
    return id.starts_with(other) && (id.size() == other.size() || id[other.size()] == '/');
}

bool exists(const std::string& path) {
    return ::access(path.c_str(), F_OK) == 0;
}

std::vector<std::string> names_in(const std::string& directory) {
    std::vector<std::string> names;
    std::error_code ignored; // a directory that cannot be read counts as empty
    for (std::filesystem::directory_iterator entry(directory, ignored), end; entry != end;
         entry.increment(ignored))
        names.push_back(entry->path().filename().string());
    std::sort(names.begin(), names.end());
    return names;
}

std::string ownership(const std::string& path) {
    struct stat node {};
    if (::stat(path.c_str(), &node) < 0)
        return {};
    const passwd* user = ::getpwuid(node.st_uid);
    const group* group = ::getgrgid(node.st_gid);
    return fmt::format("{}:{}, mode {:04o}", user ? user->pw_name : std::to_string(node.st_uid),
                       group ? group->gr_name : std::to_string(node.st_gid), node.st_mode & 07777);
}

} // namespace hwalloc::tools::diagnosis
