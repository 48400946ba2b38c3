// An open camera, call by call; hwalloc._camera makes an iterator of frames of it.
//
// A camera is not for two threads at once, so each call has it for itself. One that waits for a frame does so
// in short turns, and lets others have the camera in between: a control can be set, and a camera closed,
// while another thread waits.
#include <cerrno>
#include <cstddef>

#include "camera.h"

namespace hwalloc::python {
namespace {

PyTypeObject* camera_type;

template<class F>
PyObject* done_on_camera(PyObject* self, F&& call) {
    return on_camera(self, call) ? none() : nullptr;
}

PyObject* new_camera(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
    static const char* const names[] = {"device", nullptr};
    PyObject* device = nullptr;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O:Camera", keywords(names), &device))
        return nullptr;
    hwalloc_camera* camera = nullptr;
    hwalloc_error* error = nullptr;
    int answer = 0;
    if (PyLong_Check(device)) {
        const int fd = PyObject_AsFileDescriptor(device);
        if (fd < 0)
            return nullptr;
        answer = without_gil([&] { return hwalloc_camera_adopt(fd, &camera, &error); });
    } else {
        PyObject* converted = nullptr;
        if (!PyUnicode_FSConverter(device, static_cast<void*>(&converted)))
            return nullptr;
        Ref path(converted);
        const char* text = PyBytes_AsString(path.get());
        answer = without_gil([&] { return hwalloc_camera_open(text, &camera, &error); });
    }
    if (answer < 0)
        return refuse(answer, error);
    auto* made = new_object<CameraObject>(type);
    PyThread_type_lock lock = made ? PyThread_allocate_lock() : nullptr;
    if (!lock) {
        hwalloc_camera_close(camera);
        Py_XDECREF(reinterpret_cast<PyObject*>(made));
        return made ? PyErr_NoMemory() : nullptr;
    }
    made->camera = camera;
    made->lock = lock;
    return reinterpret_cast<PyObject*>(made);
}
void end_camera(PyObject* self) {
    CameraObject* object = camera_in(self);
    if (object->camera)
        hwalloc_camera_close(object->camera);
    if (object->lock)
        PyThread_free_lock(object->lock);
    free_object(self);
}
PyObject* close_camera(PyObject* self, PyObject*) {
    CameraObject* object = camera_in(self);
    if (!object->camera)
        return none(); // closed before is closed, too
    const Use use(object);
    if (!use) {
        if (!PyErr_ExceptionMatches(PyExc_ValueError))
            return nullptr;
        PyErr_Clear(); // by another thread meanwhile
        return none();
    }
    hwalloc_camera* camera = object->camera;
    object->camera = nullptr;
    without_gil([&] {
        hwalloc_camera_close(camera);
        return 0;
    });
    return none();
}

PyObject* format_tuple(const hwalloc_capture_format& format) {
    return Py_BuildValue("(zIIIIIII)", hwalloc_v4l2_format_name(format.pixel_format), format.pixel_format,
                         format.width, format.height, format.stride, format.rate_frames, format.rate_seconds,
                         format.field);
}
PyObject* negotiate(PyObject* self, PyObject* args) {
    hwalloc_capture_format format{};
    format.struct_size = sizeof format;
    if (!PyArg_ParseTuple(args, "IIIIIII", &format.pixel_format, &format.width, &format.height,
                          &format.stride, &format.rate_frames, &format.rate_seconds, &format.field))
        return nullptr;
    return on_camera(self,
                     [&](hwalloc_camera* camera, hwalloc_error** error) {
                         return hwalloc_camera_negotiate(camera, &format, error);
                     })
               ? format_tuple(format)
               : nullptr;
}
PyObject* current_format(PyObject* self, PyObject*) {
    hwalloc_capture_format format{};
    format.struct_size = sizeof format;
    return on_camera(self,
                     [&](hwalloc_camera* camera, hwalloc_error** error) {
                         return hwalloc_camera_current_format(camera, &format, error);
                     })
               ? format_tuple(format)
               : nullptr;
}
PyObject* layout_of_camera(PyObject* self, PyObject*) {
    hwalloc_image_layout layout{};
    layout.struct_size = sizeof layout;
    return on_camera(self,
                     [&](hwalloc_camera* camera, hwalloc_error** error) {
                         return hwalloc_camera_layout(camera, &layout, error);
                     })
               ? layout_tuple(layout)
               : nullptr;
}

PyObject* bind_memories(PyObject* self, PyObject* memories) {
    hwalloc_memory* handles[256];
    const Py_ssize_t count = PySequence_Size(memories);
    if (count < 0 || count > 256)
        return count < 0 ? nullptr : wrong_value("a driver has no more than 256 memories");
    Ref kept(PySequence_Tuple(memories)); // whatever happens to the list meanwhile
    if (!kept || PyTuple_Size(kept.get()) != count)
        return nullptr;
    for (Py_ssize_t i = 0; i < count; ++i) {
        PyObject* one = PyTuple_GetItem(kept.get(), i);
        if (!PyObject_TypeCheck(one, memory_type)) {
            PyErr_SetString(PyExc_TypeError, "a camera is bound to Memory objects");
            return nullptr;
        }
        handles[i] = reinterpret_cast<MemoryObject*>(one)->memory;
    }
    return done_on_camera(self, [&](hwalloc_camera* camera, hwalloc_error** error) {
        return hwalloc_camera_bind(camera, handles, static_cast<size_t>(count), error);
    });
}
PyObject* bind_own(PyObject* self, PyObject* args) {
    unsigned count = 0;
    uint32_t bound = 0;
    if (!PyArg_ParseTuple(args, "I", &count))
        return nullptr;
    return on_camera(self,
                     [&](hwalloc_camera* camera, hwalloc_error** error) {
                         return hwalloc_camera_bind_own(camera, count, &bound, error);
                     })
               ? PyLong_FromUnsignedLong(bound)
               : nullptr;
}
PyObject* unbind(PyObject* self, PyObject*) {
    return done_on_camera(self, hwalloc_camera_unbind);
}
PyObject* start(PyObject* self, PyObject*) {
    return done_on_camera(self, hwalloc_camera_start);
}
PyObject* stop(PyObject* self, PyObject*) {
    return done_on_camera(self, hwalloc_camera_stop);
}

PyObject* memory_of_camera(PyObject* self, PyObject* args) {
    unsigned index = 0, which = 0;
    if (!PyArg_ParseTuple(args, "II", &index, &which))
        return nullptr;
    const Use use(camera_in(self));
    if (!use)
        return nullptr;
    hwalloc_memory* memory = hwalloc_camera_memory(camera_in(self)->camera, index, which);
    return memory ? lent_memory(memory) : none();
}
PyObject* camera_fileno(PyObject* self, PyObject*) {
    const Use use(camera_in(self));
    return use ? PyLong_FromLong(hwalloc_camera_fd(camera_in(self)->camera)) : nullptr;
}

PyObject* frame_tuple(const hwalloc_frame& frame) {
    Ref offsets(PyTuple_New(HWALLOC_MAX_PLANES)), used(PyTuple_New(HWALLOC_MAX_PLANES));
    for (Py_ssize_t i = 0; offsets && used && i < HWALLOC_MAX_PLANES; ++i)
        if (PyTuple_SetItem(offsets.get(), i, PyLong_FromUnsignedLongLong(frame.offsets[i])) < 0 ||
            PyTuple_SetItem(used.get(), i, PyLong_FromUnsignedLongLong(frame.bytes_used[i])) < 0)
            return nullptr;
    return offsets && used ? Py_BuildValue("(IILIIOO)", frame.index, frame.sequence,
                                           static_cast<long long>(frame.timestamp_ns), frame.flags,
                                           frame.field, offsets.get(), used.get())
                           : nullptr;
}
PyObject* dequeue(PyObject* self, PyObject* args) {
    constexpr int turn = 50; // milliseconds
    int timeout = -1;
    if (!PyArg_ParseTuple(args, "i", &timeout))
        return nullptr;
    for (int left = timeout;;) {
        const int now = left < 0 || left > turn ? turn : left;
        hwalloc_frame frame{};
        frame.struct_size = sizeof frame;
        hwalloc_error* error = nullptr;
        int answer = 0;
        {
            const Use use(camera_in(self));
            if (!use)
                return nullptr;
            answer = without_gil(
                [&] { return hwalloc_camera_dequeue(camera_in(self)->camera, now, &frame, &error); });
        }
        if (answer >= 0)
            return frame_tuple(frame);
        if (left >= 0)
            left -= answer == -ETIMEDOUT ? now : 0;
        if ((answer != -ETIMEDOUT || left == 0) && answer != -EINTR)
            return refuse(answer, error);
        hwalloc_error_free(error);
        if (PyErr_CheckSignals() < 0)
            return nullptr;
    }
}
PyObject* queue(PyObject* self, PyObject* args) {
    unsigned index = 0;
    if (!PyArg_ParseTuple(args, "I", &index))
        return nullptr;
    return done_on_camera(self, [&](hwalloc_camera* camera, hwalloc_error** error) {
        return hwalloc_camera_queue(camera, index, error);
    });
}

PyObject* get_control(PyObject* self, PyObject* args) {
    const char* name = nullptr;
    int64_t value = 0;
    if (!PyArg_ParseTuple(args, "s", &name))
        return nullptr;
    return on_camera(self,
                     [&](hwalloc_camera* camera, hwalloc_error** error) {
                         return hwalloc_camera_get_control(camera, name, &value, error);
                     })
               ? PyLong_FromLongLong(value)
               : nullptr;
}
PyObject* set_control(PyObject* self, PyObject* args) {
    const char* name = nullptr;
    long long value = 0;
    int64_t now = 0;
    if (!PyArg_ParseTuple(args, "sL", &name, &value))
        return nullptr;
    return on_camera(self,
                     [&](hwalloc_camera* camera, hwalloc_error** error) {
                         return hwalloc_camera_set_control(camera, name, value, &now, error);
                     })
               ? PyLong_FromLongLong(now)
               : nullptr;
}

// What hwalloc._camera stands on: its Camera has names, texts and values for these.
PyMethodDef camera_methods[] = {{"_close", close_camera, METH_NOARGS, nullptr},
                                {"_negotiate", negotiate, METH_VARARGS, nullptr},
                                {"_current_format", current_format, METH_NOARGS, nullptr},
                                {"_layout", layout_of_camera, METH_NOARGS, nullptr},
                                {"_bind", bind_memories, METH_O, nullptr},
                                {"_bind_own", bind_own, METH_VARARGS, nullptr},
                                {"_unbind", unbind, METH_NOARGS, nullptr},
                                {"_start", start, METH_NOARGS, nullptr},
                                {"_stop", stop, METH_NOARGS, nullptr},
                                {"_memory", memory_of_camera, METH_VARARGS, nullptr},
                                {"_fileno", camera_fileno, METH_NOARGS, nullptr},
                                {"_dequeue", dequeue, METH_VARARGS, nullptr},
                                {"_queue", queue, METH_VARARGS, nullptr},
                                {"_get_control", get_control, METH_VARARGS, nullptr},
                                {"_set_control", set_control, METH_VARARGS, nullptr},
                                {nullptr, nullptr, 0, nullptr}};
} // namespace

bool add_camera(PyObject* module) {
    // The methods of three files in one table.
    static PyMethodDef methods[sizeof camera_methods / sizeof *camera_methods + 16];
    size_t count = 0;
    for (const PyMethodDef* table : {camera_methods, camera_fact_methods, camera_offer_methods})
        for (; table->ml_name; ++table)
            methods[count++] = *table;
    PyType_Slot slots[] = {{Py_tp_doc, const_cast<char*>("An open camera, call by call.")},
                           {Py_tp_new, as_slot(new_camera)},
                           {Py_tp_dealloc, as_slot(end_camera)},
                           {Py_tp_methods, methods},
                           {0, nullptr}};
    PyType_Spec spec = {"hwalloc._native.Camera", sizeof(CameraObject), 0,
                        Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, slots};
    camera_type = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&spec));
    return camera_type &&
           PyModule_AddObjectRef(module, "Camera", reinterpret_cast<PyObject*>(camera_type)) == 0;
}

bool is_camera(PyObject* object) {
    return PyObject_TypeCheck(object, camera_type);
}
hwalloc_participant* participant_of_camera(PyObject* object, void** in_use) {
    *in_use = new Use(camera_in(object));
    if (!*static_cast<Use*>(*in_use))
        return nullptr;
    hwalloc_participant* participant = nullptr;
    hwalloc_error* error = nullptr;
    if (const int answer = hwalloc_camera_participant(camera_in(object)->camera, &participant, &error);
        answer < 0)
        refuse(answer, error);
    return participant;
}
void end_use_of_camera(void* in_use) {
    delete static_cast<Use*>(in_use);
}

} // namespace hwalloc::python
