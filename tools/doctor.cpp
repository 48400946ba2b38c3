// `hwalloc doctor`: what is fine on this machine, what is not, and the line that mends it.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <optional>
#include <string_view>

#include "tools/commands.h"
#include "tools/device_names.h"
#include "tools/doctor/checks.h"
#include "tools/near_names.h"
#include "tools/progress.h"

namespace hwalloc::tools {
namespace {

using namespace diagnosis;

constexpr Part parts[] = {
    {"kernel", "options of the kernel", look_at_kernel},
    {"udev", "who sets owner and mode of nodes", look_at_udev},
    {"user", "whose process this is", look_at_user},
    {"allocator", "memory, as `hwalloc list` has it", look_at_allocators},
    {"memory", "whether any of it can be given to a device", look_at_memory},
    {"node", "nodes of GPUs", look_at_nodes},
    {"gpu", "Vulkan's drivers and their extensions", look_at_gpus},
    {"camera", "cameras", look_at_cameras},
    {"limit", "numbers that are in the way later", look_at_limits},
};

// What the caller asked for: all, or checks by id or by what ids begin with.
class Selection {
public:
    explicit Selection(const std::vector<std::string>& ids) : ids_(ids) {}

    bool all() const { return ids_.empty(); }
    bool wants(const Part& part) const {
        return all() || std::any_of(ids_.begin(), ids_.end(),
                                    [&](const std::string& id) { return is_below(id, part.name); });
    }
    // An allocator that is not there is told by its family: asked for allocator/dma-heap/system, a machine
    // without heaps has allocator/dma-heap to show.
    bool wants(const Check& check) const {
        return all() || std::any_of(ids_.begin(), ids_.end(), [&](const std::string& id) {
                   return is_below(check.id, id) || (check.status != Status::ok && is_below(id, check.id));
               });
    }

private:
    const std::vector<std::string>& ids_;
};

Json check_json(const Check& check) {
    Json object{{"id", check.id},
                {"status", to_text(check.status)},
                {"message", check.message},
                {"remedy", nullptr},
                {"error", nullptr}};
    if (!check.remedy.empty())
        object["remedy"] = check.remedy;
    if (check.error)
        object["error"] = to_json(*check.error);
    if (check.facts.is_object())
        object.update(check.facts);
    return object;
}

Style style_of(Status status) {
    switch (status) {
    case Status::ok:
        return Style::good;
    case Status::failed:
        return Style::bad;
    case Status::warning:
        return Style::warning;
    case Status::missing:
    case Status::unknown:
        break;
    }
    return Style::faint;
}

std::size_t count(const std::vector<Check>& checks, Status status) {
    return static_cast<std::size_t>(std::count_if(
        checks.begin(), checks.end(), [&](const Check& check) { return check.status == status; }));
}

// Each line once, below everything that it mends.
void print_remedies(Output& out, const std::vector<Check>& checks) {
    std::vector<std::string_view> lines;
    for (const Check& check : checks)
        if (!check.remedy.empty() && std::find(lines.begin(), lines.end(), check.remedy) == lines.end())
            lines.push_back(check.remedy);
    bool joins_a_group = false;
    for (const std::string_view line : lines) {
        out.line();
        if (line == lines.front())
            out.line(out.styled("What mends it:", Style::strong));
        for (const Check& check : checks)
            if (check.remedy == line)
                out.line(fmt::format("  {}", check.id));
        out.line(fmt::format("    {}", line));
        joins_a_group = joins_a_group || line.find("usermod ") != line.npos;
    }
    if (joins_a_group)
        out.line("\nLog in again afterwards: a login keeps the groups that it began with.");
}

void print_checks(Output& out, const std::vector<Check>& checks) {
    Table table({"CHECK", "STATUS", "FOUND"});
    for (const Check& check : checks)
        table.row({{check.id, Style::strong},
                   {to_text(check.status), style_of(check.status)},
                   // Causes are lines of their own; --json has them.
                   {check.message.substr(0, check.message.find('\n'))}});
    out.table(table);
    print_remedies(out, checks);
    out.line();
    std::string summary;
    for (const Status status :
         {Status::ok, Status::warning, Status::failed, Status::missing, Status::unknown})
        if (const std::size_t there = count(checks, status); there || status == Status::failed)
            summary.append(fmt::format("{}{} {}", summary.empty() ? "" : ", ", there, to_text(status)));
    out.line(summary);
}

Json document_of(const std::vector<Check>& checks) {
    Json list = Json::array();
    for (const Check& check : checks)
        list.push_back(check_json(check));
    Json document{{"checks", std::move(list)}};
    for (const Status status :
         {Status::ok, Status::warning, Status::failed, Status::missing, Status::unknown})
        document[to_text(status)] = count(checks, status);
    return document;
}

// The checks that `id` asks for. A device may go by any name that `hwalloc list` has: as itself ("vivid") for
// all checks of it, or below a part ("allocator/v4l2/vivid", "camera/vivid", "gpu/vulkan/0").
std::vector<std::string> checks_of(const std::string& id) {
    const auto slash = id.find('/');
    const std::string part = id.substr(0, slash);
    const bool is_part =
        std::any_of(std::begin(parts), std::end(parts), [&](const Part& one) { return one.name == part; });
    const std::string device = !is_part ? id : slash == id.npos ? std::string() : id.substr(slash + 1);
    const bool wanted = !is_part || part == "allocator" || part == "camera" || part == "gpu";
    if (device.empty() || !wanted)
        return {id};
    std::vector<std::string> ids;
    const auto add = [&](DeviceKind kind, const char* as, bool wanted_here) {
        if (!wanted_here)
            return;
        // A GPU's check has the number of its memory: "vulkan/0/host" is of gpu/0.
        constexpr std::string_view vulkan = "vulkan/";
        const bool gpu = kind == DeviceKind::gpu;
        const auto found =
            gpu ? find_device(DeviceKind::allocator,
                              device.starts_with("vulkan") ? device : std::string(vulkan) + device)
                : find_device(kind, device);
        std::string name = found ? *found : std::string();
        if (kind == DeviceKind::camera)
            name.erase(0, name.rfind('/') + 1);
        if (gpu && name.starts_with(vulkan))
            name = name.substr(vulkan.size(), name.find('/', vulkan.size()) - vulkan.size());
        if (!name.empty())
            ids.push_back(fmt::format("{}/{}", as, name));
    };
    add(DeviceKind::allocator, "allocator", part == "allocator" || !is_part);
    add(DeviceKind::camera, "camera", part == "camera" || !is_part);
    add(DeviceKind::gpu, "gpu", part == "gpu" || (!is_part && id.starts_with("vulkan/")));
    return ids.empty() ? std::vector<std::string>{id} : ids;
}

Error no_such_check(const std::string& id, const Checks& found) {
    std::vector<std::string> names;
    for (const Part& part : parts)
        names.emplace_back(part.name);
    for (const Check& check : found.list())
        names.push_back(check.id);
    const auto near = near_names(id, names);
    return Error(ErrorKind::unavailable, "looking for a check")
        .doing(fmt::format("this machine has no check \"{}\"", id))
        .remedy(near.empty() ? std::string("`hwalloc doctor` shows all there are, by id")
                             : fmt::format("perhaps {} is meant; `hwalloc doctor` shows all there are, by id",
                                           either_of(near)));
}

int examine(Output& out, const std::vector<std::string>& asked) {
    std::vector<std::string> ids;
    for (const std::string& id : asked)
        for (std::string& one : checks_of(id))
            ids.push_back(std::move(one));
    const Selection selection(ids);
    const Machine machine(ids);
    Checks found;
    std::optional<Progress> progress("looking at this machine");
    for (const Part& part : parts)
        if (selection.wants(part))
            part.look(machine, found);
    progress.reset();
    std::vector<Check> checks;
    for (const Check& check : found.list())
        if (selection.wants(check))
            checks.push_back(check);
    for (const std::string& id : ids)
        if (std::none_of(checks.begin(), checks.end(), [&](const Check& check) {
                return is_below(check.id, id) || is_below(id, check.id);
            }))
            return out.fail(no_such_check(id, found));
    if (out.json())
        out.print(document_of(checks));
    else
        print_checks(out, checks);
    // What the caller asked for by name has to be there. Otherwise a machine without a camera is a sound one.
    const bool well =
        count(checks, Status::failed) == 0 &&
        (selection.all() || count(checks, Status::missing) + count(checks, Status::unknown) == 0);
    return well ? ok : failure;
}

} // namespace

Run doctor(CLI::App& command) {
    auto ids = std::make_shared<std::vector<std::string>>();
    command.add_option(
        "ID", *ids,
        "look at these only: a check's id, how ids begin (allocator, limit/udmabuf-size), or any name "
        "of a device or an allocator that `hwalloc list` has");
    std::string about = "Checks, by how their ids begin:\n";
    for (const Part& part : parts)
        about.append(fmt::format("  {:<10}  {}\n", part.name, part.about));
    about.append(
        "Exit codes: 0 nothing failed (nor is missing, of the IDs), 1 something did, 2 wrong usage.");
    command.footer(about);
    return [ids](Output& out) -> int { return examine(out, *ids); };
}

} // namespace hwalloc::tools
