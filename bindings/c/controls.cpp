// Controls of a camera, and which part of the picture it takes, for C.
#include <algorithm>
#include <new>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bindings/c/list.h"
#include "bindings/c/video.h"
#include "hwalloc/c_camera_offers.h"
#include "hwalloc/v4l2_controls.h"
#include "hwalloc/v4l2_selection.h"

struct hwalloc_control_list {
    struct Listed {
        hwalloc::v4l2::Control control;
        std::vector<hwalloc_control_item> items; // the same, as C has them
    };
    std::vector<Listed> values;
};

using namespace hwalloc;
using c::on_camera;
using c::refuse;
using c::refuse_null;

namespace {

constexpr const char* no_control = "no control is named";

// With each control where it stays: a short text moves with it. May throw std::bad_alloc.
std::vector<hwalloc_control_list::Listed> listed(std::vector<v4l2::Control> controls) {
    std::vector<hwalloc_control_list::Listed> made(controls.size());
    for (std::size_t i = 0; i < controls.size(); ++i) {
        made[i].control = std::move(controls[i]);
        for (const v4l2::ControlItem& item : made[i].control.items)
            made[i].items.push_back({.value = item.value, .name = item.name.c_str()});
    }
    return made;
}

hwalloc_rectangle rectangle_to_c(const v4l2::Rectangle& from) noexcept {
    return {.left = from.left, .top = from.top, .width = from.width, .height = from.height};
}
Result<v4l2::Selection> selection_of(uint32_t which) noexcept {
    const auto selection = static_cast<v4l2::Selection>(which);
    switch (selection) {
    case v4l2::Selection::crop:
    case v4l2::Selection::crop_default:
    case v4l2::Selection::crop_bounds:
    case v4l2::Selection::native_size:
    case v4l2::Selection::compose:
    case v4l2::Selection::compose_default:
    case v4l2::Selection::compose_bounds:
    case v4l2::Selection::compose_padded:
        if (which == static_cast<uint32_t>(selection))
            return selection;
    }
    return Error(ErrorKind::invalid, "there is no such rectangle");
}

int answer_controls(Result<std::vector<v4l2::Control>> found, hwalloc_control_list** list,
                    hwalloc_error** error) noexcept try {
    if (!found)
        return refuse(found.error(), error);
    return c::answer_list(Result<std::vector<hwalloc_control_list::Listed>>(listed(*std::move(found))), list,
                          error);
} catch (const std::bad_alloc&) {
    return refuse(Error(ErrorKind::exhausted, "out of memory"), error);
}

} // namespace

int hwalloc_camera_controls(hwalloc_camera* camera, hwalloc_control_list** list,
                            hwalloc_error** error) noexcept {
    return camera ? answer_controls(v4l2::list_controls(camera->camera), list, error)
                  : refuse_null(c::no_camera, error);
}
int hwalloc_camera_find_control(hwalloc_camera* camera, const char* name, hwalloc_control_list** list,
                                hwalloc_error** error) noexcept try {
    if (!camera || !name)
        return refuse_null(camera ? no_control : c::no_camera, error);
    auto found = v4l2::find_control(camera->camera, name);
    if (!found)
        return refuse(found.error(), error);
    std::vector<v4l2::Control> one;
    one.push_back(*std::move(found));
    return answer_controls(std::move(one), list, error);
} catch (const std::bad_alloc&) {
    return refuse(Error(ErrorKind::exhausted, "out of memory"), error);
}
void hwalloc_control_list_free(hwalloc_control_list* list) noexcept {
    delete list;
}
size_t hwalloc_control_list_size(const hwalloc_control_list* list) noexcept {
    return list ? list->values.size() : 0;
}
int hwalloc_control_list_get(const hwalloc_control_list* list, size_t index, hwalloc_control_entry* entry,
                             hwalloc_error** error) noexcept {
    return c::answer_entry(list, index, entry, error, [](const hwalloc_control_list::Listed& one) {
        const v4l2::Control& control = one.control;
        const auto flag = [](bool is, uint32_t bit) { return is ? bit : 0u; };
        return hwalloc_control_entry{.struct_size = 0,
                                     .name = control.name.c_str(),
                                     .items = one.items.data(),
                                     .item_count = one.items.size(),
                                     .min = control.min,
                                     .max = control.max,
                                     .step = control.step,
                                     .default_value = control.default_value,
                                     .id = control.id,
                                     .type = static_cast<uint32_t>(control.type),
                                     .flags = flag(control.read_only, HWALLOC_CONTROL_READ_ONLY) |
                                              flag(control.write_only, HWALLOC_CONTROL_WRITE_ONLY) |
                                              flag(control.inactive, HWALLOC_CONTROL_INACTIVE) |
                                              flag(control.locked, HWALLOC_CONTROL_LOCKED),
                                     .reserved = 0};
    });
}

int hwalloc_camera_get_text_control(hwalloc_camera* camera, const char* name, char* text, size_t size,
                                    size_t* length, hwalloc_error** error) noexcept {
    if (!camera || !name)
        return refuse_null(camera ? no_control : c::no_camera, error);
    const auto has = v4l2::find_control(camera->camera, name).and_then([&](const v4l2::Control& control) {
        return v4l2::get_text_control(camera->camera, control.id);
    });
    if (!has)
        return refuse(has.error(), error);
    const size_t full = c::copy_text(*has, text, size);
    if (length)
        *length = full;
    return 0;
}
int hwalloc_camera_set_text_control(hwalloc_camera* camera, const char* name, const char* text,
                                    hwalloc_error** error) noexcept {
    if (!name || !text)
        return refuse_null(name ? "there is no text" : no_control, error);
    return on_camera(camera, error, [&](v4l2::Camera& on) {
        return v4l2::find_control(on, name).and_then([&](const v4l2::Control& control) {
            return v4l2::set_text_control(on, control.id, std::string_view(text));
        });
    });
}

int hwalloc_camera_get_selection(hwalloc_camera* camera, uint32_t which, hwalloc_rectangle* rectangle,
                                 hwalloc_error** error) noexcept {
    if (!camera || !rectangle)
        return refuse_null(camera ? c::no_answer_place : c::no_camera, error);
    const auto has = selection_of(which).and_then(
        [&](v4l2::Selection selection) { return v4l2::get_selection(camera->camera, selection); });
    if (!has)
        return refuse(has.error(), error);
    *rectangle = rectangle_to_c(*has);
    return 0;
}
int hwalloc_camera_set_selection(hwalloc_camera* camera, uint32_t which, const hwalloc_rectangle* wanted,
                                 hwalloc_rectangle* now, hwalloc_error** error) noexcept {
    if (!camera || !wanted)
        return refuse_null(camera ? "there is no rectangle" : c::no_camera, error);
    const auto made = selection_of(which).and_then([&](v4l2::Selection selection) {
        return v4l2::set_selection(
            camera->camera, selection,
            {.left = wanted->left, .top = wanted->top, .width = wanted->width, .height = wanted->height});
    });
    if (!made)
        return refuse(made.error(), error);
    if (now)
        *now = rectangle_to_c(*made);
    return 0;
}
