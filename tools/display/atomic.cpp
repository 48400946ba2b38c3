// Atomic mode setting: what changes is one request, which the kernel takes whole or not at all.
#include <fmt/format.h>

#include <cerrno>
#include <utility>
#include <vector>

#include "tools/display/drm_ptr.h"
#include "tools/display/mode_setting.h"
#include "tools/display/properties.h"

namespace hwalloc::tools {
namespace {

struct Setting {
    std::uint32_t object = 0, property = 0;
    std::uint64_t value = 0;
};

// A mode as an object of the kernel's; goes with its owner. The kernel keeps what is in use.
class ModeBlob {
public:
    ModeBlob() = default;
    static Result<ModeBlob> make(int fd, const void* bytes, std::size_t size) {
        ModeBlob blob;
        if (drmModeCreatePropertyBlob(fd, bytes, size, &blob.id_) != 0)
            return Error::from_errno(errno, "describing a mode").call("DRM_IOCTL_MODE_CREATEPROPBLOB");
        blob.fd_ = fd;
        return blob;
    }
    ModeBlob(ModeBlob&& other) noexcept : fd_(other.fd_), id_(std::exchange(other.id_, 0)) {}
    ModeBlob& operator=(ModeBlob&& other) noexcept {
        std::swap(fd_, other.fd_);
        std::swap(id_, other.id_);
        return *this;
    }
    ~ModeBlob() {
        if (id_ != 0)
            drmModeDestroyPropertyBlob(fd_, id_);
    }
    std::uint32_t id() const { return id_; }

private:
    int fd_ = -1;
    std::uint32_t id_ = 0;
};

class Atomic final : public ModeSetting {
public:
    static Result<std::unique_ptr<ModeSetting>> make(const Card& card, const Route& route);

    Result<void> test(std::uint32_t framebuffer) override {
        return commit(with(framebuffer), DRM_MODE_ATOMIC_TEST_ONLY,
                      fmt::format("asking for mode {} on {}", mode_name(route_.mode), route_.connector_name));
    }

    Result<void> set(std::uint32_t framebuffer) override {
        return commit(with(framebuffer), 0,
                      fmt::format("setting mode {} on {}", mode_name(route_.mode), route_.connector_name));
    }

    // By the bare ioctl: drmModeAtomicCommit sorts a copy of its request on the heap, for each frame.
    Result<void> flip(std::uint32_t framebuffer, void* user_data) override {
        std::uint32_t plane = route_.plane, count = 1, property = fb_property_;
        std::uint64_t value = framebuffer;
        drm_mode_atomic request{};
        request.flags = DRM_MODE_PAGE_FLIP_EVENT | DRM_MODE_ATOMIC_NONBLOCK;
        request.count_objs = 1;
        request.objs_ptr = reinterpret_cast<std::uintptr_t>(&plane);
        request.count_props_ptr = reinterpret_cast<std::uintptr_t>(&count);
        request.props_ptr = reinterpret_cast<std::uintptr_t>(&property);
        request.prop_values_ptr = reinterpret_cast<std::uintptr_t>(&value);
        request.user_data = reinterpret_cast<std::uintptr_t>(user_data);
        if (drmIoctl(fd_, DRM_IOCTL_MODE_ATOMIC, &request) == 0)
            return {};
        return Error::from_errno(errno, "flipping").on(path_).call("DRM_IOCTL_MODE_ATOMIC");
    }

    Result<void> restore() override { return commit(saved_, 0, "restoring the display"); }

private:
    Atomic(const Card& card, Route route) : fd_(card.fd.get()), path_(card.path), route_(std::move(route)) {}

    // All that set() changes.
    std::vector<Setting> with(std::uint32_t framebuffer) const {
        std::vector<Setting> settings = taken_off_;
        for (Setting setting : on_screen_) {
            if (setting.property == fb_property_ && setting.object == route_.plane)
                setting.value = framebuffer;
            settings.push_back(setting);
        }
        return settings;
    }
    Result<void> commit(const std::vector<Setting>& settings, std::uint32_t flags, const std::string& what);
    // Takes down `names` of an object as they are.
    Result<void> save(const Properties& properties, std::uint32_t object,
                      std::initializer_list<const char*> names);
    // What the object's property becomes while this is shown.
    Result<void> show(const Properties& properties, std::uint32_t object, const char* name,
                      std::uint64_t value);
    Result<void> plan_connectors();
    Result<void> plan_crtc();
    Result<void> plan_planes();
    Error lacks(const char* name) const {
        return Error(ErrorKind::unsupported, "looking at the display")
            .doing(fmt::format("the driver has no property {}", name))
            .on(path_);
    }

    int fd_;
    std::string path_;
    Route route_;
    ModeBlob mode_, saved_mode_;
    std::uint32_t fb_property_ = 0;
    std::vector<Setting> saved_;     // all that is changed, as it was
    std::vector<Setting> on_screen_; // of the route
    std::vector<Setting> taken_off_; // of what else the CRTC feeds or shows
};

Result<void> Atomic::commit(const std::vector<Setting>& settings, std::uint32_t flags,
                            const std::string& what) {
    const DrmAtomicRequest request(drmModeAtomicAlloc());
    if (!request)
        return Error(ErrorKind::exhausted, "no memory for a request to the display");
    for (const Setting& setting : settings)
        if (drmModeAtomicAddProperty(request.get(), setting.object, setting.property, setting.value) < 0)
            return Error(ErrorKind::exhausted, "no memory for a request to the display");
    if (drmModeAtomicCommit(fd_, request.get(), flags | DRM_MODE_ATOMIC_ALLOW_MODESET, nullptr) == 0)
        return {};
    return Error::from_errno(errno, "setting a mode").doing(what).on(path_).call("DRM_IOCTL_MODE_ATOMIC");
}

Result<void> Atomic::save(const Properties& properties, std::uint32_t object,
                          std::initializer_list<const char*> names) {
    for (const char* name : names) {
        const Properties::Entry* entry = properties.find(name);
        if (!entry)
            return lacks(name);
        saved_.push_back({object, entry->id, entry->value});
    }
    return {};
}

Result<void> Atomic::show(const Properties& properties, std::uint32_t object, const char* name,
                          std::uint64_t value) {
    const Properties::Entry* entry = properties.find(name);
    if (!entry)
        return lacks(name);
    on_screen_.push_back({object, entry->id, value});
    return {};
}

Result<void> Atomic::plan_connectors() {
    const DrmResources resources(drmModeGetResources(fd_));
    if (!resources)
        return Error::from_errno(errno, "looking at the display")
            .on(path_)
            .call("DRM_IOCTL_MODE_GETRESOURCES");
    for (int i = 0; i < resources->count_connectors; ++i) {
        const std::uint32_t id = resources->connectors[i];
        auto properties = Properties::read(fd_, id, DRM_MODE_OBJECT_CONNECTOR);
        if (!properties)
            return std::move(properties).error();
        const bool ours = id == route_.connector;
        if (!ours && properties->value("CRTC_ID") != route_.crtc)
            continue;
        if (auto saved = save(*properties, id, {"CRTC_ID"}); !saved)
            return saved;
        if (ours) {
            if (auto shown = show(*properties, id, "CRTC_ID", route_.crtc); !shown)
                return shown;
        } else {
            taken_off_.push_back({id, properties->find("CRTC_ID")->id, 0});
        }
    }
    return {};
}

Result<void> Atomic::plan_crtc() {
    auto properties = Properties::read(fd_, route_.crtc, DRM_MODE_OBJECT_CRTC);
    if (!properties)
        return std::move(properties).error();
    auto mode = ModeBlob::make(fd_, &route_.mode, sizeof route_.mode);
    if (!mode)
        return Error(mode.error()).on(path_);
    mode_ = std::move(*mode);
    // The kernel destroys the old mode with its last use, which this request ends: keep a copy.
    if (const auto old = static_cast<std::uint32_t>(properties->value("MODE_ID")); old != 0) {
        const DrmBlob bytes(drmModeGetPropertyBlob(fd_, old));
        if (!bytes)
            return Error::from_errno(errno, "looking at the display")
                .on(path_)
                .call("DRM_IOCTL_MODE_GETPROPBLOB");
        auto copy = ModeBlob::make(fd_, bytes->data, bytes->length);
        if (!copy)
            return Error(copy.error()).on(path_);
        saved_mode_ = std::move(*copy);
    }
    if (auto saved = save(*properties, route_.crtc, {"ACTIVE", "MODE_ID"}); !saved)
        return saved;
    saved_.back().value = saved_mode_.id();
    if (auto shown = show(*properties, route_.crtc, "MODE_ID", mode_.id()); !shown)
        return shown;
    return show(*properties, route_.crtc, "ACTIVE", 1);
}

Result<void> Atomic::plan_planes() {
    const DrmPlaneResources planes(drmModeGetPlaneResources(fd_));
    if (!planes)
        return Error::from_errno(errno, "looking at the display")
            .on(path_)
            .call("DRM_IOCTL_MODE_GETPLANERESOURCES");
    for (std::uint32_t i = 0; i < planes->count_planes; ++i) {
        const std::uint32_t id = planes->planes[i];
        auto properties = Properties::read(fd_, id, DRM_MODE_OBJECT_PLANE);
        if (!properties)
            return std::move(properties).error();
        const bool ours = id == route_.plane;
        if (!ours && properties->value("CRTC_ID") != route_.crtc)
            continue;
        // A plane that is off is put back with what places it all the same: it is what was there.
        if (auto saved = save(*properties, id,
                              {"FB_ID", "CRTC_ID", "SRC_X", "SRC_Y", "SRC_W", "SRC_H", "CRTC_X", "CRTC_Y",
                               "CRTC_W", "CRTC_H"});
            !saved)
            return saved;
        if (!ours) {
            taken_off_.push_back({id, properties->find("FB_ID")->id, 0});
            taken_off_.push_back({id, properties->find("CRTC_ID")->id, 0});
            continue;
        }
        fb_property_ = properties->find("FB_ID")->id;
        const std::uint64_t width = route_.mode.hdisplay, height = route_.mode.vdisplay;
        // Where it comes from is in 1/65536 of a pixel.
        const std::pair<const char*, std::uint64_t> wanted[] = {
            {"FB_ID", 0},           {"CRTC_ID", route_.crtc}, {"SRC_X", 0},  {"SRC_Y", 0},
            {"SRC_W", width << 16}, {"SRC_H", height << 16},  {"CRTC_X", 0}, {"CRTC_Y", 0},
            {"CRTC_W", width},      {"CRTC_H", height}};
        for (const auto& [name, value] : wanted)
            if (auto shown = show(*properties, id, name, value); !shown)
                return shown;
    }
    return {};
}

Result<std::unique_ptr<ModeSetting>> Atomic::make(const Card& card, const Route& route) {
    std::unique_ptr<Atomic> atomic(new Atomic(card, route));
    for (auto plan : {&Atomic::plan_connectors, &Atomic::plan_crtc, &Atomic::plan_planes})
        if (auto planned = (atomic.get()->*plan)(); !planned)
            return std::move(planned).error();
    return std::unique_ptr<ModeSetting>(std::move(atomic));
}

} // namespace

Result<std::unique_ptr<ModeSetting>> atomic_mode_setting(const Card& card, const Route& route) {
    return Atomic::make(card, route);
}

} // namespace hwalloc::tools
