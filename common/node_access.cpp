#include "common/node_access.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdint>
#include <new>
#include <optional>
#include <string_view>

#include "common/fixed_text.h"
#include "common/kernel.h"
#include "common/open_files.h"
#include "common/read_file.h"

namespace hwalloc {
namespace {

std::string_view next_line(std::string_view& text) noexcept {
    const auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(line.size() < text.size() ? line.size() + 1 : line.size());
    return line;
}
std::string_view next_field(std::string_view& line, char separator) noexcept {
    const auto field = line.substr(0, line.find(separator));
    line.remove_prefix(field.size() < line.size() ? field.size() + 1 : field.size());
    return field;
}

// The name of a user or group in the text of /etc/passwd or /etc/group ("name:password:id:..."); empty if
// unknown.
std::string_view name_of(std::uint64_t id, std::string_view database) noexcept {
    while (!database.empty()) {
        auto line = next_line(database);
        const auto name = next_field(line, ':');
        (void)next_field(line, ':');
        if (leading_number(line) == id)
            return name;
    }
    return {};
}

// "video", or "44" where the number has no name.
FixedText who(std::uint64_t id, std::string_view database) noexcept {
    const auto name = name_of(id, database);
    return name.empty() ? FixedText(id) : FixedText(name);
}

// Who this process is to the file system, by /proc: no entry of the kernel table is needed for that.
struct Identity {
    std::optional<std::uint64_t> user, group;
    std::string_view groups; // numbers, separated by blanks
};

Identity identity_from(std::string_view status) noexcept {
    Identity self;
    const auto last_of_four = [](std::string_view ids) {
        for (int i = 0; i < 3; ++i)
            (void)next_field(ids, '\t');
        return leading_number(ids);
    };
    while (!status.empty()) {
        const auto line = next_line(status);
        if (line.starts_with("Uid:\t"))
            self.user = last_of_four(line.substr(5));
        else if (line.starts_with("Gid:\t"))
            self.group = last_of_four(line.substr(5));
        else if (line.starts_with("Groups:\t"))
            self.groups = line.substr(8);
    }
    return self;
}

template<class F>
void for_each_group(const Identity& self, F&& f) noexcept {
    if (self.group)
        f(*self.group);
    for (auto left = self.groups; !left.empty();)
        if (const auto group = leading_number(next_field(left, ' ')); group && group != self.group)
            f(*group);
}

std::string text_of(const char* path) noexcept {
    auto text = read_file(path);
    return text ? std::move(*text) : std::string();
}

// Whether /etc/group has the user among the members of a group: then a login after that was written is in it.
bool is_member(std::string_view user, std::uint64_t group, std::string_view groups) noexcept {
    while (!groups.empty()) {
        auto line = next_line(groups);
        (void)next_field(line, ':');
        (void)next_field(line, ':');
        if (leading_number(next_field(line, ':')) != group)
            continue;
        while (!line.empty())
            if (next_field(line, ',') == user)
                return true;
    }
    return false;
}

// Whether a name may stand in a shell's line as it is, and leaves room for the rest of it.
bool is_plain(std::string_view name) noexcept {
    constexpr std::string_view plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.,-";
    return !name.empty() && name.size() <= 64 && name.front() != '-' &&
           name.find_first_not_of(plain) == name.npos;
}

FixedText join_group(std::string_view group, std::string_view user) noexcept {
    return FixedText("sudo usermod -aG ", group, " ", user);
}

// Installs the rule and lets udev apply it; nothing where no udev runs that would.
FixedText install(const NodeRule& rule) noexcept {
    struct stat udev {};
    if (!is_plain(rule.file) || kernel.stat("/run/udev/control", &udev) < 0)
        return FixedText();
    return FixedText("echo '", rule.text, "' | sudo tee /etc/udev/rules.d/", rule.file,
                     " >/dev/null && sudo udevadm control --reload && sudo udevadm trigger --settle ",
                     rule.match);
}

constexpr int most_groups_told = 12; // the advice at the end must fit

struct Story {
    FixedText text, line; // the line is empty where there is none
};

// Whose node it is, who we are, and what follows from that.
Story story(const char* path, int flags, const struct stat& node, const NodeAdvice& advice) noexcept {
    const std::string users = text_of("/etc/passwd"), groups = text_of("/etc/group");
    const std::string status = text_of("/proc/self/status");
    const Identity self = identity_from(status);
    const FixedText owner = who(node.st_uid, users), group = who(node.st_gid, groups);

    Story found;
    FixedText& text = found.text;
    text.append(path).append(" belongs to ").append(owner).append(":").append(group).append(", mode 0");
    text.append(static_cast<unsigned>(node.st_mode & 07777), 8);

    bool in_group = false;
    const auto each_group = [&](auto&& f) { for_each_group(self, f); };
    std::string_view user;
    if (self.user) {
        user = name_of(*self.user, users);
        text.append("; this process is ").append(who(*self.user, users)).append(" (user ");
        text.append(*self.user).append(") in");
        FixedText list;
        int listed = 0;
        each_group([&](std::uint64_t one) {
            in_group = in_group || one == node.st_gid;
            if (++listed <= most_groups_told)
                list.append(list.empty() ? " " : ", ").append(who(one, groups));
            else if (listed == most_groups_told + 1)
                list.append(", ...");
        });
        if (list.empty())
            text.append(" no group");
        else
            text.append(" groups").append(list);
    }

    const bool writes = (flags & O_ACCMODE) != O_RDONLY;
    const mode_t needed = writes ? 06 : 04;
    const auto grants = [&](unsigned shift) { return (node.st_mode >> shift & needed) == needed; };
    const bool can_join = is_plain(user) && is_plain(name_of(node.st_gid, groups));
    if (self.user == 0u || (self.user == node.st_uid ? grants(6) : in_group ? grants(3) : grants(0))) {
        text.append(
            "; owner and mode allow it, so something else forbids it: the device rules of a container, a "
            "security module, or a directory above");
    } else if (self.user && !in_group && grants(3) && node.st_gid != 0) {
        if (is_member(user, node.st_gid, groups)) {
            text.append("; the user was added to the group after this login: log in again (newgrp ")
                .append(group)
                .append(" does for one shell)");
            if (can_join)
                found.line.append("newgrp ").append(group);
        } else {
            text.append("; add the user to the group (usermod -aG ").append(group).append(" ");
            text.append(who(*self.user, users)).append(") and log in again");
            if (can_join)
                found.line = join_group(group, user);
        }
    } else {
        text.append("; ").append(advice.denied);
        if (!advice.rule)
            return found;
        found.line = install(*advice.rule);
        bool let_in = false;
        each_group([&](std::uint64_t one) { let_in = let_in || name_of(one, groups) == advice.rule->group; });
        if (!found.line.empty() && !let_in && is_plain(user))
            found.line.append(" && ").append(join_group(advice.rule->group, user));
    }
    return found;
}

} // namespace

Error node_refused(const char* path, int flags, int errno_value, const NodeAdvice& advice) noexcept {
    Error error = Error::from_errno(errno_value, advice.purpose).on(path).call("open");
    struct stat node {};
    switch (errno_value) {
    case ENOENT:
    case ENXIO:
    case ENODEV:
    case ENOTDIR:
        return Error(advice.absence, errno_value, advice.purpose).on(path).call("open").remedy(advice.absent);
    case EACCES:
    case EPERM:
        if (kernel.stat(path, &node) < 0)
            return std::move(error).remedy(advice.denied);
        if (const Story found = story(path, flags, node, advice); found.line.empty())
            return std::move(error).remedy(found.text);
        else
            return std::move(error).remedy(found.text).mend(found.line);
    case EBUSY:
        return std::move(error).remedy(
            FixedText("the driver lets one program at a time open it, and another has "
                      "(`fuser -v ",
                      path, "` names it); or the device is just waking up: try again"));
    default:
        return with_open_files_remedy(std::move(error), -errno_value);
    }
}

NodeNow node_now(const char* path, int fd) noexcept {
    struct stat named {
    }, held{};
    if (kernel.stat(path, &named) < 0 || kernel.fstat(fd, &held) < 0)
        return NodeNow::unseen;
    // devtmpfs makes a new inode whenever a device comes.
    const bool same =
        named.st_dev == held.st_dev && named.st_ino == held.st_ino && named.st_rdev == held.st_rdev;
    return same ? NodeNow::same : NodeNow::another;
}

Result<UniqueFd> DeviceNode::open_anew() const noexcept {
    const int fd = kernel.open(path(), flags_ | O_CLOEXEC);
    if (fd < 0)
        return node_refused(path(), flags_, -fd, advice_);
    return UniqueFd(fd);
}

Result<DeviceNode::Held> DeviceNode::open() noexcept {
    std::lock_guard guard(mutex_);
    if (held_)
        return held_;
    auto fd = open_anew();
    if (!fd)
        return std::move(fd).error();
    try {
        held_ = std::make_shared<const UniqueFd>(std::move(*fd));
    } catch (const std::bad_alloc&) {
        return Error(ErrorKind::exhausted, "no memory for keeping a device open").on(path());
    }
    return held_;
}

void DeviceNode::drop(const Held& held) noexcept {
    Held last; // goes after the lock
    const std::lock_guard guard(mutex_);
    if (held_ == held)
        last = std::move(held_);
}

bool DeviceNode::recheck() noexcept {
    Held held;
    {
        const std::lock_guard guard(mutex_);
        held = held_;
    }
    if (!held)
        return false;
    if (node_now(path(), held->get()) != NodeNow::another)
        return true;
    drop(held);
    return false;
}

void DeviceNode::close() noexcept {
    Held last; // goes after the lock
    const std::lock_guard guard(mutex_);
    last = std::move(held_);
}

Result<void> DeviceNode::check() const noexcept {
    auto fd = open_anew();
    if (!fd)
        return std::move(fd).error();
    return {};
}

} // namespace hwalloc
