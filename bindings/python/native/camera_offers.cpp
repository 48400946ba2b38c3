// What cameras there are, and what one offers: its controls and its pixel formats.
#include "camera.h"

namespace hwalloc::python {
namespace {

// A list of what `item(index)` gives, `count` times; null with an exception where one cannot be made.
template<class F>
PyObject* list_of(size_t count, F&& item) {
    Ref list(PyList_New(0));
    for (size_t i = 0; list && i < count; ++i) {
        Ref one(item(i));
        if (!one || PyList_Append(list.get(), one.get()) < 0)
            return nullptr;
    }
    return list.release();
}

PyObject* control_item(const hwalloc_control_entry& control) {
    Ref items(PyDict_New());
    for (size_t i = 0; items && i < control.item_count; ++i) {
        Ref value(PyLong_FromLongLong(control.items[i].value)), name(text_or_none(control.items[i].name));
        if (!value || !name || PyDict_SetItem(items.get(), value.get(), name.get()) < 0)
            return nullptr;
    }
    return items ? named("control", Py_BuildValue("(zIILLLLIO)", control.name, control.id, control.type,
                                                  static_cast<long long>(control.min),
                                                  static_cast<long long>(control.max),
                                                  static_cast<long long>(control.step),
                                                  static_cast<long long>(control.default_value),
                                                  control.flags, items.get()))
                 : nullptr;
}
PyObject* controls_of_camera(PyObject* self, PyObject*) {
    hwalloc_control_list* list = nullptr;
    if (!on_camera(self, [&](hwalloc_camera* camera, hwalloc_error** error) {
            return hwalloc_camera_controls(camera, &list, error);
        }))
        return nullptr;
    PyObject* controls = list_of(hwalloc_control_list_size(list), [&](size_t index) -> PyObject* {
        hwalloc_control_entry control{};
        control.struct_size = sizeof control;
        hwalloc_error* error = nullptr;
        const int answer = hwalloc_control_list_get(list, index, &control, &error);
        return answer < 0 ? refuse(answer, error) : control_item(control);
    });
    hwalloc_control_list_free(list);
    return controls;
}

PyObject* format_item(const hwalloc_format_entry& format) {
    Ref sizes(list_of(format.size_count, [&](size_t index) {
        const hwalloc_frame_size& size = format.sizes[index];
        return named("FrameSize", Py_BuildValue("(IIIIII)", size.min_width, size.max_width, size.step_width,
                                                size.min_height, size.max_height, size.step_height));
    }));
    Ref all(sizes ? PyList_AsTuple(sizes.get()) : nullptr);
    Ref compressed(truth((format.flags & HWALLOC_FORMAT_COMPRESSED) != 0));
    Ref emulated(truth((format.flags & HWALLOC_FORMAT_EMULATED) != 0));
    return all ? named("OfferedFormat",
                       Py_BuildValue("(zIzOOO)", hwalloc_v4l2_format_name(format.pixel_format),
                                     format.pixel_format, format.description, all.get(), compressed.get(),
                                     emulated.get()))
               : nullptr;
}
PyObject* formats_of_camera(PyObject* self, PyObject*) {
    hwalloc_format_list* list = nullptr;
    if (!on_camera(self, [&](hwalloc_camera* camera, hwalloc_error** error) {
            return hwalloc_camera_formats(camera, &list, error);
        }))
        return nullptr;
    PyObject* formats = list_of(hwalloc_format_list_size(list), [&](size_t index) -> PyObject* {
        hwalloc_format_entry format{};
        format.struct_size = sizeof format;
        hwalloc_error* error = nullptr;
        const int answer = hwalloc_format_list_get(list, index, &format, &error);
        return answer < 0 ? refuse(answer, error) : format_item(format);
    });
    hwalloc_format_list_free(list);
    return formats;
}

PyObject* list_cameras(PyObject*, PyObject*) {
    hwalloc_camera_list* list = nullptr;
    hwalloc_error* error = nullptr;
    if (const int answer = without_gil([&] { return hwalloc_camera_list_new(&list, &error); }); answer < 0)
        return refuse(answer, error);
    PyObject* cameras = list_of(hwalloc_camera_list_size(list), [&](size_t index) -> PyObject* {
        hwalloc_camera_entry camera{};
        camera.struct_size = sizeof camera;
        if (const int answer = hwalloc_camera_list_get(list, index, &camera, &error); answer < 0)
            return refuse(answer, error);
        Ref why(error_or_none(camera.why));
        return why ? named("CameraItem", Py_BuildValue("(zzzzO)", camera.path, camera.card, camera.driver,
                                                       camera.bus, why.get()))
                   : nullptr;
    });
    hwalloc_camera_list_free(list);
    return cameras;
}

} // namespace

PyMethodDef camera_offer_methods[] = {{"_controls", controls_of_camera, METH_NOARGS, nullptr},
                                      {"_formats", formats_of_camera, METH_NOARGS, nullptr},
                                      {nullptr, nullptr, 0, nullptr}};
PyMethodDef camera_functions[] = {
    {"cameras", list_cameras, METH_NOARGS,
     "cameras()\n--\n\n"
     "A list with a CameraItem for every node that captures video. Opens each for a moment."},
    {nullptr, nullptr, 0, nullptr}};

} // namespace hwalloc::python
