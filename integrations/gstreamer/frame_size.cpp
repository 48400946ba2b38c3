#include "frame_size.h"

#include <dlfcn.h>

#include <cstring>

namespace hwalloc::gst {

namespace {

// GStreamer 1.24 and later say the layout of a dma-buf by a DRM format (format=DMA_DRM, drm-format=NV12:0x…).
// An older one has no such functions, so they are asked for when they are needed.
bool drm_info_of(const GstCaps* caps, GstVideoInfo& info) {
    using FromCaps = gboolean (*)(gpointer, const GstCaps*);
    using ToVideoInfo = gboolean (*)(gconstpointer, GstVideoInfo*);
    const auto from_caps =
        reinterpret_cast<FromCaps>(dlsym(RTLD_DEFAULT, "gst_video_info_dma_drm_from_caps"));
    const auto to_info =
        reinterpret_cast<ToVideoInfo>(dlsym(RTLD_DEFAULT, "gst_video_info_dma_drm_to_video_info"));
    if (!from_caps || !to_info)
        return false;
    // GstVideoInfoDmaDrm, which 1.22's headers have not: a GstVideoInfo, two numbers, and room that it
    // reserves.
    struct alignas(GstVideoInfo) {
        unsigned char bytes[sizeof(GstVideoInfo) + 256];
    } drm = {};
    return from_caps(&drm, caps) && to_info(&drm, &info);
}

bool is_drm(const GstCaps* caps) {
    const gchar* format = gst_structure_get_string(gst_caps_get_structure(caps, 0), "format");
    return format && std::strcmp(format, "DMA_DRM") == 0;
}

} // namespace

Frame frame_of(const GstCaps* caps) noexcept {
    if (!caps || !gst_caps_is_fixed(caps))
        return {};
    GstVideoInfo info;
    gst_video_info_init(&info);
    if (is_drm(caps) ? !drm_info_of(caps, info) : !gst_video_info_from_caps(&info, caps))
        return {};
    if (info.size)
        return {.size = info.size, .raw = true};
    // Compressed: a frame of a camera's JPEG has hardly ever more than two bytes a pixel.
    const gsize pixels =
        static_cast<gsize>(GST_VIDEO_INFO_WIDTH(&info)) * static_cast<gsize>(GST_VIDEO_INFO_HEIGHT(&info));
    return {.size = pixels * 2, .raw = false};
}

} // namespace hwalloc::gst
