// `hwalloc ps`: every dma-buf of the machine, and which processes and devices hold it.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <optional>

#include "tools/commands.h"
#include "tools/holders/dma_bufs.h"
#include "tools/progress.h"

namespace hwalloc::tools {
namespace {

using namespace holding;

// Names come from other programs: what would act on a terminal, or is no text, is shown as its number.
std::string printable(std::string_view text) {
    std::string shown;
    for (const char letter : text) {
        const auto byte = static_cast<unsigned char>(letter);
        if (byte >= 0x20 && byte < 0x7f)
            shown += letter;
        else
            shown += fmt::format("\\x{:02x}", byte);
    }
    return shown;
}

// Of what one process holds, each dma-buf once.
struct Share {
    std::size_t dma_bufs = 0, descriptors = 0;
    std::uint64_t bytes = 0, mapped_bytes = 0;
};

std::map<pid_t, Share> shares_of(const DmaBufs& found) {
    std::map<pid_t, Share> shares;
    for (const auto& [inode, dma_buf] : found)
        for (const Holder& holder : dma_buf.holders) {
            Share& share = shares[holder.pid];
            ++share.dma_bufs;
            share.descriptors += holder.descriptors.size();
            share.bytes += dma_buf.bytes.value_or(0);
            share.mapped_bytes += holder.mapped_bytes;
        }
    return shares;
}

std::uint64_t bytes_of(const DmaBufs& found) {
    std::uint64_t bytes = 0;
    for (const auto& [inode, dma_buf] : found)
        bytes += dma_buf.bytes.value_or(0);
    return bytes;
}

template<class Number>
Cell number_cell(const std::optional<Number>& number) {
    return number ? Cell{std::to_string(*number)} : Cell{"?", Style::faint};
}
Cell text_cell(const std::string& text) {
    return text.empty() ? Cell{"-", Style::faint} : Cell{text};
}

std::string names_of(const std::vector<std::string>& devices) {
    return printable(fmt::format("{}", fmt::join(devices, ",")));
}

void print_dma_bufs(Output& out, const Findings& found) {
    Table table(
        {"DMA-BUF", "BYTES", "EXPORTER", "NAME", "REFS", "DEVICES", "PID", "COMMAND", "FDS", "MAPPED"});
    for (const auto& entry : found.dma_bufs) {
        const std::uint64_t inode = entry.first;
        const DmaBuf& dma_buf = entry.second;
        const auto row = [&](std::string pid, Cell command, std::string descriptors, std::string mapped) {
            table.row({{std::to_string(inode), Style::strong},
                       number_cell(dma_buf.bytes),
                       text_cell(printable(dma_buf.exporter)),
                       text_cell(printable(dma_buf.name)),
                       number_cell(dma_buf.references),
                       text_cell(names_of(dma_buf.devices)),
                       text_cell(pid),
                       std::move(command),
                       text_cell(descriptors),
                       text_cell(mapped)});
        };
        for (const Holder& holder : dma_buf.holders)
            row(std::to_string(holder.pid), {printable(found.processes.at(holder.pid).command)},
                fmt::format("{}", fmt::join(holder.descriptors, ",")), std::to_string(holder.mapped_bytes));
        if (dma_buf.holders.empty())
            row({}, {"no process seen", Style::warning}, {}, {});
    }
    out.table(table);
    out.line();
}

void print_processes(Output& out, const Findings& found) {
    Table table({"PID", "COMMAND", "DMA-BUFS", "BYTES", "FDS", "MAPPED"});
    for (const auto& [pid, share] : shares_of(found.dma_bufs))
        table.row({{std::to_string(pid), Style::strong},
                   {printable(found.processes.at(pid).command)},
                   {std::to_string(share.dma_bufs)},
                   {std::to_string(share.bytes)},
                   {std::to_string(share.descriptors)},
                   {std::to_string(share.mapped_bytes)}});
    out.table(table);
    out.line();
}

void print(Output& out, const Findings& found) {
    if (!found.dma_bufs.empty())
        print_dma_bufs(out, found);
    if (!found.processes.empty())
        print_processes(out, found);
    out.line(found.dma_bufs.empty() ? std::string("no dma-buf is held")
                                    : fmt::format("{} of {}", counted(found.dma_bufs.size(), "dma-buf"),
                                                  counted(bytes_of(found.dma_bufs), "byte")));
    if (found.closed_processes)
        out.line(fmt::format(
            "{} may not be looked into{}",
            found.closed_processes == 1 ? "1 process" : fmt::format("{} processes", found.closed_processes),
            ::geteuid() ? ", other users': `sudo hwalloc ps` sees all" : ", not even by root here"));
    if (found.hides_processes)
        out.line("/proc hides other users' processes here (hidepid): `sudo hwalloc ps` sees all");
    if (found.no_list)
        out.line("what drivers alone hold is not told: " + found.no_list->message());
}

template<class Number>
Json number_or_null(const std::optional<Number>& number) {
    return number ? Json(*number) : Json();
}

Json document_of(const Findings& found) {
    Json dma_bufs = Json::array();
    for (const auto& [inode, dma_buf] : found.dma_bufs) {
        Json holders = Json::array();
        for (const Holder& holder : dma_buf.holders)
            holders.push_back({{"pid", holder.pid},
                               {"command", text_or_null(printable(found.processes.at(holder.pid).command))},
                               {"descriptors", holder.descriptors},
                               {"mappings", holder.mappings},
                               {"mapped_bytes", holder.mapped_bytes}});
        Json devices = Json::array();
        for (const std::string& device : dma_buf.devices)
            devices.push_back(printable(device));
        dma_bufs.push_back({{"inode", inode},
                            {"bytes", number_or_null(dma_buf.bytes)},
                            {"exporter", text_or_null(printable(dma_buf.exporter))},
                            {"name", text_or_null(printable(dma_buf.name))},
                            {"references", number_or_null(dma_buf.references)},
                            {"devices", std::move(devices)},
                            {"holders", std::move(holders)}});
    }
    Json processes = Json::array();
    for (const auto& [pid, share] : shares_of(found.dma_bufs)) {
        const Process& process = found.processes.at(pid);
        processes.push_back({{"pid", pid},
                             {"command", text_or_null(printable(process.command))},
                             {"user", number_or_null(process.user)},
                             {"dma_bufs", share.dma_bufs},
                             {"bytes", share.bytes},
                             {"descriptors", share.descriptors},
                             {"mapped_bytes", share.mapped_bytes}});
    }
    return {{"dma_bufs", std::move(dma_bufs)},
            {"processes", std::move(processes)},
            {"bytes", bytes_of(found.dma_bufs)},
            {"closed_processes", found.closed_processes},
            {"hides_processes", found.hides_processes},
            {"no_kernel_list", found.no_list ? to_json(*found.no_list) : Json()}};
}

} // namespace

Run ps(CLI::App& command) {
    auto pids = std::make_shared<std::vector<pid_t>>();
    command.add_option("PID", *pids, "show what these processes hold; without any, all of the machine")
        ->check(CLI::PositiveNumber);
    return [pids](Output& out) -> int {
        std::optional<Progress> progress("looking into processes");
        const auto found = find_holders(*pids);
        progress.reset();
        if (!found)
            return out.fail(found.error());
        if (out.json())
            out.print(document_of(*found));
        else
            print(out, *found);
        return ok;
    };
}

} // namespace hwalloc::tools
