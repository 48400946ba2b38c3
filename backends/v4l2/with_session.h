// What an application's Camera is made of, for the functions on it.
#pragma once

#include <utility>

#include "backends/v4l2/session.h"

namespace hwalloc::v4l2::detail {

// Runs `use` on it, which may throw std::bad_alloc, on behalf of a function that must not. Error: invalid,
// where the camera is closed.
template<class Function>
auto with_session(Camera& camera, Function&& use) noexcept -> decltype(use(std::declval<Session&>())) {
    return without_exceptions([&]() -> decltype(use(std::declval<Session&>())) {
        const auto session = Session::of(camera);
        if (!session)
            return Error(ErrorKind::invalid, "the camera is closed");
        return use(*session);
    });
}

} // namespace hwalloc::v4l2::detail
