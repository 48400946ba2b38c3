#include "tools/run/program.h"

#include <elf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <link.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <vector>

#include "hwalloc/unique_fd.h"

namespace hwalloc::tools::running {
namespace {

using Header = ElfW(Ehdr);
using Segment = ElfW(Phdr);

Error refuse(const std::string& path, std::string_view why, std::string_view remedy) {
    return Error(ErrorKind::unsupported, "looking at the program").doing(why).on(path).remedy(remedy);
}

constexpr int most_scripts = 4; // that are each other's interpreter, as many as the kernel follows

Result<std::string> find(const std::string& name, int scripts);
Result<void> check_file(const std::string& path, int scripts);

// "#!/usr/bin/env python3" is python3's, as env finds it.
Result<void> check_interpreter(const std::string& path, std::string_view line, int scripts) {
    line.remove_prefix(std::min(line.find_first_not_of(" \t", 2), line.size()));
    line = line.substr(0, line.find('\n'));
    const auto end = std::min(line.find_first_of(" \t"), line.size());
    const std::string interpreter(line.substr(0, end));
    if (interpreter.empty() || scripts == 0)
        return refuse(path, "it is a script whose interpreter is not to be found",
                      "run its interpreter: hwalloc run … -- INTERPRETER SCRIPT");
    if (interpreter.ends_with("/env")) {
        std::string_view rest = line.substr(end);
        bool is_value = false; // of the option before
        for (std::size_t begin; (begin = rest.find_first_not_of(" \t")) != rest.npos;) {
            rest.remove_prefix(begin);
            const std::string word(rest.substr(0, rest.find_first_of(" \t")));
            rest.remove_prefix(word.size());
            const bool is_none = is_value || word.starts_with('-') || word.find('=') != word.npos;
            is_value = !is_value && (word == "-u" || word == "-C");
            if (is_none)
                continue;
            auto found = find(word, scripts - 1);
            return found ? Result<void>() : std::move(found).error();
        }
    }
    return check_file(interpreter, scripts - 1);
}

// The linker preloads nothing where a program gets rights from its file (ld.so(8), "Secure-execution mode").
Result<void> check_rights(const std::string& path, int fd) {
    struct stat status {};
    if (::fstat(fd, &status) < 0)
        return Error::from_errno(errno, "looking at the program").on(path);
    const char* const remedy = "run it without hwalloc, or a copy of it that has no such rights";
    if ((status.st_mode & S_ISUID) && status.st_uid != ::geteuid())
        return refuse(path, "it is setuid: it runs as another user, and nothing can be preloaded into it",
                      remedy);
    if ((status.st_mode & S_ISGID) && (status.st_mode & S_IXGRP) && status.st_gid != ::getegid())
        return refuse(path, "it is setgid: it runs as another group, and nothing can be preloaded into it",
                      remedy);
    if (::geteuid() != 0 && ::fgetxattr(fd, "security.capability", nullptr, 0) > 0)
        return refuse(path, "it has capabilities of its own (setcap), and nothing can be preloaded into it",
                      remedy);
    return {};
}

Result<void> check_elf(const std::string& path, int fd, const Header& header) {
    constexpr unsigned char own_class = sizeof(void*) == 8 ? ELFCLASS64 : ELFCLASS32;
    Header own{};
    const UniqueFd self(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
    const bool own_known =
        self && ::pread(self.get(), &own, sizeof own, 0) == static_cast<ssize_t>(sizeof own);
    if (header.e_ident[EI_CLASS] != own_class)
        return refuse(path,
                      fmt::format("it is a program of {} bits, hwalloc one of {}",
                                  own_class == ELFCLASS64 ? 32 : 64, own_class == ELFCLASS64 ? 64 : 32),
                      "use the hwalloc of the program's architecture");
    if (own_known && header.e_machine != own.e_machine)
        return refuse(path, "it is a program for another processor",
                      "use the hwalloc of the program's architecture");
    std::vector<Segment> segments(header.e_phnum);
    const auto bytes = segments.size() * sizeof(Segment);
    if (header.e_phentsize != sizeof(Segment) ||
        ::pread(fd, segments.data(), bytes, static_cast<off_t>(header.e_phoff)) !=
            static_cast<ssize_t>(bytes))
        return refuse(path, "its ELF header is damaged", "install it anew");
    const bool linked = std::any_of(segments.begin(), segments.end(),
                                    [](const Segment& segment) { return segment.p_type == PT_INTERP; });
    if (!linked)
        return refuse(path, "it is linked statically: its calls go to the kernel past every library",
                      "build it against the shared libc, or have it open another node");
    return {};
}

Result<void> check_file(const std::string& path, int scripts) {
    const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd)
        return Error::from_errno(errno, "looking at the program")
            .on(path)
            .remedy("it has to be readable, to see whether a library can be preloaded into it");
    union {
        Header header;
        char text[512];
    } begin{};
    const ssize_t got = ::pread(fd.get(), &begin, sizeof begin, 0);
    if (got >= static_cast<ssize_t>(sizeof(Header)) &&
        std::memcmp(begin.header.e_ident, ELFMAG, SELFMAG) == 0) {
        auto rights = check_rights(path, fd.get()); // of a script the kernel ignores them
        return rights ? check_elf(path, fd.get(), begin.header) : rights;
    }
    if (got > 2 && begin.text[0] == '#' && begin.text[1] == '!')
        return check_interpreter(path, std::string_view(begin.text, static_cast<std::size_t>(got)), scripts);
    return refuse(path, "it is neither an ELF program nor a script", "name a program");
}

Result<std::string> find(const std::string& name, int scripts) {
    std::vector<std::string> places;
    if (name.find('/') != name.npos)
        places.push_back(name);
    else if (const char* const path = std::getenv("PATH"))
        for (std::string_view rest = path;; rest.remove_prefix(rest.find(':') + 1)) {
            const std::string_view directory = rest.substr(0, rest.find(':'));
            places.push_back(fmt::format("{}/{}", directory.empty() ? "." : directory, name));
            if (rest.find(':') == rest.npos)
                break;
        }
    bool closed = false;
    for (const std::string& place : places) {
        struct stat status {};
        if (::stat(place.c_str(), &status) < 0 || !S_ISREG(status.st_mode))
            continue;
        if (::access(place.c_str(), X_OK) < 0) {
            closed = true;
            continue;
        }
        if (auto fits = check_file(place, scripts); !fits)
            return std::move(fits).error();
        return place;
    }
    if (closed)
        return Error::from_errno(EACCES, "looking for the program")
            .on(name)
            .remedy("it may not be executed: chmod +x");
    return Error::from_errno(ENOENT, "looking for the program")
        .on(name)
        .remedy("name a program along PATH, or a path with a slash");
}

} // namespace

Result<std::string> find_program(const std::string& name) {
    return find(name, most_scripts);
}

} // namespace hwalloc::tools::running
