#include "hwalloc/error.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <new>

#include "common/immortal.h"

namespace hwalloc {

struct Error::Detail {
    std::atomic<unsigned> references{1};
    std::string operation, device, call, remedy, mend;
    std::uint64_t wanted = 0, held = 0;
    std::vector<Error> causes;
};

namespace {

class Category final : public std::error_category {
    const char* name() const noexcept override { return "hwalloc"; }
    std::string message(int kind) const override {
        return std::string(to_string(static_cast<ErrorKind>(kind)));
    }
};

// The detail is a courtesy: when memory for it is short it is dropped, and the error itself still arrives.
template<class F>
void keep_if_memory_allows(F&& f) noexcept {
    try {
        f();
    } catch (const std::bad_alloc&) {
    }
}

HWALLOC_IMMORTAL(Category, category);
HWALLOC_IMMORTAL(std::vector<Error>, no_causes);

} // namespace

const std::error_category& error_category() noexcept {
    return *category;
}

std::string_view to_string(ErrorKind kind) noexcept {
    switch (kind) {
    case ErrorKind::invalid:
        return "invalid";
    case ErrorKind::unavailable:
        return "unavailable";
    case ErrorKind::permission:
        return "permission";
    case ErrorKind::unsupported:
        return "unsupported";
    case ErrorKind::incompatible:
        return "incompatible";
    case ErrorKind::exhausted:
        return "exhausted";
    case ErrorKind::busy:
        return "busy";
    case ErrorKind::conflict:
        return "conflict";
    case ErrorKind::limit:
        return "limit";
    case ErrorKind::device_lost:
        return "device lost";
    }
    return "no error";
}

std::string_view errno_name(int errno_value) noexcept {
    const char* name = strerrorname_np(errno_value);
    return name ? name : "";
}

ErrorKind Error::kind_of_errno(int errno_value) noexcept {
    switch (errno_value) {
    case ENOENT:
    case ENXIO:
    case EPIPE:
        return ErrorKind::unavailable;
    case ENODEV:
        return ErrorKind::device_lost;
    case EACCES:
    case EPERM:
    case EROFS:
        return ErrorKind::permission;
    case ENOTTY:
    case ENOSYS:
    case EOPNOTSUPP:
        return ErrorKind::unsupported;
    case EFAULT:
        return ErrorKind::incompatible;
    case ENOMEM:
    case ENOSPC:
    case EMFILE:
    case ENFILE:
    case ETOOMANYREFS:
        return ErrorKind::exhausted;
    case EBUSY:
    case EAGAIN:
    case ETIMEDOUT:
    case EINTR:
        return ErrorKind::busy;
    case EIO:
        return ErrorKind::device_lost;
    default:
        return ErrorKind::invalid;
    }
}

Error Error::from_errno(int errno_value, const char* text) noexcept {
    return Error(kind_of_errno(errno_value), errno_value, text);
}

Error Error::from_vulkan(ErrorKind kind, int vk_result, const char* text) noexcept {
    Error error(kind, text);
    error.facts_ = pack(kind, ErrorDomain::vulkan, vk_result);
    return error;
}

Error::Error(const Error& other) noexcept : text_(other.text_), facts_(other.facts_) {
    if (has_detail())
        detail_->references.fetch_add(1, std::memory_order_relaxed);
}

Error& Error::operator=(const Error& other) noexcept {
    Error copy(other);
    return *this = std::move(copy);
}

void Error::release_detail(Detail* detail) noexcept {
    if (detail->references.fetch_sub(1, std::memory_order_acq_rel) == 1)
        delete detail;
}

const Error::Detail* Error::detail_if_any() const noexcept {
    return has_detail() ? detail_ : nullptr;
}

Error::Detail* Error::detail() noexcept {
    const bool shared = has_detail() && detail_->references.load(std::memory_order_acquire) > 1;
    if (has_detail() && !shared)
        return detail_;
    Detail* fresh = nullptr;
    keep_if_memory_allows([&] {
        fresh = new Detail;
        if (shared) {
            fresh->operation = detail_->operation;
            fresh->device = detail_->device;
            fresh->call = detail_->call;
            fresh->remedy = detail_->remedy;
            fresh->mend = detail_->mend;
            fresh->wanted = detail_->wanted;
            fresh->held = detail_->held;
            fresh->causes = detail_->causes;
        } else if (text_) {
            fresh->operation = text_;
        }
    });
    if (!fresh)
        return nullptr;
    if (shared)
        release_detail(detail_);
    detail_ = fresh;
    facts_ |= detail_bit;
    return fresh;
}

Error&& Error::doing(std::string_view what) && noexcept {
    if (auto* d = detail())
        keep_if_memory_allows([&] { d->operation = what; });
    return std::move(*this);
}
Error&& Error::on(std::string_view device) && noexcept {
    if (auto* d = detail())
        keep_if_memory_allows([&] { d->device = device; });
    return std::move(*this);
}
Error&& Error::call(std::string_view name) && noexcept {
    if (auto* d = detail())
        keep_if_memory_allows([&] { d->call = name; });
    return std::move(*this);
}
Error&& Error::wanted(std::uint64_t bytes) && noexcept {
    if (auto* d = detail())
        d->wanted = bytes;
    return std::move(*this);
}
Error&& Error::held(std::uint64_t bytes) && noexcept {
    if (auto* d = detail())
        d->held = bytes;
    return std::move(*this);
}
Error&& Error::remedy(std::string_view what) && noexcept {
    if (auto* d = detail())
        keep_if_memory_allows([&] { d->remedy = what; });
    return std::move(*this);
}
Error&& Error::mend(std::string_view line) && noexcept {
    if (auto* d = detail())
        keep_if_memory_allows([&] { d->mend = line; });
    return std::move(*this);
}
Error&& Error::because(Error cause) && noexcept {
    if (auto* d = detail())
        keep_if_memory_allows([&] {
            const std::string text = cause.message();
            const auto says_it = [&](const Error& other) { return other.message() == text; };
            if (!says_it(*this) && std::none_of(d->causes.begin(), d->causes.end(), says_it))
                d->causes.push_back(std::move(cause));
        });
    return std::move(*this);
}

std::string_view Error::operation() const noexcept {
    if (const auto* d = detail_if_any())
        return d->operation;
    return text_ ? std::string_view(text_) : std::string_view();
}
std::string_view Error::device() const noexcept {
    const auto* d = detail_if_any();
    return d ? std::string_view(d->device) : std::string_view();
}
std::string_view Error::call() const noexcept {
    const auto* d = detail_if_any();
    return d ? std::string_view(d->call) : std::string_view();
}
std::string_view Error::remedy() const noexcept {
    const auto* d = detail_if_any();
    return d ? std::string_view(d->remedy) : std::string_view();
}
std::string_view Error::mend() const noexcept {
    const auto* d = detail_if_any();
    return d ? std::string_view(d->mend) : std::string_view();
}
std::uint64_t Error::size_wanted() const noexcept {
    const auto* d = detail_if_any();
    return d ? d->wanted : 0;
}
std::uint64_t Error::size_held() const noexcept {
    const auto* d = detail_if_any();
    return d ? d->held : 0;
}
const std::vector<Error>& Error::causes() const noexcept {
    const auto* d = detail_if_any();
    return d ? d->causes : *no_causes;
}

std::string Error::message() const {
    std::string text(operation());
    if (text.empty())
        text = to_string(kind());
    if (!device().empty())
        text.append(" on ").append(device());
    if (!call().empty())
        text.append(": ").append(call());
    if (domain() == ErrorDomain::system) {
        const char* words = strerrordesc_np(code());
        text.append(": ").append(words ? words : "unknown error");
        text.append(" (").append(errno_name(code())).append(")");
    } else if (domain() == ErrorDomain::vulkan) {
        const std::string_view name = vk_result_name(code());
        text.append(": ").append(name.empty() ? "VkResult " + std::to_string(code()) : std::string(name));
    }
    if (size_wanted() || size_held()) {
        text.append("; wanted ").append(std::to_string(size_wanted())).append(" bytes");
        if (size_held())
            text.append(", there are ").append(std::to_string(size_held()));
    }
    if (!remedy().empty())
        text.append("; ").append(remedy());
    for (const Error& cause : causes()) {
        std::string line = cause.message();
        for (std::size_t at = 0; (at = line.find('\n', at)) != std::string::npos; at += 3)
            line.replace(at, 1, "\n  ");
        text.append("\n  ").append(line);
    }
    return text;
}

} // namespace hwalloc
