// What a camera is, needs and has, of which most is known without asking the driver.
#include "camera.h"

namespace hwalloc::python {
namespace {

// One number of the camera's that no driver is asked for.
template<class F>
PyObject* number_of(PyObject* self, F&& tell) {
    const Use use(camera_in(self));
    return use ? PyLong_FromUnsignedLongLong(tell(camera_in(self)->camera)) : nullptr;
}
PyObject* min_buffers(PyObject* self, PyObject*) {
    return number_of(self, hwalloc_camera_min_buffers);
}
PyObject* bound(PyObject* self, PyObject*) {
    return number_of(self, hwalloc_camera_bound);
}
PyObject* copies(PyObject* self, PyObject*) {
    return number_of(self, hwalloc_camera_copies);
}
PyObject* allow_copies(PyObject* self, PyObject* allowed) {
    const Use use(camera_in(self));
    if (!use)
        return nullptr;
    hwalloc_camera_allow_copies(camera_in(self)->camera, PyObject_IsTrue(allowed));
    return none();
}
PyObject* has_only_own_buffers(PyObject* self, PyObject*) {
    const Use use(camera_in(self));
    return use ? truth(hwalloc_camera_has_only_own_buffers(camera_in(self)->camera)) : nullptr;
}
PyObject* needs_contiguous(PyObject* self, PyObject*) {
    uint32_t answer = HWALLOC_UNKNOWN;
    if (!on_camera(self, [&](hwalloc_camera* camera, hwalloc_error** error) {
            return hwalloc_camera_needs_contiguous_memory(camera, &answer, error);
        }))
        return nullptr;
    return answer == HWALLOC_UNKNOWN ? none() : truth(answer == HWALLOC_YES);
}
PyObject* camera_text(PyObject* self, const char* (*tell)(const hwalloc_camera*) noexcept) {
    const Use use(camera_in(self));
    return use ? text_or_none(tell(camera_in(self)->camera)) : nullptr;
}
PyObject* camera_path(PyObject* self, PyObject*) {
    return camera_text(self, hwalloc_camera_path);
}
PyObject* camera_driver(PyObject* self, PyObject*) {
    return camera_text(self, hwalloc_camera_driver);
}
PyObject* camera_card(PyObject* self, PyObject*) {
    return camera_text(self, hwalloc_camera_card);
}
PyObject* camera_bus(PyObject* self, PyObject*) {
    return camera_text(self, hwalloc_camera_bus);
}

} // namespace

PyMethodDef camera_fact_methods[] = {{"_min_buffers", min_buffers, METH_NOARGS, nullptr},
                                     {"_bound", bound, METH_NOARGS, nullptr},
                                     {"_copies", copies, METH_NOARGS, nullptr},
                                     {"_allow_copies", allow_copies, METH_O, nullptr},
                                     {"_has_only_own_buffers", has_only_own_buffers, METH_NOARGS, nullptr},
                                     {"_needs_contiguous", needs_contiguous, METH_NOARGS, nullptr},
                                     {"_path", camera_path, METH_NOARGS, nullptr},
                                     {"_driver", camera_driver, METH_NOARGS, nullptr},
                                     {"_card", camera_card, METH_NOARGS, nullptr},
                                     {"_bus", camera_bus, METH_NOARGS, nullptr},
                                     {nullptr, nullptr, 0, nullptr}};

} // namespace hwalloc::python
