#include "tools/check/steps.h"

#include <algorithm>

namespace hwalloc::tools::checks {

// The steps "find" and "available" come first and are check.cpp's: they make the Subject.
std::span<const Step> steps() {
    static constexpr Step table[] = {
        {"alloc", alloc, "sizes from 1 byte up", alloc_sizes, true},
        {"import-dmabuf", import_dmabuf, "a foreign dma-buf is the same bytes; nonsense is refused",
         import_a_dmabuf, true},
        {"map", memory | map, "written bytes are read back", map_bytes, true},
        {"claims", nothing, "what is not claimed is refused, what is claimed has its interface", claims_hold},
        {"alloc-zero-size", alloc, "0 bytes are memory, or an honest refusal", alloc_zero_size},
        {"alignment", alloc, "the region starts where the mask asks", alloc_alignment},
        {"window", alloc, "prefix, padding, offset and maxsize are the contract's", alloc_window},
        {"zeroing", alloc | map, "ZERO_PREFIXED and ZERO_PADDED bytes are zero in used memory",
         alloc_zeroing},
        {"fresh-zero", alloc | map, "memory that can leave the process never shows old bytes",
         alloc_fresh_zero},
        {"flags", alloc, "READONLY, NO_SHARE and NOT_MAPPABLE are kept and enforced", alloc_flags},
        {"bad-parameters", alloc, "wrong parameters are errors and change nothing", alloc_bad_parameters},
        {"free", memory, "another allocator's memory is refused", free_memory},
        {"handles", memory, "reference counts", handles},
        {"map-nesting", memory | map, "which maps go together", map_nesting},
        {"unmap-order", memory | map, "maps end in any order", map_unmap_order},
        {"map-keeps-alive", memory | map, "a map outlives the last handle", map_keeps_alive},
        {"map-refusals", memory | map, "wrong maps and unmaps are errors", map_refusals},
        {"locks", memory, "READ, WRITE and EXCLUSIVE as the table says", locks},
        {"share", memory, "a share shows its part of the root and keeps it alive", share_window},
        {"share-bounds", memory, "shares outside the window are refused", share_bounds},
        {"share-readonly", memory, "a share is READONLY and cannot be mapped for writing", share_readonly},
        {"share-exclusion", memory, "sharing and writing exclude each other", share_exclusion},
        {"resize", memory, "the window moves inside the region", resize_window},
        {"copy", memory | map, "copies have the bytes, and no flags", copy_memory},
        {"is-span", memory, "neighbouring shares are known as such", is_span},
        {"wrap", nothing, "the caller's bytes as memory", wrap_memory},
        {"export-dmabuf", memory | export_dmabuf, "the descriptor is a dma-buf of the same bytes",
         export_a_dmabuf},
        {"export-memfd", memory | export_memfd, "the descriptor is a sealed memfd of the same bytes",
         export_a_memfd},
        {"image", image, "a picture's layout lies in its memory, and its pixels can be written",
         allocate_images},
        {"threads", memory, "several threads at once", threads},
        {"no-leak", memory, "no descriptor, mapping or heap memory is left over", no_leak},
    };
    return table;
}

MemoryRef Subject::make(std::size_t size) const {
    if (claims.alloc)
        return make(size, {});
    if (!donor)
        throw Unsupported("no other allocator here makes a dma-buf to import");
    auto given = must("allocating from " + std::string(donor->name()), donor->alloc(size));
    auto fd = must("exporting from " + std::string(donor->name()), export_fd(*given, FdKind::dmabuf));
    auto* imports = allocator->extension<ImportsDmaBuf>();
    holds("the allocator claims to import dma-bufs and has the interface for it", imports);
    return must("importing a dma-buf of " + std::string(donor->name()),
                imports->import_dmabuf(fd.get(), 0, size, MemoryFlags::none));
}

MemoryRef Subject::make(std::size_t size, const AllocationParams& params) const {
    return must(fmt::format("alloc({}, flags {}, align {}, prefix {}, padding {})", size,
                            flags_text(params.flags), params.align, params.prefix, params.padding),
                allocator->alloc(size, params));
}

std::string flags_text(MemoryFlags flags) {
    return fmt::format("{:#x}", static_cast<std::uint32_t>(flags));
}

void refused_as(std::string_view what, const Error* error, std::initializer_list<ErrorKind> kinds) {
    if (error && (kinds.size() == 0 || std::find(kinds.begin(), kinds.end(), error->kind()) != kinds.end()))
        return;
    std::string expected;
    for (const ErrorKind kind : kinds)
        expected.append(expected.empty() ? "" : " or ").append(to_string(kind));
    throw Failed(fmt::format(
        "{}: expected {}, found {}", what, expected.empty() ? "a refusal" : "a refusal (" + expected + ")",
        error ? fmt::format("{}: {}", to_string(error->kind()), error->message()) : "success"));
}

std::uint8_t pattern(std::size_t at, unsigned seed) noexcept {
    const std::uint32_t mixed = (static_cast<std::uint32_t>(at) + seed * 40503u) * 2654435761u;
    return static_cast<std::uint8_t>(mixed >> 24);
}

void fill(std::span<std::uint8_t> bytes, unsigned seed) noexcept {
    for (std::size_t i = 0; i < bytes.size(); ++i)
        bytes[i] = pattern(i, seed);
}

void expect_pattern(std::string_view what, std::span<const std::uint8_t> bytes, unsigned seed,
                    std::size_t first) {
    for (std::size_t i = 0; i < bytes.size(); ++i)
        if (bytes[i] != pattern(first + i, seed))
            throw Failed(fmt::format("{}: byte {} of {}: expected {:#04x}, found {:#04x}", what, i,
                                     bytes.size(), pattern(first + i, seed), bytes[i]));
}

void expect_all(std::string_view what, std::span<const std::uint8_t> bytes, std::uint8_t value) {
    for (std::size_t i = 0; i < bytes.size(); ++i)
        if (bytes[i] != value)
            throw Failed(fmt::format("{}: byte {} of {}: expected {:#04x}, found {:#04x}", what, i,
                                     bytes.size(), value, bytes[i]));
}

void write_pattern(Memory& memory, unsigned seed) {
    auto mapping = must("WRITE map", memory.map(MapFlags::write));
    fill(mapping.bytes(), seed);
    must("unmap", mapping.unmap());
}

void read_pattern(std::string_view what, Memory& memory, unsigned seed, std::size_t first) {
    auto mapping = must("READ map", memory.map(MapFlags::read));
    expect_pattern(what, mapping.bytes(), seed, first);
    must("unmap", mapping.unmap());
}

} // namespace hwalloc::tools::checks
