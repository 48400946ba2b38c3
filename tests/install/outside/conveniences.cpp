// A program that prints what the library has, and draws the test pattern, as an outsider writes it: exit code
// 0 when all is as it should be.
#ifdef WITH_FMT
#include <fmt/format.h>
#endif
#include <hwalloc/all.h>

#include <cstdio>
#include <sstream>
#include <string>

using namespace hwalloc;

static int failures = 0;

static void expect(const std::string& found, const std::string& wanted) {
    if (found == wanted)
        return;
    ++failures;
    std::fprintf(stderr, "found \"%s\", wanted \"%s\"\n", found.c_str(), wanted.c_str());
}

// By every way there is.
template<class T>
static void prints(const T& value, const std::string& wanted) {
    std::ostringstream out;
    out << value;
    expect(out.str(), wanted);
#ifdef __cpp_lib_format
    expect(std::format("{}", value), wanted);
    expect(std::format("{:>60}", value), std::string(60 - wanted.size(), ' ') + wanted);
#endif
#ifdef WITH_FMT
    expect(fmt::format("{}", value), wanted);
    expect(fmt::format("{:>60}", value), std::string(60 - wanted.size(), ' ') + wanted);
#endif
}

static void print_everything() {
    prints(Error(ErrorKind::busy, "waiting").on("here"), "waiting on here");
    prints(ErrorKind::device_lost, "device lost");
    prints(ErrorDomain::vulkan, "Vulkan");
    prints(Answer::unknown, "unknown");
    prints(SyncQuality::importer_aware, "importer-aware");
    prints(FdKind::memfd, "memory file");
    prints(Verdict::untested, "untested");
    prints(PlanPolicy::allow_copy, "allow-copy");
    prints(ColorMatrix::bt709, "BT.709");
    prints(ColorRange::full, "full");
    prints(MemoryFlags::none, "none");
    prints(MemoryFlags::readonly | MemoryFlags::not_mappable, "readonly|not_mappable");
    prints(MemoryFlags::no_share | static_cast<MemoryFlags>(3u << 20), "no_share|0x300000");
    prints(MapFlags::readwrite, "read|write");
    prints(LockFlags::readwrite | LockFlags::exclusive, "read|write|exclusive");
}

static void draw() {
    auto layout = linear_layout(fourcc('X', 'R', '2', '4'), 16, 2).value();
    layout.range = ColorRange::full;
    auto pattern = TestPattern::make(layout).value();
    auto memory =
        Allocator::resolve("memfd").value()->alloc(static_cast<std::size_t>(layout.memory_sizes[0]));
    if (!pattern.draw(**memory, 1))
        expect("refused", "drawn");
    const auto mapping = (*memory)->map(MapFlags::read).value();
    for (std::uint32_t x = 0; x < 16; ++x)
        for (std::size_t channel = 0; channel < 3; ++channel)
            expect(std::to_string(mapping.data()[4 * x + 2 - channel]),
                   std::to_string(pattern.color_at(x, 1)[channel]));
}

int main() {
    print_everything();
    draw();
    return failures ? 1 : 0;
}
