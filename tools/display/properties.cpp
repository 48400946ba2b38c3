#include "tools/display/properties.h"

#include <cerrno>

#include "tools/display/drm_ptr.h"

namespace hwalloc::tools {

Result<Properties> Properties::read(int fd, std::uint32_t object, std::uint32_t kind) {
    const DrmObjectProperties listed(drmModeObjectGetProperties(fd, object, kind));
    if (!listed)
        return Error::from_errno(errno, "reading the properties of a display")
            .call("DRM_IOCTL_MODE_OBJ_GETPROPERTIES");
    Properties properties;
    for (std::uint32_t i = 0; i < listed->count_props; ++i)
        if (const DrmProperty property(drmModeGetProperty(fd, listed->props[i])); property)
            properties.entries_.push_back({property->name, property->prop_id, listed->prop_values[i]});
    return properties;
}

const Properties::Entry* Properties::find(std::string_view name) const {
    for (const Entry& entry : entries_)
        if (entry.name == name)
            return &entry;
    return nullptr;
}

std::uint64_t Properties::value(std::string_view name) const {
    const Entry* entry = find(name);
    return entry ? entry->value : 0;
}

} // namespace hwalloc::tools
