// libdrm's objects with an owner.
#pragma once

#include <xf86drm.h>
#include <xf86drmMode.h>

#include <memory>

namespace hwalloc::tools {

template<auto free_function>
struct FreeWith {
    template<class T>
    void operator()(T* object) const noexcept {
        free_function(object);
    }
};
template<class T, auto free_function>
using DrmPtr = std::unique_ptr<T, FreeWith<free_function>>;

using DrmResources = DrmPtr<drmModeRes, drmModeFreeResources>;
using DrmConnector = DrmPtr<drmModeConnector, drmModeFreeConnector>;
using DrmEncoder = DrmPtr<drmModeEncoder, drmModeFreeEncoder>;
using DrmCrtc = DrmPtr<drmModeCrtc, drmModeFreeCrtc>;
using DrmPlaneResources = DrmPtr<drmModePlaneRes, drmModeFreePlaneResources>;
using DrmPlane = DrmPtr<drmModePlane, drmModeFreePlane>;
using DrmObjectProperties = DrmPtr<drmModeObjectProperties, drmModeFreeObjectProperties>;
using DrmProperty = DrmPtr<drmModePropertyRes, drmModeFreeProperty>;
using DrmBlob = DrmPtr<drmModePropertyBlobRes, drmModeFreePropertyBlob>;
using DrmAtomicRequest = DrmPtr<drmModeAtomicReq, drmModeAtomicFree>;

} // namespace hwalloc::tools
