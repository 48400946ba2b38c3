// Who runs this: groups of this login, and those that the user database would give to the next one.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>

#include "tools/doctor/checks.h"

namespace hwalloc::tools::diagnosis {
namespace {

std::string name_of(gid_t id) {
    const group* found = ::getgrgid(id);
    return found ? found->gr_name : std::to_string(id);
}

std::vector<gid_t> groups_of_this_process() {
    std::vector<gid_t> ids(static_cast<std::size_t>(std::max(::getgroups(0, nullptr), 0)));
    const int got = ::getgroups(static_cast<int>(ids.size()), ids.data());
    ids.resize(static_cast<std::size_t>(std::max(got, 0)));
    if (std::find(ids.begin(), ids.end(), ::getegid()) == ids.end())
        ids.insert(ids.begin(), ::getegid());
    return ids;
}

std::vector<gid_t> groups_by_database(const passwd& user) {
    std::vector<gid_t> ids(64);
    int count = static_cast<int>(ids.size());
    while (::getgrouplist(user.pw_name, user.pw_gid, ids.data(), &count) < 0) {
        if (count <= static_cast<int>(ids.size())) // it failed for another reason than too little room
            return {};
        ids.resize(static_cast<std::size_t>(count));
    }
    ids.resize(static_cast<std::size_t>(count));
    return ids;
}

std::vector<std::string> names_of(const std::vector<gid_t>& ids) {
    std::vector<std::string> names;
    for (const gid_t id : ids)
        names.push_back(name_of(id));
    return names;
}

} // namespace

void look_at_user(const Machine&, Checks& checks) {
    const passwd* found = ::getpwuid(::geteuid());
    if (!found) {
        checks.add({"user/groups", Status::warning,
                    fmt::format("user {} is not in the user database: no group can be given to it by name",
                                ::geteuid())});
        return;
    }
    const passwd user = *found;
    const std::string name = user.pw_name;
    const auto mine = groups_of_this_process();
    std::vector<gid_t> later = groups_by_database(user);
    std::erase_if(later, [&](gid_t id) { return std::find(mine.begin(), mine.end(), id) != mine.end(); });
    const auto names = names_of(mine), coming = names_of(later);
    const Json facts{{"user", name}, {"groups", names}, {"groups_at_next_login", coming}};
    const std::string now =
        fmt::format("{} (user {}) in groups {}", name, ::geteuid(), fmt::join(names, ", "));
    if (later.empty() || ::geteuid() == 0)
        checks.add({"user/groups", Status::ok, now, {}, {}, facts});
    else
        checks.add(
            {"user/groups",
             Status::warning,
             fmt::format(
                 "{}; the user database has {} too, and this login has not: log in again (newgrp gives a "
                 "group to one shell)",
                 now, fmt::join(coming, ", ")),
             fmt::format("newgrp {}", coming.front()),
             {},
             facts});
}

} // namespace hwalloc::tools::diagnosis
