// `hwalloc run`: a program that opens a heap by its name, on memory of an allocator that it does not know.
#include <dlfcn.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>

#include "hwalloc/devices.h"
#include "hwalloc/inventory.h"
#include "hwalloc/unique_fd.h"
#include "tools/commands.h"
#include "tools/device_names.h"
#include "tools/module/place.h"
#include "tools/preload/table.h"
#include "tools/run/process.h"
#include "tools/run/program.h"

namespace hwalloc::tools {
namespace {

using preload::Answer;
using preload::Counts;
using preload::Table;

struct RunOptions {
    std::vector<std::string> heaps;
    std::string v4l2_export;
    bool log = false;
    std::vector<std::string> words;
};

constexpr const char* preloaded = "hwalloc-preload.so";

Result<std::string> preloaded_library() {
    std::string place = place_of_part(preloaded);
    if (place.empty())
        return Error(ErrorKind::unavailable, "the library that is preloaded into programs is not installed")
            .on(preloaded)
            .remedy("install it with the command");
    if (place.find_first_of(" :$") != place.npos)
        return Error(ErrorKind::unsupported,
                     "LD_PRELOAD takes no path with a blank, a colon or a dollar sign")
            .on(place)
            .remedy("install hwalloc in a directory without");
    return place;
}

// The table in memory, which the program's processes find below /proc.
class SharedTable {
public:
    static Result<SharedTable> make() {
        SharedTable made;
        made.fd_.reset(::memfd_create(preload::table_name, MFD_CLOEXEC));
        void* place = MAP_FAILED;
        if (made.fd_ && ::ftruncate(made.fd_.get(), sizeof(Table)) == 0)
            place = ::mmap(nullptr, sizeof(Table), PROT_READ | PROT_WRITE, MAP_SHARED, made.fd_.get(), 0);
        if (place == MAP_FAILED)
            return Error::from_errno(errno, "making the table of what to answer").call("memfd_create");
        made.table_ = static_cast<Table*>(place); // all zero
        made.table_->size = sizeof(Table);
        return made;
    }
    Table& operator*() const { return *table_; }
    Table* operator->() const { return table_; }
    std::string path() const { return fmt::format("/proc/{}/fd/{}", ::getpid(), fd_.get()); }

private:
    UniqueFd fd_;
    Table* table_ = nullptr; // for as long as the command runs
};

// Fills `text`; what is too long is wrong usage.
template<std::size_t size>
bool fill(char (&text)[size], std::string_view value) {
    if (value.empty() || value.size() >= size)
        return false;
    value.copy(text, value.size());
    return true;
}

// The registered name of memory that has a dma-buf.
Result<std::string> source_of_dma_bufs(const std::string& word) {
    auto name = find_device(DeviceKind::allocator, word);
    if (!name)
        return name;
    auto allocator = Allocator::resolve(*name);
    if (!allocator)
        return std::move(allocator).error();
    auto* const describes = (*allocator)->extension<Describes>();
    if (describes && (!describes->claims().export_dmabuf || !describes->claims().alloc))
        return Error(ErrorKind::unsupported, "this memory has no dma-buf, which is what a heap gives")
            .on(*name)
            .remedy("name memory that exports one: `hwalloc list` shows dmabuf below EXPORT");
    if (describes)
        if (auto works = describes->available(); !works)
            return std::move(works).error();
    return name;
}

// "NODE=NAME" into a row.
Result<void> add_heap(Table& table, const std::string& text) {
    const auto between = text.find('=');
    const std::string node = text.substr(0, between);
    if (between == text.npos || node.find('/') != node.npos)
        return Error(ErrorKind::invalid,
                     "--heap wants NODE=NAME, a heap below /dev/dma_heap and the memory in its place")
            .remedy("such as --heap system=udmabuf");
    for (std::uint32_t i = 0; i < table.heaps; ++i)
        if (node == table.heap[i].node)
            return Error(ErrorKind::invalid, "--heap names one heap twice").on(node);
    auto name = source_of_dma_bufs(text.substr(between + 1));
    if (!name)
        return std::move(name).error();
    if (table.heaps == preload::most_heaps || !fill(table.heap[table.heaps].node, node) ||
        !fill(table.heap[table.heaps].allocator, *name))
        return Error(ErrorKind::limit, "--heap is given too often, or a name is empty or too long").on(text);
    ++table.heaps;
    return {};
}

// What the program is given in place of its environment's: the library first, so that nothing is in front of
// it.
std::vector<std::string> environment_with(const std::string& library, const std::string& table) {
    std::vector<std::string> all;
    std::string preload = "LD_PRELOAD=" + library;
    for (char** one = ::environ; *one; ++one) {
        const std::string_view text = *one;
        if (text.starts_with("LD_PRELOAD=") && text.size() > 11)
            preload.append(":").append(text.substr(11));
        else if (!text.starts_with("LD_PRELOAD=") &&
                 !text.starts_with(fmt::format("{}=", preload::table_variable)))
            all.emplace_back(text);
    }
    all.push_back(std::move(preload));
    all.push_back(fmt::format("{}={}", preload::table_variable, table));
    return all;
}

Json counts_json(Json object, const Counts& counts) {
    object["buffers"] = counts.buffers.load();
    object["bytes"] = counts.bytes.load();
    object["refused"] = counts.refused.load();
    return object;
}

Json report_json(const Table& table, const std::string& program, const running::Ended& ended) {
    Json heaps = Json::array(), exported;
    for (std::uint32_t i = 0; i < table.heaps; ++i)
        heaps.push_back(counts_json({{"node", table.heap[i].node},
                                     {"allocator", table.heap[i].allocator},
                                     {"opens", table.heap_counts[i].opens.load()}},
                                    table.heap_counts[i]));
    if (table.v4l2_export.allocator[0])
        exported = counts_json({{"allocator", table.v4l2_export.allocator}}, table.export_counts);
    return {{"program", program},
            {"exit_code", ended.signal ? Json() : Json(ended.code)},
            {"signal", ended.signal ? Json(ended.signal) : Json()},
            {"heaps", std::move(heaps)},
            {"v4l2_export", std::move(exported)}};
}

void note_counts(Output& out, const Answer& answer, const Counts& counts, const std::string& what) {
    if (!counts.opens && !counts.buffers && !counts.refused)
        return out.note(fmt::format("{} was not asked for", what));
    std::string text = fmt::format("{} was answered by {}: ", what, answer.allocator);
    if (counts.opens)
        text += fmt::format("{}, ", counted(counts.opens, "open"));
    text += fmt::format("{} of {}", counted(counts.buffers, "buffer"), counted(counts.bytes, "byte"));
    if (counts.refused)
        text += fmt::format(", {} refused", counts.refused.load());
    out.note(text);
}

// The library that this command uses, for other processes to load.
Result<std::string> own_library() {
    Dl_info found{};
    char whole[PATH_MAX], self[PATH_MAX];
    ::dladdr(reinterpret_cast<void*>(&close_idle_devices), &found);
    const bool known =
        found.dli_fname && ::realpath(found.dli_fname, whole) && ::realpath("/proc/self/exe", self);
    if (!known || std::strcmp(whole, self) == 0)
        return Error(ErrorKind::unsupported,
                     "this command has the library within itself, and none to load elsewhere")
            .remedy("use one that was built with -DBUILD_SHARED_LIBS=ON");
    return std::string(whole);
}

int run_with(Output& out, const RunOptions& options) {
    if (options.words.empty())
        return out.fail_usage("no program was named: hwalloc run --heap NODE=NAME -- PROGRAM");
    if (options.heaps.empty() && options.v4l2_export.empty())
        return out.fail_usage(
            "nothing is to be answered: --heap NODE=NAME, --v4l2-export NAME or both are wanted");
    auto program = running::find_program(options.words.front());
    if (!program)
        return out.fail(program.error());
    auto library = preloaded_library();
    if (!library)
        return out.fail(library.error());
    auto table = SharedTable::make();
    if (!table)
        return out.fail(table.error());
    for (const std::string& heap : options.heaps)
        if (auto added = add_heap(**table, heap); !added)
            return added.error().kind() == ErrorKind::invalid ? out.fail_usage(added.error().message())
                                                              : out.fail(added.error());
    if (!options.v4l2_export.empty()) {
        auto name = source_of_dma_bufs(options.v4l2_export);
        if (!name)
            return out.fail(name.error());
        fill((*table)->v4l2_export.allocator, *name);
    }
    auto hwalloc = own_library();
    if (!hwalloc)
        return out.fail(hwalloc.error());
    (*table)->log = options.log ? 1 : 0;
    fill((*table)->library, *hwalloc);
    close_idle_devices();
    const auto ended =
        running::run_program(*program, options.words, environment_with(*library, table->path()), out.json());
    if (!ended)
        return out.fail(ended.error());
    if (out.json()) {
        out.print(report_json(**table, *program, *ended));
        return ended->code;
    }
    for (std::uint32_t i = 0; i < (*table)->heaps; ++i)
        note_counts(out, (*table)->heap[i], (*table)->heap_counts[i],
                    fmt::format("/dev/dma_heap/{}", (*table)->heap[i].node));
    if (!options.v4l2_export.empty())
        note_counts(out, (*table)->v4l2_export, (*table)->export_counts, "VIDIOC_EXPBUF");
    return ended->code;
}

} // namespace

Run run(CLI::App& command) {
    auto options = std::make_shared<RunOptions>();
    command
        .add_option("--heap", options->heaps,
                    "NODE=NAME: what the program allocates from /dev/dma_heap/NODE comes from that "
                    "allocator; may be given again")
        ->type_name("NODE=NAME")
        ->allow_extra_args(false) // else "--" would end its values, and not the options
        ->take_all();
    command
        .add_option("--v4l2-export", options->v4l2_export,
                    "what the program exports from video devices (VIDIOC_EXPBUF) is memory of this "
                    "allocator, for programs that "
                    "give it to another device")
        ->type_name("NAME");
    command.add_flag("--log", options->log, "tell each answer on standard error");
    command.add_option("PROGRAM", options->words, "what to run, with its arguments, behind --")
        ->type_name("");
    command.footer("Exit code: the program's; 128 and the signal that ended it.");
    return [options](Output& out) -> int { return run_with(out, *options); };
}

} // namespace hwalloc::tools
