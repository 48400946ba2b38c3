// The interfaces of an object by their names, for hooks called do_extension().
#pragma once

#include <string_view>

namespace hwalloc {

// `object` as the one of these interfaces that `id` names; null when it names none.
template<class... Interfaces, class Object>
void* interface_of(Object* object, std::string_view id) noexcept {
    void* found = nullptr;
    (void)((id == Interfaces::extension_id && (found = static_cast<Interfaces*>(object))) || ...);
    return found;
}

} // namespace hwalloc
