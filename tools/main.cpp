// `hwalloc`: what an application would see of the library, for people at a terminal and for scripts.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <iterator>
#include <new>
#include <string>
#include <string_view>
#include <vector>

#include "hwalloc/inventory.h"
#include "tools/commands.h"

namespace {

using namespace hwalloc::tools;

struct Row {
    const char* name;
    const char* summary;
    Run (*define)(CLI::App& command);
};
constexpr Row commands[] = {
    {"list", "show every allocator, what it can do, or why it cannot be used", list},
    {"check", "try the whole contract on an allocator of this machine", check},
    {"doctor", "look at everything that can be in the way, and tell the line that mends it", doctor},
    {"plan", "find the memory that a camera, a GPU, a display and the CPU all take, and tell why not", plan},
    {"ps", "show every dma-buf of this machine, and which processes and devices hold it", ps},
    {"run", "run a program that opens a heap by name on memory of an allocator that you name", run},
    {"capture", "take frames from a camera into memory of an allocator, without a copy", capture},
};

// Errors of the command line itself are an object too, so this is known before it is parsed.
bool asks_for_json(int argc, char** argv) {
    for (int i = 1; i < argc; ++i) {
        const std::string_view word = argv[i];
        if (word == "--")
            return false;
        if (word == "--json")
            return true;
    }
    return false;
}

// The first word that is not an option: a command, or a mistyped one. Empty: there is none. The options
// in front of a command take no values.
std::string_view first_word(int argc, char** argv) {
    for (int i = 1; i < argc; ++i)
        if (const std::string_view word = argv[i]; !word.starts_with('-'))
            return word;
    return {};
}

const Row* find_command(std::string_view name) {
    const auto* found = std::find_if(std::begin(commands), std::end(commands),
                                     [&](const Row& row) { return row.name == name; });
    return found == std::end(commands) ? nullptr : found;
}

// An option whose value is empty, which a script's unset variable makes; null: there is none. The words for
// a program are its own.
const CLI::Option* empty_option(const CLI::App& command) {
    for (const CLI::Option* option : command.get_options())
        for (const std::string& value : option->results())
            if (value.empty() && option->get_name() != "PROGRAM")
                return option;
    return nullptr;
}

std::string no_such_command(std::string_view word) {
    std::string text = fmt::format("there is no command \"{}\"; there are", word);
    for (const Row& row : commands)
        text += fmt::format("{} {}", &row == commands ? "" : ",", row.name);
    return text;
}

int run(int argc, char** argv, Output& out) {
    CLI::App app{
        "Memory that cameras, GPUs, displays and the CPU can share: what there is, and whether it works.",
        "hwalloc"};
    app.footer(
        "`hwalloc COMMAND --help` tells a command's options. Exit codes: 0 done, 1 failed, 2 wrong usage.");
    app.set_version_flag("--version", std::string(hwalloc::version()), "print the version");
    app.require_subcommand(0, 1);
    bool json = false;
    const char* const about_json = "print one JSON document, for errors too";
    app.add_flag("--json", json, about_json);
    Run chosen;
    const std::string_view word = first_word(argc, argv);
    const Row* const named = find_command(word);
    if (named)
        out.set_command(named->name);
    for (const Row& row : commands) {
        CLI::App* command = app.add_subcommand(row.name, row.summary);
        command->add_flag("--json", json, about_json);
        command->final_callback([&chosen, action = row.define(*command)] { chosen = action; });
    }
    try {
        app.parse(argc, argv);
    } catch (const CLI::CallForVersion&) {
        if (out.json())
            out.print(Json::object());
        else
            out.line(fmt::format("hwalloc {}", hwalloc::version()));
        return ok;
    } catch (const CLI::Success& help) {
        return app.exit(help); // prints it
    } catch (const CLI::ParseError& error) {
        return out.fail_usage(word.empty() || named ? error.what() : no_such_command(word));
    }
    for (const CLI::App* command : app.get_subcommands())
        if (const CLI::Option* empty = empty_option(*command))
            return out.fail_usage(fmt::format("{} is given nothing: its value is empty", empty->get_name()));
    return chosen ? chosen(out) : out.fail_usage("no command was given");
}

// A standard stream that is closed gets a descriptor that refuses what the stream is for, so that what is
// opened later takes no stream's number, and nothing that is printed goes into a file or a device.
void fill_closed_streams() {
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd)
        if (::fcntl(fd, F_GETFD) < 0 && errno == EBADF)
            (void)::open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

} // namespace

int main(int argc, char** argv) {
    fill_closed_streams();
    ::signal(SIGXFSZ, SIG_IGN); // a file that has reached `ulimit -f` is a failed write (EFBIG), not a death
    Output out(asks_for_json(argc, argv));
    int code = failure;
    try {
        code = run(argc, argv, out);
    } catch (const std::bad_alloc&) {
        code = out.fail({hwalloc::ErrorKind::exhausted, "out of memory"});
    }
    if (!out.flush()) {
        out.note("writing to standard output failed");
        return code == ok ? failure : code;
    }
    return code;
}
