// Errors as values: what kind of refusal, which code the system gave, and, where a device was involved, the
// whole story in words a user can act on.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "hwalloc/export.h"

namespace hwalloc {

// What a caller can decide by. The text of an Error is for people; the kind is for programs.
enum class ErrorKind : std::uint8_t {
    invalid = 1,  // the arguments are wrong; the same call will never work
    unavailable,  // no such allocator, node or device now; may come (module load, hot-plug)
    permission,   // it is there, and the process may not use it
    unsupported,  // this memory, allocator, driver or kernel cannot do that at all
    incompatible, // the memory does not fit what the device demands (size, contiguity, stride, modifier)
    exhausted,    // out of memory, of contiguous memory, of file descriptors; another allocator may have some
    busy,         // somebody else is using it; may work later
    conflict,     // the memory is mapped or shared in a way that forbids this now
    limit,        // a counter or a size is at its defined limit
    device_lost,  // the device behind the memory or the allocator is gone
};

// "invalid", "device lost", ...
HWALLOC_API std::string_view to_string(ErrorKind kind) noexcept;

// Where the number in an Error comes from.
enum class ErrorDomain : std::uint8_t { none, system /* errno */, vulkan /* VkResult */ };

// The one error category of the library; std::error_code values of two libraries that use hwalloc compare
// equal.
HWALLOC_API const std::error_category& error_category() noexcept;

// An error, in 16 bytes at most. Copying shares the detail; no operation throws. A plain refusal (conflict,
// limit, not found) carries a static text and never allocates; where a device was involved a detail is
// attached, and when memory for the detail is short it is lost, never thrown. Thread-safety: as an int:
// distinct objects may be used by distinct threads, including copies of one error.
class HWALLOC_API Error {
public:
    // A plain refusal. `text` must live for ever (a string literal).
    constexpr Error(ErrorKind kind, const char* text) noexcept : text_(text), facts_(pack(kind)) {}
    // A refusal by the system: `errno_value` > 0. The text says what the library was doing.
    Error(ErrorKind kind, int errno_value, const char* text) noexcept
        : text_(text), facts_(pack(kind, ErrorDomain::system, errno_value)) {}

    // Derives the kind from errno as a call without more context would (ENOENT: unavailable, EACCES:
    // permission, ENOMEM: exhausted, ...). Where the context knows better (EINVAL of an import is
    // "incompatible"), name the kind.
    static Error from_errno(int errno_value, const char* text) noexcept;
    static ErrorKind kind_of_errno(int errno_value) noexcept;
    static Error from_vulkan(ErrorKind kind, int vk_result, const char* text) noexcept;

    Error(const Error& other) noexcept;
    Error(Error&& other) noexcept
        : text_(std::exchange(other.text_, nullptr))
        , facts_(std::exchange(other.facts_, other.facts_ & ~detail_bit)) {}
    Error& operator=(const Error& other) noexcept;
    Error& operator=(Error&& other) noexcept {
        std::swap(text_, other.text_);
        std::swap(facts_, other.facts_);
        return *this;
    }
    ~Error() {
        if (has_detail()) [[unlikely]]
            release_detail(detail_);
    }

    ErrorKind kind() const noexcept { return static_cast<ErrorKind>(facts_ >> 32 & 0xff); }
    ErrorDomain domain() const noexcept { return static_cast<ErrorDomain>(facts_ >> 40 & 0xff); }
    // errno or VkResult as domain() says; 0 when no system call was involved.
    int code() const noexcept { return static_cast<std::int32_t>(static_cast<std::uint32_t>(facts_)); }
    // The kind as a std::error_code of error_category().
    std::error_code error_code() const noexcept { return {static_cast<int>(kind()), error_category()}; }

    // Builders: each attaches one fact and returns the error, so that a chain reads like a sentence:
    //   return Error::from_errno(e, "allocating").doing("allocating 614400 bytes").on("/dev/dma_heap/system")
    //       .call("DMA_HEAP_IOCTL_ALLOC").remedy("add yourself to group video");
    Error&& doing(std::string_view what) && noexcept HWALLOC_LIFETIMEBOUND;  // replaces the static text
    Error&& on(std::string_view device) && noexcept HWALLOC_LIFETIMEBOUND;   // node, heap, driver or card
    Error&& call(std::string_view name) && noexcept HWALLOC_LIFETIMEBOUND;   // ioctl or function that refused
    Error&& wanted(std::uint64_t bytes) && noexcept HWALLOC_LIFETIMEBOUND;   // size asked for
    Error&& held(std::uint64_t bytes) && noexcept HWALLOC_LIFETIMEBOUND;     // size there was
    Error&& remedy(std::string_view what) && noexcept HWALLOC_LIFETIMEBOUND; // what the user can do
    Error&& mend(std::string_view line) && noexcept HWALLOC_LIFETIMEBOUND;   // a shell's line that does it
    // One more try, and why it failed; nothing is added where that says what is said already.
    Error&& because(Error cause) && noexcept HWALLOC_LIFETIMEBOUND;

    // The facts, empty or 0 where unknown. Views are valid as long as this error lives.
    std::string_view operation() const noexcept HWALLOC_LIFETIMEBOUND;
    std::string_view device() const noexcept HWALLOC_LIFETIMEBOUND;
    std::string_view call() const noexcept HWALLOC_LIFETIMEBOUND;
    std::string_view remedy() const noexcept HWALLOC_LIFETIMEBOUND;
    // Where one line does it: "sudo usermod -aG video alice", ready to be pasted into a shell. What it says
    // is in remedy() too, so it is no part of message().
    std::string_view mend() const noexcept HWALLOC_LIFETIMEBOUND;
    std::uint64_t size_wanted() const noexcept;
    std::uint64_t size_held() const noexcept;
    const std::vector<Error>& causes() const noexcept HWALLOC_LIFETIMEBOUND;

    // The whole story in one line (and one indented line for each cause):
    //   allocating 614400 bytes on /dev/dma_heap/system: DMA_HEAP_IOCTL_ALLOC: Permission denied (EACCES);
    //   ...
    // May throw std::bad_alloc like any function that returns a string.
    std::string message() const;

private:
    struct HWALLOC_LOCAL Detail;
    friend class ErrorStatus;
    friend struct RawResult;
    constexpr Error() noexcept = default; // "no error": only inside a Result

    static constexpr std::uint64_t detail_bit = std::uint64_t{1} << 48;
    static constexpr std::uint64_t pack(ErrorKind kind, ErrorDomain domain = ErrorDomain::none,
                                        int code = 0) noexcept {
        return std::uint64_t{static_cast<std::uint8_t>(domain)} << 40 |
               std::uint64_t{static_cast<std::uint8_t>(kind)} << 32 | static_cast<std::uint32_t>(code);
    }
    bool has_detail() const noexcept { return (facts_ & detail_bit) != 0; }
    Detail* detail() noexcept; // makes it, or null when memory is short
    const Detail* detail_if_any() const noexcept;
    // Takes the pointer, not `this`: an Error whose address never leaves its function can live in registers.
    static void release_detail(Detail* detail) noexcept;

    union {
        const char* text_ = nullptr;
        Detail* detail_;
    };
    // From the lowest bit: code, kind, domain, whether there is a detail; all zero when there is no error.
    // One word, so that "no error" is one comparison and rules out a detail in the same breath.
    std::uint64_t facts_ = 0;
};
static_assert(sizeof(Error) <= 16); // 12 where the alignment of 64 bits is 4

// "EACCES" for 13; empty for a number without a name. Never allocates.
HWALLOC_API std::string_view errno_name(int errno_value) noexcept;
// "VK_ERROR_OUT_OF_DEVICE_MEMORY" for -2; empty for a VkResult without a name known here. Never allocates.
HWALLOC_API std::string_view vk_result_name(int vk_result) noexcept;

// What the library's hot functions return: an Error, or none and a pointer, as two machine words. A Result
// has a destructor and travels through memory; this travels in registers, and an inline function makes the
// Result of it. It owns the error's detail: exactly one Result must take it.
struct [[nodiscard]] RawResult {
    constexpr RawResult() noexcept = default; // no error, and no value
    constexpr explicit RawResult(void* success) noexcept : value(success) {}
    RawResult(Error error) noexcept;

    union {
        void* value = nullptr;
        const char* text; // or the detail
    };
    std::uint64_t facts = 0; // Error's; 0: no error
};

// Implementation of Result: an Error that may be "none".
class ErrorStatus {
public:
    constexpr ErrorStatus() noexcept = default;
    ErrorStatus(Error error) noexcept : error_(std::move(error)) {
        // Every Error made outside this class has a kind; saying so spares the optimiser the impossible
        // branch.
        if (ok())
            __builtin_unreachable();
    }
    explicit ErrorStatus(RawResult raw) noexcept {
        error_.text_ = raw.text;
        error_.facts_ = raw.facts;
    }
    bool ok() const noexcept { return error_.facts_ == 0; }
    Error& error() noexcept HWALLOC_LIFETIMEBOUND { return error_; }
    const Error& error() const noexcept HWALLOC_LIFETIMEBOUND { return error_; }

private:
    Error error_{};
};

inline RawResult::RawResult(Error error) noexcept
    : text(error.text_), facts(std::exchange(error.facts_, 0)) {}

} // namespace hwalloc
