// What memory.map() gives: the bytes, as long as somebody may look at them.
//
// A view ends by unmap(), by leaving its `with` block, or with its object. While an array still looks at it,
// it cannot end: what the array shows would be another picture, or nothing. unmap() and the block say so, and
// then it ends with the last array, so that nothing is mapped for ever.
#include <cstring>

#include "native.h"

namespace hwalloc::python {
namespace {

PyTypeObject* view_type;

ViewObject* view_in(PyObject* self) {
    return reinterpret_cast<ViewObject*>(self);
}

bool mode_of(const char* mode, uint32_t& flags) {
    if (std::strcmp(mode, "r") == 0)
        flags = HWALLOC_MAP_READ;
    else if (std::strcmp(mode, "w") == 0)
        flags = HWALLOC_MAP_WRITE;
    else if (std::strcmp(mode, "rw") == 0)
        flags = HWALLOC_MAP_READWRITE;
    else
        return wrong_value("memory is mapped \"r\", \"w\" or \"rw\"") != nullptr;
    return true;
}

// Where nothing but the CPU has the memory no other thread need run meanwhile, which would cost more than the
// map.
bool may_wait(MemoryObject* memory) {
    if (memory->waits < 0)
        memory->waits = !hwalloc_memory_is_type(memory->memory, "sysmem") &&
                        !hwalloc_memory_is_type(memory->memory, "memfd");
    return memory->waits != 0;
}

int unmap_view(ViewObject* view, hwalloc_error** error) {
    view->mapped = false;
    hwalloc_map_info map = view->map;
    if (!may_wait(view->memory))
        return hwalloc_memory_unmap(view->memory->memory, &map, error);
    return without_gil([&] { return hwalloc_memory_unmap(view->memory->memory, &map, error); });
}
// Where nobody can be told.
void unmap_quietly(ViewObject* view) {
    if (view->mapped)
        unmap_view(view, nullptr);
}

bool ended_view() {
    PyErr_SetString(PyExc_ValueError, "the view has ended: map the memory again to look at it");
    return false;
}

PyObject* end_view(ViewObject* view) {
    if (!view->mapped)
        return none();
    if (view->holders > 0) {
        view->ending = true;
        PyErr_Format(
            PyExc_BufferError,
            "%zd array(s) or buffer(s) still look at the memory, which stays mapped until the last of "
            "them is gone: delete them before the view ends, or copy what you keep (numpy.array(view))",
            view->holders);
        return nullptr;
    }
    hwalloc_error* error = nullptr;
    const int answer = unmap_view(view, &error);
    return answer < 0 ? refuse(answer, error) : none();
}

PyObject* view_unmap(PyObject* self, PyObject*) {
    return end_view(view_in(self));
}
PyObject* view_enter(PyObject* self, PyObject*) {
    if (!view_in(self)->mapped || view_in(self)->ending) {
        ended_view();
        return nullptr;
    }
    return Py_NewRef(self);
}
PyObject* view_exit(PyObject* self, PyObject* args) {
    ViewObject* view = view_in(self);
    // What went wrong in the block is more than an array that its traceback keeps alive.
    PyObject* type = PyTuple_Size(args) > 0 ? PyTuple_GetItem(args, 0) : Py_None;
    if (!Py_IsNone(type) && view->holders > 0) {
        view->ending = true;
        return none();
    }
    return end_view(view);
}

int get_buffer(PyObject* self, Py_buffer* buffer, int flags) {
    ViewObject* view = view_in(self);
    buffer->obj = nullptr;
    if ((flags & PyBUF_WRITABLE) && !view->writable) {
        PyErr_SetString(PyExc_BufferError, "the memory is mapped to be read: map(\"rw\") lets it be written");
        return -1;
    }
    if ((flags & PyBUF_STRIDES) != PyBUF_STRIDES && !view->contiguous) {
        PyErr_SetString(PyExc_BufferError, "there are gaps between the rows: take a buffer with strides");
        return -1;
    }
    if (!hold_view(view))
        return -1;
    *buffer = Py_buffer{};
    buffer->buf = view->data;
    buffer->obj = Py_NewRef(self);
    buffer->len = view->bytes;
    buffer->itemsize = 1;
    buffer->readonly = !view->writable;
    buffer->ndim = view->dimensions;
    static char bytes_format[] = "B";
    buffer->format = flags & PyBUF_FORMAT ? bytes_format : nullptr;
    buffer->shape = flags & PyBUF_ND ? view->shape : nullptr;
    buffer->strides = (flags & PyBUF_STRIDES) == PyBUF_STRIDES ? view->strides : nullptr;
    if (!buffer->shape)
        buffer->ndim = 1;
    return 0;
}
void release_buffer(PyObject* self, Py_buffer*) {
    release_view(view_in(self));
}

// numpy takes an object whose buffer is refused for a thing without one, and would make an array of the
// object itself: it asks for this next, and takes the exception for its answer.
PyObject* array_struct(PyObject* self, void*) {
    if (!view_in(self)->mapped || view_in(self)->ending)
        ended_view();
    else
        PyErr_SetString(PyExc_AttributeError, "__array_struct__");
    return nullptr;
}
PyObject* numbers_tuple(const Py_ssize_t* numbers, int count) {
    Ref tuple(PyTuple_New(count));
    for (int i = 0; tuple && i < count; ++i) {
        PyObject* number = PyLong_FromSsize_t(numbers[i]);
        if (!number || PyTuple_SetItem(tuple.get(), i, number) < 0)
            return nullptr;
    }
    return tuple.release();
}
PyObject* view_shape(PyObject* self, void*) {
    return numbers_tuple(view_in(self)->shape, view_in(self)->dimensions);
}
PyObject* view_strides(PyObject* self, void*) {
    return numbers_tuple(view_in(self)->strides, view_in(self)->dimensions);
}
PyObject* view_bytes(PyObject* self, void*) {
    return PyLong_FromSsize_t(view_in(self)->bytes);
}
PyObject* view_readonly(PyObject* self, void*) {
    return truth(!view_in(self)->writable);
}
PyObject* view_memory(PyObject* self, void*) {
    return Py_NewRef(reinterpret_cast<PyObject*>(view_in(self)->memory));
}
PyObject* view_ended(PyObject* self, void*) {
    return truth(!view_in(self)->mapped || view_in(self)->ending);
}
PyObject* view_repr(PyObject* self) {
    const ViewObject* view = view_in(self);
    return PyUnicode_FromFormat("<hwalloc.View of %zd bytes, %s%s>", view->bytes,
                                view->writable ? "writable" : "read-only",
                                !view->mapped  ? ", ended"
                                : view->ending ? ", ends with the last array"
                                               : "");
}
void end_view_object(PyObject* self) {
    ViewObject* view = view_in(self);
    if (view->memory) {
        unmap_quietly(view);
        Py_DECREF(reinterpret_cast<PyObject*>(view->memory));
    }
    free_object(self);
}

PyMethodDef view_methods[] = {
    {"unmap", view_unmap, METH_NOARGS,
     "unmap($self)\n--\n\n"
     "Ends the access of the CPU. Raises BufferError while an array or buffer still looks at the bytes, and "
     "Error\n"
     "when the device refuses; the view has ended all the same."},
    {"__enter__", view_enter, METH_NOARGS, "__enter__($self)\n--\n\nThe view."},
    {"__exit__", view_exit, METH_VARARGS,
     "__exit__($self, *exception)\n--\n\n"
     "Unmaps, as unmap() does. Where the block ended by an exception that keeps an array alive, that "
     "exception goes\n"
     "on, and the view ends with the array."},
    {"__dlpack__", as_method(view_dlpack), METH_VARARGS | METH_KEYWORDS,
     "__dlpack__($self, *, stream=None, max_version=None, dl_device=None, copy=None)\n--\n\n"
     "The bytes for DLPack (torch.from_dlpack, numpy.from_dlpack), without a copy. A view that is read-only "
     "needs a\n"
     "consumer of DLPack 1.0, which can be told so: raises BufferError for another."},
    {"__dlpack_device__", view_dlpack_device, METH_NOARGS,
     "__dlpack_device__($self)\n--\n\nThe CPU, as DLPack has it: (1, 0)."},
    {nullptr, nullptr, 0, nullptr}};
PyGetSetDef view_members[] = {
    {"shape", view_shape, nullptr, "How many bytes in each direction.", nullptr},
    {"strides", view_strides, nullptr, "Bytes from one element to the next, in each direction.", nullptr},
    {"nbytes", view_bytes, nullptr, "How many bytes are looked at.", nullptr},
    {"readonly", view_readonly, nullptr, "Whether the bytes may only be read.", nullptr},
    {"memory", view_memory, nullptr, "The Memory that is mapped.", nullptr},
    {"ended", view_ended, nullptr, "Whether nobody may take a look any more.", nullptr},
    {"__array_struct__", array_struct, nullptr,
     "Not there while the view has a buffer; refused afterwards, so that numpy is, too.", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr}};
PyType_Slot view_slots[] = {
    {Py_tp_doc,
     const_cast<char*>("The bytes of mapped memory, for memoryview(), numpy.asarray(), DLPack and whatever "
                       "else takes a buffer.")},
    {Py_tp_dealloc, as_slot(end_view_object)},
    {Py_tp_repr, as_slot(view_repr)},
    {Py_tp_methods, view_methods},
    {Py_tp_getset, view_members},
    {Py_bf_getbuffer, as_slot(get_buffer)},
    {Py_bf_releasebuffer, as_slot(release_buffer)},
    {0, nullptr}};
PyType_Spec view_spec = {"hwalloc.View", sizeof(ViewObject), 0,
                         Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, view_slots};

} // namespace

bool add_view(PyObject* module) {
    view_type = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&view_spec));
    return view_type && PyModule_AddObjectRef(module, "View", reinterpret_cast<PyObject*>(view_type)) == 0;
}

bool hold_view(ViewObject* view) {
    if (!view->mapped || view->ending)
        return ended_view();
    ++view->holders;
    return true;
}
void release_view(ViewObject* view) {
    if (--view->holders == 0 && view->ending)
        unmap_quietly(view);
}

PyObject* map_memory(PyObject* self, PyObject* args, PyObject* kwargs) {
    static const char* const names[] = {"mode", "offset", "shape", "strides", nullptr};
    const char* mode = "r";
    Py_ssize_t offset = 0;
    PyObject *shape = nullptr, *strides = nullptr;
    uint32_t flags = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|s$nOO:map", keywords(names), &mode, &offset, &shape,
                                     &strides) ||
        !mode_of(mode, flags))
        return nullptr;
    auto* memory = reinterpret_cast<MemoryObject*>(self);
    auto* view = new_object<ViewObject>(view_type);
    if (!view)
        return nullptr;
    Ref owned(reinterpret_cast<PyObject*>(view));
    view->memory = reinterpret_cast<MemoryObject*>(Py_NewRef(self));
    view->writable = flags != HWALLOC_MAP_READ;
    view->map.struct_size = sizeof view->map;
    hwalloc_error* error = nullptr;
    int answer = 0;
    if (may_wait(memory)) {
        ++memory->calls;
        answer = without_gil([&] { return hwalloc_memory_map(memory->memory, &view->map, flags, &error); });
        --memory->calls;
    } else {
        answer = hwalloc_memory_map(memory->memory, &view->map, flags, &error);
    }
    if (answer < 0)
        return refuse(answer, error);
    view->mapped = true;
    if (!lay_out(*view, static_cast<Py_ssize_t>(view->map.size), offset, shape, strides))
        return nullptr;
    view->data = view->map.data + offset;
    return owned.release();
}

} // namespace hwalloc::python
