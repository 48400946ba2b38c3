// What cameras there are, for C.
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bindings/c/list.h"
#include "hwalloc/c_camera_offers.h"
#include "hwalloc/v4l2.h"

using namespace hwalloc;

struct hwalloc_camera_list {
    struct Listed {
        v4l2::CameraEntry camera;
        std::optional<hwalloc_error> why;
    };
    std::vector<Listed> values;
};

int hwalloc_camera_list_new(hwalloc_camera_list** list, hwalloc_error** error) noexcept try {
    auto found = v4l2::list_cameras();
    if (!found)
        return c::refuse(found.error(), error);
    std::vector<hwalloc_camera_list::Listed> cameras;
    for (v4l2::CameraEntry& camera : *found) {
        cameras.push_back({std::move(camera), std::nullopt});
        if (const auto& why = cameras.back().camera.why)
            cameras.back().why = c::object_of(*why);
    }
    return c::answer_list(Result<std::vector<hwalloc_camera_list::Listed>>(std::move(cameras)), list, error);
} catch (const std::bad_alloc&) {
    return c::refuse(Error(ErrorKind::exhausted, "out of memory"), error);
}
void hwalloc_camera_list_free(hwalloc_camera_list* list) noexcept {
    delete list;
}
size_t hwalloc_camera_list_size(const hwalloc_camera_list* list) noexcept {
    return list ? list->values.size() : 0;
}
int hwalloc_camera_list_get(const hwalloc_camera_list* list, size_t index, hwalloc_camera_entry* entry,
                            hwalloc_error** error) noexcept {
    return c::answer_entry(list, index, entry, error, [](const hwalloc_camera_list::Listed& listed) {
        return hwalloc_camera_entry{.struct_size = 0,
                                    .path = listed.camera.path.c_str(),
                                    .card = listed.camera.card.c_str(),
                                    .driver = listed.camera.driver.c_str(),
                                    .bus = listed.camera.bus.c_str(),
                                    .why = listed.why ? &*listed.why : nullptr,
                                    .imports = static_cast<uint32_t>(listed.camera.imports),
                                    .exports = static_cast<uint32_t>(listed.camera.exports)};
    });
}
