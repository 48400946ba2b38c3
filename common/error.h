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

// A 16-byte error. Copying shares the detail; no operation throws. A plain refusal (conflict, limit, not
// found) carries a static text and never allocates; where a device was involved a detail is attached, and
// when memory for the detail is short it is lost, never thrown. Thread-safety: as an int: distinct objects
// may be used by distinct threads, including copies of one error.
class HWALLOC_API Error {
public:
    // A plain refusal. `text` must live for ever (a string literal).
    constexpr Error(ErrorKind kind, const char* text) noexcept : text_(text), kind_(kind) {}
    // A refusal by the system: `errno_value` > 0. The text says what the library was doing.
    Error(ErrorKind kind, int errno_value, const char* text) noexcept
        : text_(text), code_(errno_value), kind_(kind), domain_(ErrorDomain::system) {}

    // Derives the kind from errno as a call without more context would (ENOENT: unavailable, EACCES:
    // permission, ENOMEM: exhausted, ...). Where the context knows better (EINVAL of an import is
    // "incompatible"), name the kind.
    static Error from_errno(int errno_value, const char* text) noexcept;
    static ErrorKind kind_of_errno(int errno_value) noexcept;
    static Error from_vulkan(ErrorKind kind, int vk_result, const char* text) noexcept;

    Error(const Error& other) noexcept;
    Error(Error&& other) noexcept
        : text_(std::exchange(other.text_, nullptr))
        , code_(other.code_)
        , kind_(other.kind_)
        , domain_(other.domain_)
        , has_detail_(std::exchange(other.has_detail_, false)) {}
    Error& operator=(const Error& other) noexcept;
    Error& operator=(Error&& other) noexcept {
        std::swap(text_, other.text_);
        std::swap(code_, other.code_);
        std::swap(kind_, other.kind_);
        std::swap(domain_, other.domain_);
        std::swap(has_detail_, other.has_detail_);
        return *this;
    }
    ~Error() {
        if (has_detail_) [[unlikely]]
            drop_detail();
    }

    ErrorKind kind() const noexcept { return kind_; }
    ErrorDomain domain() const noexcept { return domain_; }
    // errno or VkResult as domain() says; 0 when no system call was involved.
    int code() const noexcept { return code_; }
    // The kind as a std::error_code of error_category().
    std::error_code error_code() const noexcept { return {static_cast<int>(kind_), error_category()}; }

    // Builders: each attaches one fact and returns the error, so that a chain reads like a sentence:
    //   return Error::from_errno(e, "allocating").doing("allocating 614400 bytes").on("/dev/dma_heap/system")
    //       .call("DMA_HEAP_IOCTL_ALLOC").remedy("add yourself to group video");
    Error&& doing(std::string_view what) && noexcept;  // replaces the static text
    Error&& on(std::string_view device) && noexcept;   // node, heap, driver or card
    Error&& call(std::string_view name) && noexcept;   // ioctl or function that refused
    Error&& wanted(std::uint64_t bytes) && noexcept;   // size asked for
    Error&& held(std::uint64_t bytes) && noexcept;     // size there was
    Error&& remedy(std::string_view what) && noexcept; // what the user can do
    Error&& because(Error cause) && noexcept;          // one more thing that was tried, and why it failed

    // The facts, empty or 0 where unknown. Views are valid as long as this error lives.
    std::string_view operation() const noexcept;
    std::string_view device() const noexcept;
    std::string_view call() const noexcept;
    std::string_view remedy() const noexcept;
    std::uint64_t size_wanted() const noexcept;
    std::uint64_t size_held() const noexcept;
    const std::vector<Error>& causes() const noexcept;

    // The whole story in one line (and one indented line for each cause):
    //   allocating 614400 bytes on /dev/dma_heap/system: DMA_HEAP_IOCTL_ALLOC: Permission denied (EACCES);
    //   ...
    // May throw std::bad_alloc like any function that returns a string.
    std::string message() const;

private:
    struct Detail;
    friend class ErrorStatus;
    constexpr Error() noexcept = default; // "no error": only inside a Result

    Detail* detail() noexcept; // makes it, or null when memory is short
    const Detail* detail_if_any() const noexcept;
    void drop_detail() noexcept;

    union {
        const char* text_ = nullptr;
        Detail* detail_;
    };
    std::int32_t code_ = 0;
    ErrorKind kind_{};
    ErrorDomain domain_ = ErrorDomain::none;
    bool has_detail_ = false;
};
static_assert(sizeof(Error) == 16);

// "EACCES" for 13; empty for a number without a name. Never allocates.
HWALLOC_API std::string_view errno_name(int errno_value) noexcept;

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
    bool ok() const noexcept { return error_.kind_ == ErrorKind{}; }
    Error& error() noexcept { return error_; }
    const Error& error() const noexcept { return error_; }

private:
    Error error_{};
};

} // namespace hwalloc
