// What every part of the extension has at hand: Python's stable interface, references that are let go of,
// errors of the library as exceptions, and calls during which other threads run.
//
// The objects of types are static, and a second interpreter of the process is refused (module.cpp): memory
// may end in a thread that no interpreter knows, which can find its way back to the first one only
// (PyGILState_Ensure).
#pragma once

#ifndef Py_LIMITED_API
#define Py_LIMITED_API 0x030B0000 // 3.11, the first with the buffer protocol in it
#endif
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <cstddef>
#include <cstdint>
#include <utility>

#include "hwalloc/hwalloc.h"

namespace hwalloc::python {

// Owns one reference, which may be null.
class Ref {
public:
    Ref() = default;
    explicit Ref(PyObject* owned) : object_(owned) {}
    Ref(Ref&& other) noexcept : object_(other.release()) {}
    Ref(const Ref&) = delete;
    Ref& operator=(const Ref&) = delete;
    Ref& operator=(Ref&&) = delete;
    ~Ref() { Py_XDECREF(object_); }
    PyObject* get() const { return object_; }
    PyObject* release() { return std::exchange(object_, nullptr); }
    explicit operator bool() const { return object_ != nullptr; }

private:
    PyObject* object_ = nullptr;
};

// ---- errors (error.cpp). What returns a PyObject* gives null after an exception was set.

// Gets hwalloc._errors and hwalloc._values ready; false with an exception.
bool open_errors();
// Sets hwalloc.Error for what a function answered, and ends `error`, which may be null. Gives null.
PyObject* refuse(int answer, hwalloc_error* error);
// An exception that is not raised, or None where there is no error. `error` stays the caller's.
PyObject* error_or_none(const hwalloc_error* error);
// The same of one that is the caller's, and is ended.
PyObject* taken_error_or_none(hwalloc_error* error);
// Sets ValueError; gives null.
PyObject* wrong_value(const char* what);
// Sets hwalloc.Error of kind "exhausted"; gives null.
PyObject* out_of_memory();

// ---- values

// hwalloc._values.NAME(*values), which gives names to what the library tells in numbers. Takes `values`,
// which may be null.
PyObject* named(const char* name, PyObject* values);
// Text of the library, whatever bytes are in it; null becomes None.
PyObject* text_or_none(const char* text);
inline PyObject* none() {
    return Py_NewRef(Py_None);
}
inline PyObject* truth(bool is) {
    return Py_NewRef(is ? Py_True : Py_False);
}
// A callable of the C API's wants one type for functions with and without keywords.
template<class F>
PyCFunction as_method(F* function) {
    return reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(function));
}
template<class F>
void* as_slot(F* function) {
    return reinterpret_cast<void*>(function);
}
// The list of keywords, which older Pythons take as if they might change it.
inline char** keywords(const char* const* names) {
    return const_cast<char**>(names);
}
// New memory for an object of a type of ours, all zero after its head.
template<class T>
T* new_object(PyTypeObject* type) {
    return reinterpret_cast<T*>(PyType_GenericAlloc(type, 0));
}
inline void free_object(PyObject* self) {
    PyTypeObject* type = Py_TYPE(self);
    const auto release = reinterpret_cast<freefunc>(PyType_GetSlot(type, Py_tp_free));
    release(self);
    Py_DECREF(reinterpret_cast<PyObject*>(type));
}

// Calls `call` while other threads of Python run.
template<class F>
auto without_gil(F&& call) {
    PyThreadState* state = PyEval_SaveThread();
    auto result = call();
    PyEval_RestoreThread(state);
    return result;
}

// ---- objects

struct AllocatorObject {
    PyObject ob_base;
    hwalloc_allocator* allocator; // a handle, which those of the registry need not
};
extern PyTypeObject* allocator_type;
bool add_allocator(PyObject* module);
// A new object with a handle of its own.
PyObject* allocator_object(hwalloc_allocator* allocator);
// What an argument names: an Allocator, or None for none. False with an exception.
bool allocator_of(PyObject* argument, hwalloc_allocator*& allocator);

struct MemoryObject {
    PyObject ob_base;
    hwalloc_memory* memory; // a handle
    Py_ssize_t calls;       // that run at this moment without the interpreter's lock
    int waits;              // mapping it may wait for a device; -1: not looked yet
};
extern PyTypeObject* memory_type;
bool add_memory(PyObject* module);
// A new object that takes the handle, also when it fails.
PyObject* memory_object(hwalloc_memory* taken);
// The same for memory that is lent.
PyObject* lent_memory(hwalloc_memory* memory);
extern PyMethodDef memory_fd_methods[]; // memory_fd.cpp

// What memory.map() gives (view.cpp).
bool add_view(PyObject* module);
PyObject* map_memory(PyObject* self, PyObject* args, PyObject* kwargs);
// One more, and one fewer, who looks at the bytes of a view. `hold` gives false with an exception when it has
// ended.
struct ViewObject;
bool hold_view(ViewObject* view);
void release_view(ViewObject* view);
// Sets how a view of so many bytes lies (view_shape.cpp); false with an exception.
bool lay_out(ViewObject& view, Py_ssize_t window, Py_ssize_t offset, PyObject* shape, PyObject* strides);
PyObject* view_dlpack(PyObject* self, PyObject* args, PyObject* kwargs); // dlpack.cpp
PyObject* view_dlpack_device(PyObject* self, PyObject* unused);

struct ViewObject {
    PyObject ob_base;
    MemoryObject* memory;
    hwalloc_map_info map;
    uint8_t* data; // the first byte that is looked at
    int dimensions;
    Py_ssize_t shape[3], strides[3]; // in bytes
    Py_ssize_t bytes;                // of all elements
    Py_ssize_t holders;              // arrays and buffers that look at it
    bool mapped, ending, writable, contiguous;
};

// ---- pictures (image.cpp): a layout is a tuple, which the Python side gives names.
PyObject* layout_tuple(const hwalloc_image_layout& layout);
bool layout_of(PyObject* tuple, hwalloc_image_layout& layout);

// ---- cameras (camera.cpp)
bool add_camera(PyObject* module);
// The participant of a Camera object; NULL with an exception, also when `object` is none. `in_use`: what
// keeps others off the camera while the participant is.
hwalloc_participant* participant_of_camera(PyObject* object, void** in_use);
void end_use_of_camera(void* in_use);
bool is_camera(PyObject* object);

bool add_plan(PyObject* module);

// Functions of the module, by file.
extern PyMethodDef allocator_functions[], memory_functions[], image_functions[], inventory_functions[],
    camera_functions[], plan_functions[];

} // namespace hwalloc::python
