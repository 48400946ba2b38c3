#include "tools/display/route.h"

#include <drm_fourcc.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <vector>

#include "tools/display/connector.h"
#include "tools/display/drm_ptr.h"
#include "tools/display/properties.h"

namespace hwalloc::tools {
namespace {

std::uint64_t pixels(const drmModeModeInfo& mode) {
    return std::uint64_t{mode.hdisplay} * mode.vdisplay;
}

bool interlaced(const drmModeModeInfo& mode) {
    return (mode.flags & DRM_MODE_FLAG_INTERLACE) != 0;
}

std::string name_of(const drmModeConnector& connector) {
    const char* const kind = drmModeGetConnectorTypeName(connector.connector_type);
    return fmt::format("{}-{}", kind ? kind : "Unknown", connector.connector_type_id);
}

// The CRTC that feeds a connector now; 0: none.
std::uint32_t crtc_of(int fd, const drmModeConnector& connector) {
    const DrmEncoder encoder(connector.encoder_id ? drmModeGetEncoder(fd, connector.encoder_id) : nullptr);
    return encoder ? encoder->crtc_id : 0;
}

// The CRTC that a connector has already, which disturbs nobody, else one that feeds no other connector; -1:
// none.
int choose_crtc(int fd, const drmModeRes& resources, const drmModeConnector& connector) {
    std::vector<std::uint32_t> used;
    for (int i = 0; i < resources.count_connectors; ++i) {
        const DrmConnector other(drmModeGetConnectorCurrent(fd, resources.connectors[i]));
        if (other && other->connector_id != connector.connector_id)
            used.push_back(crtc_of(fd, *other));
    }
    std::uint32_t possible = 0;
    for (int i = 0; i < connector.count_encoders; ++i)
        if (const DrmEncoder encoder(drmModeGetEncoder(fd, connector.encoders[i])); encoder)
            possible |= encoder->possible_crtcs;
    const std::uint32_t current = crtc_of(fd, connector);
    int chosen = -1;
    for (int i = 0; i < std::min(resources.count_crtcs, 32); ++i) {
        if ((possible >> i & 1) == 0)
            continue;
        if (resources.crtcs[i] == current)
            return i;
        if (chosen < 0 && std::find(used.begin(), used.end(), resources.crtcs[i]) == used.end())
            chosen = i;
    }
    return chosen;
}

// A primary plane for the CRTC that shows XR24: the one it has already, else one that no other CRTC uses.
std::uint32_t choose_plane(int fd, std::uint32_t crtc, int crtc_index) {
    const DrmPlaneResources planes(drmModeGetPlaneResources(fd));
    std::uint32_t chosen = 0;
    for (std::uint32_t i = 0; planes && i < planes->count_planes; ++i) {
        const DrmPlane plane(drmModeGetPlane(fd, planes->planes[i]));
        if (!plane || (plane->possible_crtcs >> crtc_index & 1) == 0)
            continue;
        const auto properties = Properties::read(fd, plane->plane_id, DRM_MODE_OBJECT_PLANE);
        if (!properties || properties->value("type") != DRM_PLANE_TYPE_PRIMARY)
            continue;
        const std::span formats(plane->formats, plane->count_formats);
        if (std::find(formats.begin(), formats.end(), DRM_FORMAT_XRGB8888) == formats.end())
            continue;
        if (plane->crtc_id == crtc)
            return plane->plane_id;
        if (chosen == 0 && plane->crtc_id == 0)
            chosen = plane->plane_id;
    }
    return chosen;
}

Error fits_no_mode(const Card& card, const std::string& connector, std::span<const drmModeModeInfo> modes,
                   std::uint32_t width, std::uint32_t height) {
    const auto largest = std::max_element(modes.begin(), modes.end(),
                                          [](const auto& a, const auto& b) { return pixels(a) < pixels(b); });
    return Error(ErrorKind::incompatible, "choosing a mode")
        .doing(fmt::format("showing {}x{} on {}, whose largest mode is {}", width, height, connector,
                           mode_name(*largest)))
        .on(card.path)
        .remedy("ask the camera for a smaller picture with --size");
}

} // namespace

double refresh_rate(const drmModeModeInfo& mode) {
    if (mode.htotal == 0 || mode.vtotal == 0)
        return mode.vrefresh;
    double rate = 1000.0 * mode.clock / (double{1} * mode.htotal * mode.vtotal);
    if (interlaced(mode))
        rate *= 2;
    if ((mode.flags & DRM_MODE_FLAG_DBLSCAN) != 0)
        rate /= 2;
    return mode.vscan > 1 ? rate / mode.vscan : rate;
}

std::string mode_name(const drmModeModeInfo& mode) {
    return fmt::format("{}x{}{}@{}", mode.hdisplay, mode.vdisplay, interlaced(mode) ? "i" : "",
                       std::lround(refresh_rate(mode)));
}

std::optional<std::size_t> choose_mode(std::span<const drmModeModeInfo> modes, std::uint32_t width,
                                       std::uint32_t height) {
    const auto holds = [&](const drmModeModeInfo& mode) {
        return mode.hdisplay >= width && mode.vdisplay >= height;
    };
    std::optional<std::size_t> best;
    for (std::size_t i = 0; i < modes.size(); ++i) {
        if (!holds(modes[i]))
            continue;
        if ((modes[i].type & DRM_MODE_TYPE_PREFERRED) != 0)
            return i;
        if (!best) {
            best = i;
            continue;
        }
        const auto& a = modes[i];
        const auto& b = modes[*best];
        if (interlaced(a) != interlaced(b)) {
            if (interlaced(b))
                best = i;
        } else if (pixels(a) != pixels(b)) {
            if (pixels(a) < pixels(b))
                best = i;
        } else if (refresh_rate(a) > refresh_rate(b)) {
            best = i;
        }
    }
    return best;
}

Result<Route> choose_route(const Card& card, std::uint32_t width, std::uint32_t height) {
    const int fd = card.fd.get();
    const DrmResources resources(drmModeGetResources(fd));
    if (!resources)
        return Error::from_errno(errno, "choosing an output")
            .on(card.path)
            .call("DRM_IOCTL_MODE_GETRESOURCES");
    Error none = Error(ErrorKind::unavailable, "choosing an output")
                     .doing("choosing an output: none that is connected can be used")
                     .on(card.path);
    for (int i = 0; i < resources->count_connectors; ++i) {
        const DrmConnector connector(drmModeGetConnector(fd, resources->connectors[i]));
        if (!shows_pictures(fd, connector.get()))
            continue;
        Route route;
        route.connector = connector->connector_id;
        route.connector_name = name_of(*connector);
        const std::span modes(connector->modes, static_cast<std::size_t>(connector->count_modes));
        const auto mode = choose_mode(modes, width, height);
        if (!mode) {
            none = std::move(none).because(fits_no_mode(card, route.connector_name, modes, width, height));
            continue;
        }
        route.mode = modes[*mode];
        const int crtc_index = choose_crtc(fd, *resources, *connector);
        if (crtc_index < 0) {
            none = std::move(none).because(
                Error(ErrorKind::busy, "choosing an output")
                    .doing(fmt::format("every CRTC that reaches {} is in use", route.connector_name)));
            continue;
        }
        route.crtc = resources->crtcs[crtc_index];
        if (card.atomic)
            route.plane = choose_plane(fd, route.crtc, crtc_index);
        if (card.atomic && route.plane == 0) {
            none = std::move(none).because(
                Error(ErrorKind::unsupported, "choosing an output")
                    .doing(fmt::format("no free primary plane of {} shows XR24", route.connector_name)));
            continue;
        }
        return route;
    }
    // One refusal is the answer itself.
    return none.causes().size() == 1 ? none.causes().front() : none;
}

} // namespace hwalloc::tools
