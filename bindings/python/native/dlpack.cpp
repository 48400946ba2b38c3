// Views for DLPack, by which array libraries hand arrays to each other. The structs are those of its binary
// interface (dmlc.github.io/dlpack), version 0.8's and 1.0's.
#include <new>

#include "native.h"

namespace hwalloc::python {
namespace {

struct DlTensor {
    void* data;
    int32_t device_type, device_id;
    int32_t dimensions;
    uint8_t type_code, type_bits;
    uint16_t type_lanes;
    int64_t* shape;
    int64_t* strides; // in elements
    uint64_t byte_offset;
};
struct Managed {
    DlTensor tensor;
    void* context;
    void (*deleter)(Managed*);
};
struct ManagedVersioned {
    uint32_t major, minor;
    void* context;
    void (*deleter)(ManagedVersioned*);
    uint64_t flags; // 1: read-only
    DlTensor tensor;
};
constexpr int32_t cpu_device = 1;

// The struct that is handed on, what it points to, and the view.
template<class Struct>
struct Exported {
    Struct managed;
    int64_t shape[3], strides[3];
    ViewObject* view;
};

// Called by whoever took the tensor, in any thread.
template<class Struct>
void let_go(Struct* managed) {
    auto* exported = static_cast<Exported<Struct>*>(managed->context);
    if (Py_IsInitialized()) {
        const PyGILState_STATE state = PyGILState_Ensure();
        release_view(exported->view);
        Py_DECREF(reinterpret_cast<PyObject*>(exported->view));
        PyGILState_Release(state);
    }
    delete exported;
}

// A capsule that nobody took still has its first name.
template<class Struct>
void end_capsule(PyObject* capsule, const char* name) {
    if (PyCapsule_IsValid(capsule, name)) {
        auto* managed = static_cast<Struct*>(PyCapsule_GetPointer(capsule, name));
        managed->deleter(managed);
    }
}
constexpr const char *plain_name = "dltensor", *versioned_name = "dltensor_versioned";
void end_plain(PyObject* capsule) {
    end_capsule<Managed>(capsule, plain_name);
}
void end_versioned(PyObject* capsule) {
    end_capsule<ManagedVersioned>(capsule, versioned_name);
}

template<class Struct>
PyObject* export_view(ViewObject* view, Struct managed, const char* name, PyCapsule_Destructor end) {
    auto* exported = new (std::nothrow) Exported<Struct>{};
    if (!exported)
        return PyErr_NoMemory();
    if (!hold_view(view)) {
        delete exported;
        return nullptr;
    }
    for (int i = 0; i < view->dimensions; ++i) {
        exported->shape[i] = view->shape[i];
        exported->strides[i] = view->strides[i];
    }
    exported->view = reinterpret_cast<ViewObject*>(Py_NewRef(reinterpret_cast<PyObject*>(view)));
    managed.tensor = {view->data,      cpu_device,        0, view->dimensions, 1, 8, 1,
                      exported->shape, exported->strides, 0};
    managed.context = exported;
    managed.deleter = let_go<Struct>;
    exported->managed = managed;
    PyObject* capsule = PyCapsule_New(&exported->managed, name, end);
    if (!capsule)
        let_go(&exported->managed);
    return capsule;
}

} // namespace

PyObject* view_dlpack(PyObject* self, PyObject* args, PyObject* kwargs) {
    static const char* const names[] = {"stream", "max_version", "dl_device", "copy", nullptr};
    PyObject *stream = nullptr, *version = nullptr, *device = nullptr, *copy = nullptr;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|$OOOO:__dlpack__", keywords(names), &stream, &version,
                                     &device, &copy))
        return nullptr;
    auto* view = reinterpret_cast<ViewObject*>(self);
    if (stream && !Py_IsNone(stream))
        return wrong_value("the CPU has no streams: stream is None");
    int type = cpu_device, number = 0;
    if (device && !Py_IsNone(device) && !PyArg_ParseTuple(device, "ii", &type, &number))
        return nullptr;
    if (type != cpu_device || (copy && Py_IsTrue(copy))) {
        PyErr_SetString(PyExc_BufferError,
                        "a view is on the CPU and is not copied: numpy.array(view) makes a copy");
        return nullptr;
    }
    int major = 0, minor = 0;
    if (version && !Py_IsNone(version) && !PyArg_ParseTuple(version, "ii", &major, &minor))
        return nullptr;
    if (major >= 1) {
        ManagedVersioned managed{};
        managed.major = 1;
        managed.flags = view->writable ? 0 : 1;
        return export_view(view, managed, versioned_name, end_versioned);
    }
    if (!view->writable) {
        PyErr_SetString(PyExc_BufferError,
                        "the memory is mapped to be read, which DLPack before 1.0 cannot say: "
                        "map(\"rw\"), or use the buffer protocol (numpy.asarray)");
        return nullptr;
    }
    return export_view(view, Managed{}, plain_name, end_plain);
}
PyObject* view_dlpack_device(PyObject*, PyObject*) {
    return Py_BuildValue("(ii)", static_cast<int>(cpu_device), 0);
}

} // namespace hwalloc::python
