// What the files on cameras share: the object, and having it for oneself.
#pragma once

#include "native.h"

namespace hwalloc::python {

struct CameraObject {
    PyObject ob_base;
    hwalloc_camera* camera; // null: closed
    PyThread_type_lock lock;
};
inline CameraObject* camera_in(PyObject* self) {
    return reinterpret_cast<CameraObject*>(self);
}

// Has the camera for as long as it lives; false: it is closed, and an exception is set.
class Use {
public:
    explicit Use(CameraObject* camera) : camera_(camera) {
        if (!PyThread_acquire_lock(camera->lock, NOWAIT_LOCK))
            without_gil([&] { return PyThread_acquire_lock(camera->lock, WAIT_LOCK); });
        if (!camera->camera)
            wrong_value("the camera is closed");
    }
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;
    ~Use() { PyThread_release_lock(camera_->lock); }
    explicit operator bool() const { return camera_->camera != nullptr; }

private:
    CameraObject* camera_;
};

// Calls `call(camera, &error)` while others run; 0 or more, or -1 with an exception.
template<class F>
bool on_camera(PyObject* self, F&& call) {
    const Use use(camera_in(self));
    if (!use)
        return false;
    hwalloc_error* error = nullptr;
    const int answer = without_gil([&] { return call(camera_in(self)->camera, &error); });
    return answer >= 0 || refuse(answer, error) != nullptr;
}
// Methods of a camera by file: camera_facts.cpp, camera_offers.cpp.
extern PyMethodDef camera_fact_methods[], camera_offer_methods[];

} // namespace hwalloc::python
