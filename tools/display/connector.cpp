#include "tools/display/connector.h"

#include "tools/display/properties.h"

namespace hwalloc::tools {

bool shows_pictures(int fd, const drmModeConnector* connector) {
    if (!connector || connector->connection != DRM_MODE_CONNECTED || connector->count_modes == 0)
        return false;
    const auto properties = Properties::read(fd, connector->connector_id, DRM_MODE_OBJECT_CONNECTOR);
    return !properties || properties->value("non-desktop") == 0;
}

} // namespace hwalloc::tools
