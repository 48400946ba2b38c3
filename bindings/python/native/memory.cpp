// Memory: a window on a piece of storage, its shares, copies and windows.
#include <cstring>

#include "native.h"

namespace hwalloc::python {

PyTypeObject* memory_type;

namespace {

MemoryObject* object_in(PyObject* self) {
    return reinterpret_cast<MemoryObject*>(self);
}
hwalloc_memory* memory_in(PyObject* self) {
    return object_in(self)->memory;
}

// `size` of a part: None is all that is left.
bool part_size(PyObject* given, size_t& size) {
    size = HWALLOC_WHOLE;
    if (!given || Py_IsNone(given))
        return true;
    const Py_ssize_t number = PyNumber_AsSsize_t(given, PyExc_OverflowError);
    if (number < 0) {
        if (!PyErr_Occurred())
            wrong_value("a size is a number of bytes, which is not negative; None: all that is left");
        return false;
    }
    size = static_cast<size_t>(number);
    return true;
}

PyObject* share_memory(PyObject* self, PyObject* args, PyObject* kwargs) {
    static const char* const names[] = {"offset", "size", nullptr};
    Py_ssize_t offset = 0;
    PyObject* given = nullptr;
    size_t size = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|nO:share", keywords(names), &offset, &given) ||
        !part_size(given, size))
        return nullptr;
    if (offset < 0)
        return wrong_value("a share begins within the memory: offset is not negative");
    hwalloc_memory* share = nullptr;
    hwalloc_error* error = nullptr;
    const int answer =
        hwalloc_memory_share(memory_in(self), static_cast<size_t>(offset), size, &share, &error);
    return answer < 0 ? refuse(answer, error) : memory_object(share);
}
PyObject* copy_memory(PyObject* self, PyObject* args, PyObject* kwargs) {
    static const char* const names[] = {"offset", "size", "allocator", nullptr};
    Py_ssize_t offset = 0;
    PyObject *given = nullptr, *target = nullptr;
    hwalloc_allocator* allocator = nullptr;
    size_t size = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|nO$O:copy", keywords(names), &offset, &given, &target) ||
        !part_size(given, size) || !allocator_of(target, allocator))
        return nullptr;
    if (offset < 0)
        return wrong_value("a copy begins within the memory: offset is not negative");
    hwalloc_memory* copy = nullptr;
    hwalloc_error* error = nullptr;
    ++object_in(self)->calls;
    const int answer = without_gil([&] {
        return hwalloc_memory_copy(memory_in(self), static_cast<size_t>(offset), size, allocator, &copy,
                                   &error);
    });
    --object_in(self)->calls;
    return answer < 0 ? refuse(answer, error) : memory_object(copy);
}
PyObject* is_span(PyObject* self, PyObject* args, PyObject* kwargs) {
    static const char* const names[] = {"next", nullptr};
    PyObject* other = nullptr;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O!:is_span", keywords(names), memory_type, &other))
        return nullptr;
    size_t offset = 0;
    return hwalloc_memory_is_span(memory_in(self), memory_in(other), &offset) ? PyLong_FromSize_t(offset)
                                                                              : none();
}

// A window may not move while another thread is at work with the memory.
bool may_move(PyObject* self) {
    if (object_in(self)->calls == 0)
        return true;
    PyErr_SetString(PyExc_RuntimeError,
                    "another thread is mapping or copying this memory: wait for it, then move its window");
    return false;
}
PyObject* resize_memory(PyObject* self, PyObject* args, PyObject* kwargs) {
    static const char* const names[] = {"delta", "size", nullptr};
    Py_ssize_t delta = 0, size = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "nn:resize", keywords(names), &delta, &size) ||
        !may_move(self))
        return nullptr;
    if (size < 0)
        return wrong_value("a size is a number of bytes, which is not negative");
    hwalloc_error* error = nullptr;
    const int answer = hwalloc_memory_resize(memory_in(self), delta, static_cast<size_t>(size), &error);
    return answer < 0 ? refuse(answer, error) : none();
}
PyObject* set_window(PyObject* self, PyObject* args, PyObject* kwargs) {
    static const char* const names[] = {"offset", "size", nullptr};
    Py_ssize_t offset = 0, size = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "nn:set_window", keywords(names), &offset, &size) ||
        !may_move(self))
        return nullptr;
    if (offset < 0 || size < 0)
        return wrong_value("offset and size of a window are numbers of bytes, which are not negative");
    hwalloc_error* error = nullptr;
    const int answer = hwalloc_memory_set_window(memory_in(self), static_cast<size_t>(offset),
                                                 static_cast<size_t>(size), &error);
    return answer < 0 ? refuse(answer, error) : none();
}

PyObject* memory_size(PyObject* self, void*) {
    return PyLong_FromSize_t(hwalloc_memory_size(memory_in(self)));
}
PyObject* memory_offset(PyObject* self, void*) {
    return PyLong_FromSize_t(hwalloc_memory_offset(memory_in(self)));
}
PyObject* memory_maxsize(PyObject* self, void*) {
    return PyLong_FromSize_t(hwalloc_memory_maxsize(memory_in(self)));
}
PyObject* memory_align(PyObject* self, void*) {
    return PyLong_FromSize_t(hwalloc_memory_align(memory_in(self)));
}
PyObject* memory_flags(PyObject* self, void*) {
    return named("MemoryFlags", Py_BuildValue("(I)", hwalloc_memory_flags(memory_in(self))));
}
PyObject* memory_allocator(PyObject* self, void*) {
    return allocator_object(hwalloc_memory_allocator(memory_in(self)));
}
PyObject* is_share(PyObject* self, void*) {
    return truth(hwalloc_memory_parent(memory_in(self)) != nullptr);
}
PyObject* is_writable(PyObject* self, void*) {
    return truth(hwalloc_memory_is_writable(memory_in(self)));
}
PyObject* memory_repr(PyObject* self) {
    const hwalloc_memory* memory = memory_in(self);
    return PyUnicode_FromFormat(
        "<hwalloc.Memory of %s, %zu bytes%s>", hwalloc_allocator_name(hwalloc_memory_allocator(memory)),
        hwalloc_memory_size(memory), hwalloc_memory_parent(memory) ? ", a share" : "");
}
Py_ssize_t memory_length(PyObject* self) {
    return static_cast<Py_ssize_t>(hwalloc_memory_size(memory_in(self)));
}
// Two objects that are handles on the same memory are equal.
Py_hash_t memory_hash(PyObject* self) {
    return static_cast<Py_hash_t>(reinterpret_cast<uintptr_t>(memory_in(self)) >> 4);
}
PyObject* compare_memories(PyObject* self, PyObject* other, int operation) {
    if ((operation != Py_EQ && operation != Py_NE) || !PyObject_TypeCheck(other, memory_type))
        return Py_NewRef(Py_NotImplemented);
    return truth((memory_in(self) == memory_in(other)) == (operation == Py_EQ));
}
void end_memory(PyObject* self) {
    hwalloc_memory_unref(memory_in(self));
    free_object(self);
}

// ---- memory around the bytes of another object

// In whichever thread lets go of the memory; where Python has ended by then, the process keeps what it has.
void end_wrapped(void* data) {
    if (!Py_IsInitialized())
        return;
    const PyGILState_STATE state = PyGILState_Ensure();
    auto* buffer = static_cast<Py_buffer*>(data);
    PyBuffer_Release(buffer);
    PyMem_Free(buffer);
    PyGILState_Release(state);
}
PyObject* wrap_buffer(PyObject*, PyObject* args, PyObject* kwargs) {
    static const char* const names[] = {"buffer", nullptr};
    PyObject* object = nullptr;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O:wrap", keywords(names), &object))
        return nullptr;
    auto* buffer = static_cast<Py_buffer*>(PyMem_Calloc(1, sizeof(Py_buffer)));
    if (!buffer)
        return PyErr_NoMemory();
    bool readonly = false;
    if (PyObject_GetBuffer(object, buffer, PyBUF_WRITABLE) < 0) {
        PyErr_Clear();
        readonly = true;
        if (PyObject_GetBuffer(object, buffer, PyBUF_SIMPLE) < 0) {
            PyMem_Free(buffer);
            return nullptr;
        }
    }
    hwalloc_memory* memory = nullptr;
    hwalloc_error* error = nullptr;
    const auto size = static_cast<size_t>(buffer->len);
    const int answer = hwalloc_new_wrapped(readonly ? HWALLOC_MEMORY_READONLY : 0, buffer->buf, size, 0, size,
                                           buffer, end_wrapped, &memory, &error);
    if (answer < 0) {
        PyBuffer_Release(buffer);
        PyMem_Free(buffer);
        return refuse(answer, error);
    }
    return memory_object(memory);
}

PyMethodDef memory_methods[] = {
    {"map", as_method(map_memory), METH_VARARGS | METH_KEYWORDS,
     "map($self, mode=\"r\", *, offset=0, shape=None, strides=None)\n--\n\n"
     "Lets the CPU at the bytes, to read (\"r\"), write (\"w\") or both (\"rw\"), with the cache maintenance "
     "that\n"
     "the memory needs, until the View is unmapped: `with memory.map() as view: numpy.asarray(view)`.\n"
     "shape and strides (bytes) make rows of it, from offset on; else it is all bytes in one row. Raises "
     "Error."},
    {"share", as_method(share_memory), METH_VARARGS | METH_KEYWORDS,
     "share($self, offset=0, size=None)\n--\n\n"
     "A read-only Memory that is a part of this one, without a copy. Raises Error."},
    {"copy", as_method(copy_memory), METH_VARARGS | METH_KEYWORDS,
     "copy($self, offset=0, size=None, *, allocator=None)\n--\n\n"
     "New memory with the same bytes, of its own allocator or another. Raises Error."},
    {"is_span", as_method(is_span), METH_VARARGS | METH_KEYWORDS,
     "is_span($self, next)\n--\n\n"
     "Where this share begins in the memory that both are shares of, when `next` begins where this one "
     "ends;\n"
     "else None."},
    {"resize", as_method(resize_memory), METH_VARARGS | METH_KEYWORDS,
     "resize($self, delta, size)\n--\n\n"
     "Moves the start of the window by delta and sets its size, within the region. Raises Error."},
    {"set_window", as_method(set_window), METH_VARARGS | METH_KEYWORDS,
     "set_window($self, offset, size)\n--\n\n"
     "Sets the window: its first byte in the region, and its size. Raises Error."},
    {nullptr, nullptr, 0, nullptr}};
PyGetSetDef memory_members[] = {
    {"size", memory_size, nullptr, "Bytes of the window.", nullptr},
    {"offset", memory_offset, nullptr, "Where the window begins in the region, in bytes.", nullptr},
    {"maxsize", memory_maxsize, nullptr, "Bytes of the region, in which the window may be moved.", nullptr},
    {"align", memory_align, nullptr, "Alignment of the region's first byte, as a mask; 0: not known.",
     nullptr},
    {"flags", memory_flags, nullptr, "Its MemoryFlags.", nullptr},
    {"allocator", memory_allocator, nullptr, "The Allocator that made it.", nullptr},
    {"is_share", is_share, nullptr, "Whether it is a part of another memory.", nullptr},
    {"is_writable", is_writable, nullptr, "Whether it may be written: it has fewer than two shares.",
     nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr}};

} // namespace

bool add_memory(PyObject* module) {
    // The methods of two files in one table.
    static PyMethodDef methods[sizeof memory_methods / sizeof *memory_methods + 8];
    size_t count = 0;
    for (const PyMethodDef* table : {memory_methods, memory_fd_methods})
        for (; table->ml_name; ++table)
            methods[count++] = *table;
    PyType_Slot slots[] = {
        {Py_tp_doc,
         const_cast<char*>("A window on a piece of storage. Lives as long as any handle, share, map or "
                           "device uses it.")},
        {Py_tp_dealloc, as_slot(end_memory)},
        {Py_tp_repr, as_slot(memory_repr)},
        {Py_tp_hash, as_slot(memory_hash)},
        {Py_tp_richcompare, as_slot(compare_memories)},
        {Py_sq_length, as_slot(memory_length)},
        {Py_tp_methods, methods},
        {Py_tp_getset, memory_members},
        {0, nullptr}};
    PyType_Spec spec = {"hwalloc.Memory", sizeof(MemoryObject), 0,
                        Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};
    memory_type = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&spec));
    return memory_type &&
           PyModule_AddObjectRef(module, "Memory", reinterpret_cast<PyObject*>(memory_type)) == 0;
}

PyObject* memory_object(hwalloc_memory* taken) {
    auto* made = new_object<MemoryObject>(memory_type);
    if (!made) {
        hwalloc_memory_unref(taken);
        return nullptr;
    }
    made->memory = taken;
    made->waits = -1;
    return reinterpret_cast<PyObject*>(made);
}
PyObject* lent_memory(hwalloc_memory* memory) {
    hwalloc_memory* handle = hwalloc_memory_ref(memory);
    return handle ? memory_object(handle) : out_of_memory();
}

PyMethodDef memory_functions[] = {{"wrap", as_method(wrap_buffer), METH_VARARGS | METH_KEYWORDS,
                                   "wrap(buffer)\n--\n\n"
                                   "Memory around the bytes of another object (a bytearray, an mmap, an "
                                   "array), which it keeps alive, without a\n"
                                   "copy; read-only where that is. Raises Error."},
                                  {nullptr, nullptr, 0, nullptr}};

} // namespace hwalloc::python
