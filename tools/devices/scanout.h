// What a screen shows pictures out of: memory that a GPU draws into and the card scans out. Which memory can
// be both is found by trying.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "hwalloc/drm.h"
#include "hwalloc/vulkan.h"
#include "tools/display/screen.h"

namespace hwalloc::tools {

class Scanout {
public:
    enum class Kind {
        vulkan,   // the GPU's memory, imported by the card
        drm_dumb, // the card's own memory, imported by the GPU
        copy,     // the GPU's memory; the CPU copies each picture into the card's own
    };

    // Which of them to try, in this order. Errors: invalid (no such name). `name`: "auto", or as name().
    static Result<std::vector<Kind>> kinds(const std::string& name, bool allow_copy);

    // `count` buffers of the screen's size, black, for pictures of `width` x `height` in their middle: of the
    // first kind that works: that the card takes, and whose first buffer its plane would show, where the
    // driver can be asked (not with legacy mode setting). Errors: incompatible, with a cause for each kind
    // that was tried.
    static Result<Scanout> make(const Screen& screen, const vulkan::Device& gpu, std::uint32_t width,
                                std::uint32_t height, unsigned count, std::span<const Kind> kinds);

    Kind kind() const { return kind_; }
    // "vulkan", "drm-dumb" or "copy"
    const char* name() const;
    unsigned count() const { return static_cast<unsigned>(buffers_.size()); }
    std::uint32_t framebuffer(unsigned index) const { return buffers_[index].framebuffer.id(); }

    // Where the GPU draws. One for each buffer, or, for copies, one for all.
    const std::vector<vulkan::Buffer>& pictures() const { return pictures_; }
    std::uint32_t pitch() const { return draw_pitch_; }   // bytes from row to row
    std::uint64_t offset() const { return draw_offset_; } // of the first pixel, in bytes
    // Which of pictures() is drawn into for a buffer.
    unsigned picture_of(unsigned index) const { return kind_ == Kind::copy ? 0 : index; }
    // After drawing, before showing. Copies where it has to. Errors: those of Memory::map.
    Result<void> drawn(unsigned index);

    // Rows of R, G, B bytes without gaps: the picture in this buffer, out of what the screen shows. Errors:
    // those of Memory::map.
    Result<void> read(unsigned index, std::vector<std::uint8_t>& rgb) const;

    // What was tried first, and why it did not do.
    const std::vector<Error>& passed_over() const { return passed_over_; }

private:
    struct Buffer {
        MemoryRef memory;
        drm::Framebuffer framebuffer;
    };

    Scanout(drm::Device card, std::uint32_t width, std::uint32_t height)
        : card_(std::move(card)), width_(width), height_(height) {}
    Result<void> fill(const Screen& screen, const vulkan::Device& gpu, Kind kind, unsigned count);
    Result<Image> allocate(const Screen& screen, vulkan::Device& gpu, Kind kind);
    Result<void> draw_apart(vulkan::Device& gpu);
    std::size_t row_bytes() const { return std::size_t{4} * width_; }

    drm::Device card_;
    std::uint32_t width_, height_;
    Kind kind_ = Kind::vulkan;
    std::uint32_t pitch_ = 0;
    std::uint64_t offset_ = 0; // of the picture in each buffer
    std::vector<Buffer> buffers_;
    MemoryRef apart_; // for copies: where the GPU draws
    std::vector<vulkan::Buffer> pictures_;
    std::uint32_t draw_pitch_ = 0;
    std::uint64_t draw_offset_ = 0;
    std::vector<Error> passed_over_;
};

} // namespace hwalloc::tools
