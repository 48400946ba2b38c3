// What the files on cameras share: the object, and having it for oneself.
#pragma once

#include "native.h"

namespace hwalloc::python {

struct CameraObject {
    PyObject ob_base;
    hwalloc_camera* camera; // null: closed
    PyThread_type_lock lock;
    unsigned long holder; // the thread that has the lock; 0: none
};
inline CameraObject* camera_in(PyObject* self) {
    return reinterpret_cast<CameraObject*>(self);
}

// Has the camera for as long as it lives; false: it is closed, or this thread has it already, as in a plan
// that names it twice or in a signal's handler, which would wait for itself. An exception is set then.
class Use {
public:
    explicit Use(CameraObject* camera) : camera_(camera) {
        const unsigned long self = PyThread_get_thread_ident();
        if (camera->holder == self) {
            PyErr_SetString(PyExc_RuntimeError, "this thread is in a call of the camera already");
            return;
        }
        if (!PyThread_acquire_lock(camera->lock, NOWAIT_LOCK))
            without_gil([&] { return PyThread_acquire_lock(camera->lock, WAIT_LOCK); });
        has_ = true;
        camera->holder = self;
        if (!camera->camera)
            wrong_value("the camera is closed");
    }
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;
    ~Use() {
        if (has_) {
            camera_->holder = 0;
            PyThread_release_lock(camera_->lock);
        }
    }
    explicit operator bool() const { return has_ && camera_->camera; }

private:
    CameraObject* camera_;
    bool has_ = false;
};

// Calls `call(camera, &error)` while others run; false with an exception.
template<class F>
bool on_camera(PyObject* self, F&& call) {
    hwalloc_error* error = nullptr;
    int answer = 0;
    {
        const Use use(camera_in(self));
        if (!use)
            return false;
        answer = without_gil([&] { return call(camera_in(self)->camera, &error); });
    }
    return answer >= 0 || refuse(answer, error) != nullptr; // which runs code of Python's
}
// Methods of a camera by file: camera_facts.cpp, camera_offers.cpp.
extern PyMethodDef camera_fact_methods[], camera_offer_methods[];

} // namespace hwalloc::python
