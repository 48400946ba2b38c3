// Errors as objects of C.
#include <new>
#include <string_view>

#include "bindings/c/answer.h"
#include "bindings/c/json.h"
#include "hwalloc/c_error.h"

namespace hwalloc::c {
namespace {

// What the system would say of each kind, where it said nothing itself.
int errno_of(ErrorKind kind) noexcept {
    switch (kind) {
    case ErrorKind::invalid:
        return EINVAL;
    case ErrorKind::unavailable:
        return ENOENT;
    case ErrorKind::permission:
        return EACCES;
    case ErrorKind::unsupported:
        return EOPNOTSUPP;
    case ErrorKind::incompatible:
        return EXDEV;
    case ErrorKind::exhausted:
        return ENOMEM;
    case ErrorKind::busy:
        return EBUSY;
    case ErrorKind::conflict:
        return EPERM;
    case ErrorKind::limit:
        return EOVERFLOW;
    case ErrorKind::device_lost:
        return ENODEV;
    }
    return EINVAL;
}

} // namespace

hwalloc_error object_of(const Error& error) {
    hwalloc_error made{.error = error,
                       .message = error.message(),
                       .operation = std::string(error.operation()),
                       .device = std::string(error.device()),
                       .call = std::string(error.call()),
                       .remedy = std::string(error.remedy()),
                       .mend = std::string(error.mend()),
                       .causes = {},
                       .json = {}};
    made.causes.reserve(error.causes().size());
    for (const Error& cause : error.causes())
        made.causes.push_back(object_of(cause));
    return made;
}

int refuse(const Error& error, hwalloc_error** out) noexcept {
    if (out) {
        try {
            *out = new hwalloc_error(object_of(error));
        } catch (const std::bad_alloc&) {
            *out = nullptr;
        }
    }
    const bool system = error.domain() == ErrorDomain::system && error.code() > 0;
    return -(system ? error.code() : errno_of(error.kind()));
}

} // namespace hwalloc::c

using namespace hwalloc;

uint32_t hwalloc_error_kind(const hwalloc_error* error) noexcept {
    return static_cast<uint32_t>(error ? error->error.kind() : ErrorKind::exhausted);
}
uint32_t hwalloc_error_domain(const hwalloc_error* error) noexcept {
    return static_cast<uint32_t>(error ? error->error.domain() : ErrorDomain::none);
}
int hwalloc_error_code(const hwalloc_error* error) noexcept {
    return error ? error->error.code() : 0;
}
const char* hwalloc_error_message(const hwalloc_error* error) noexcept {
    return error ? error->message.c_str() : "out of memory";
}
const char* hwalloc_error_operation(const hwalloc_error* error) noexcept {
    return error ? error->operation.c_str() : "out of memory";
}
const char* hwalloc_error_device(const hwalloc_error* error) noexcept {
    return error ? error->device.c_str() : "";
}
const char* hwalloc_error_call(const hwalloc_error* error) noexcept {
    return error ? error->call.c_str() : "";
}
const char* hwalloc_error_remedy(const hwalloc_error* error) noexcept {
    return error ? error->remedy.c_str() : "";
}
const char* hwalloc_error_mend(const hwalloc_error* error) noexcept {
    return error ? error->mend.c_str() : "";
}
uint64_t hwalloc_error_size_wanted(const hwalloc_error* error) noexcept {
    return error ? error->error.size_wanted() : 0;
}
uint64_t hwalloc_error_size_held(const hwalloc_error* error) noexcept {
    return error ? error->error.size_held() : 0;
}
const hwalloc_error* hwalloc_error_cause(const hwalloc_error* error, uint32_t index) noexcept {
    return error && index < error->causes.size() ? &error->causes[index] : nullptr;
}
const char* hwalloc_error_json(const hwalloc_error* error) noexcept try {
    if (!error)
        return c::no_memory_json;
    if (error->json.empty())
        error->json = c::json_of(*error);
    return error->json.c_str();
} catch (const std::bad_alloc&) {
    return c::no_memory_json;
}
void hwalloc_error_free(hwalloc_error* error) noexcept {
    delete error;
}

const char* hwalloc_error_kind_name(uint32_t kind) noexcept {
    // Literals, which end with a zero byte.
    return kind >= HWALLOC_ERROR_INVALID && kind <= HWALLOC_ERROR_DEVICE_LOST
               ? to_string(static_cast<ErrorKind>(kind)).data()
               : "unknown";
}
const char* hwalloc_errno_name(int errno_value) noexcept {
    const std::string_view name = errno_name(errno_value);
    return name.empty() ? "" : name.data();
}
const char* hwalloc_vk_result_name(int vk_result) noexcept {
    const std::string_view name = vk_result_name(vk_result);
    return name.empty() ? "" : name.data();
}
