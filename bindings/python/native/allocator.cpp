// Allocators: found by name, registered, and what they are.
#include "native.h"

namespace hwalloc::python {

PyTypeObject* allocator_type;

namespace {

hwalloc_allocator* allocator_in(PyObject* self) {
    return reinterpret_cast<AllocatorObject*>(self)->allocator;
}

PyObject* find_allocator(PyObject*, PyObject* args, PyObject* kwargs) {
    static const char* const names[] = {"name", nullptr};
    const char* name = nullptr;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|z:find", keywords(names), &name))
        return nullptr;
    hwalloc_allocator* found = hwalloc_find(name);
    return found ? allocator_object(found) : none();
}
PyObject* resolve_allocator(PyObject*, PyObject* args, PyObject* kwargs) {
    static const char* const names[] = {"name", nullptr};
    const char* name = nullptr;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|z:resolve", keywords(names), &name))
        return nullptr;
    hwalloc_allocator* found = nullptr;
    hwalloc_error* error = nullptr;
    const int answer = without_gil([&] { return hwalloc_resolve(name, &found, &error); });
    return answer < 0 ? refuse(answer, error) : allocator_object(found);
}
PyObject* register_allocator(PyObject* self, PyObject* args, PyObject* kwargs) {
    static const char* const names[] = {"name", nullptr};
    const char* name = nullptr;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "s:register", keywords(names), &name))
        return nullptr;
    hwalloc_error* error = nullptr;
    const int answer = hwalloc_register(name, allocator_in(self), &error);
    return answer < 0 ? refuse(answer, error) : none();
}
PyObject* unregister_allocator(PyObject*, PyObject* args, PyObject* kwargs) {
    static const char* const names[] = {"name", nullptr};
    const char* name = nullptr;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "s:unregister", keywords(names), &name))
        return nullptr;
    hwalloc_error* error = nullptr;
    const int answer = hwalloc_unregister(name, &error);
    return answer < 0 ? refuse(answer, error) : none();
}
PyObject* set_default_allocator(PyObject* self, PyObject*) {
    hwalloc_error* error = nullptr;
    const int answer = hwalloc_set_default(allocator_in(self), &error);
    return answer < 0 ? refuse(answer, error) : none();
}

PyObject* alloc_of(PyObject* self, PyObject* args, PyObject* kwargs) {
    static const char* const names[] = {"size", "flags", "align", "prefix", "padding", nullptr};
    Py_ssize_t size = 0, align = 0, prefix = 0, padding = 0;
    unsigned flags = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "n|$Innn:alloc", keywords(names), &size, &flags, &align,
                                     &prefix, &padding))
        return nullptr;
    if (size < 0 || align < 0 || prefix < 0 || padding < 0)
        return wrong_value("size, align, prefix and padding are numbers of bytes, which are not negative");
    hwalloc_allocation_params params{};
    params.struct_size = sizeof params;
    params.flags = flags;
    params.align = static_cast<size_t>(align);
    params.prefix = static_cast<size_t>(prefix);
    params.padding = static_cast<size_t>(padding);
    hwalloc_memory* memory = nullptr;
    hwalloc_error* error = nullptr;
    const int answer = without_gil([&] {
        return hwalloc_alloc(allocator_in(self), static_cast<size_t>(size), &params, &memory, &error);
    });
    return answer < 0 ? refuse(answer, error) : memory_object(memory);
}

PyObject* properties_of(PyObject* self, PyObject*) {
    hwalloc_properties is{};
    is.struct_size = sizeof is;
    hwalloc_error* error = nullptr;
    if (const int answer = hwalloc_allocator_properties(allocator_in(self), &is, &error); answer < 0)
        return refuse(answer, error);
    return named("properties", Py_BuildValue("(IIIIKKiI)", is.contiguous, is.cached, is.device_local, is.sync,
                                             static_cast<unsigned long long>(is.granule),
                                             static_cast<unsigned long long>(is.max_size),
                                             static_cast<int>(is.cost), is.can));
}
PyObject* check_allocator(PyObject* self, PyObject*) {
    hwalloc_error* error = nullptr;
    const int answer = without_gil([&] { return hwalloc_allocator_available(allocator_in(self), &error); });
    return answer < 0 ? refuse(answer, error) : none();
}
PyObject* is_available(PyObject* self, PyObject*) {
    return truth(without_gil([&] { return hwalloc_allocator_available(allocator_in(self), nullptr); }) >= 0);
}

PyObject* allocator_name(PyObject* self, void*) {
    return text_or_none(hwalloc_allocator_name(allocator_in(self)));
}
PyObject* allocator_mem_type(PyObject* self, void*) {
    char text[256];
    hwalloc_allocator_mem_type(allocator_in(self), text, sizeof text);
    return text_or_none(text);
}
PyObject* allocator_repr(PyObject* self) {
    return PyUnicode_FromFormat("<hwalloc.Allocator %s>", hwalloc_allocator_name(allocator_in(self)));
}
Py_hash_t allocator_hash(PyObject* self) {
    return static_cast<Py_hash_t>(reinterpret_cast<uintptr_t>(allocator_in(self)) >> 4);
}
PyObject* compare_allocators(PyObject* self, PyObject* other, int operation) {
    if ((operation != Py_EQ && operation != Py_NE) || !PyObject_TypeCheck(other, allocator_type))
        return Py_NewRef(Py_NotImplemented);
    return truth((allocator_in(self) == allocator_in(other)) == (operation == Py_EQ));
}
void end_allocator(PyObject* self) {
    hwalloc_allocator_unref(allocator_in(self));
    free_object(self);
}

PyMethodDef allocator_methods[] = {
    {"find", as_method(find_allocator), METH_VARARGS | METH_KEYWORDS | METH_STATIC,
     "find(name=None)\n--\n\n"
     "The allocator of that name (\"sysmem\", \"dma-heap/system\", a family for its best instance, an "
     "alias), "
     "or None.\nA look-up and no more: it opens nothing. Without a name: the default."},
    {"resolve", as_method(resolve_allocator), METH_VARARGS | METH_KEYWORDS | METH_STATIC,
     "resolve(name=None)\n--\n\n"
     "The allocator of that name, like find(); and where the name is not known, modules and "
     "libhwalloc-vulkan\n"
     "are loaded and devices are looked for once more. Raises Error, which says why there is none."},
    {"register", as_method(register_allocator), METH_VARARGS | METH_KEYWORDS,
     "register($self, name)\n--\n\n"
     "Gives this allocator one more name in the process; the last who takes a name has it."},
    {"unregister", as_method(unregister_allocator), METH_VARARGS | METH_KEYWORDS | METH_STATIC,
     "unregister(name)\n--\n\n"
     "Takes a name out of the registry. Memory is not affected. Raises Error when it is not known."},
    {"set_default", set_default_allocator, METH_NOARGS,
     "set_default($self)\n--\n\n"
     "Makes this the allocator that is meant where none is named."},
    {"alloc", as_method(alloc_of), METH_VARARGS | METH_KEYWORDS,
     "alloc($self, size, *, flags=0, align=0, prefix=0, padding=0)\n--\n\n"
     "New memory of so many bytes. flags: MemoryFlags; align: a mask (bytes - 1) for the first byte of the "
     "region;\nprefix and padding: bytes before and after the window, over which it may be moved. Raises "
     "Error."},
    {"properties", properties_of, METH_NOARGS,
     "properties($self)\n--\n\nWhat its memory is like, as Properties. Raises Error where it does not say."},
    {"check", check_allocator, METH_NOARGS,
     "check($self)\n--\n\n"
     "Raises Error, with the remedy, when the allocator cannot work for this process now. Allocates "
     "nothing."},
    {"available", is_available, METH_NOARGS,
     "available($self)\n--\n\nWhether it can work for this process now. check() says why not."},
    {nullptr, nullptr, 0, nullptr}};
PyGetSetDef allocator_members[] = {{"name", allocator_name, nullptr,
                                    "The name that it was first registered under; empty when it never was.",
                                    nullptr},
                                   {"mem_type", allocator_mem_type, nullptr,
                                    "The kind of its memory: a family's name such as \"dma-heap\".", nullptr},
                                   {nullptr, nullptr, nullptr, nullptr, nullptr}};
PyType_Slot allocator_slots[] = {
    {Py_tp_doc, const_cast<char*>("Makes memory of one kind. find() and resolve() give one by its name.")},
    {Py_tp_dealloc, as_slot(end_allocator)},
    {Py_tp_repr, as_slot(allocator_repr)},
    {Py_tp_hash, as_slot(allocator_hash)},
    {Py_tp_richcompare, as_slot(compare_allocators)},
    {Py_tp_methods, allocator_methods},
    {Py_tp_getset, allocator_members},
    {0, nullptr}};
PyType_Spec allocator_spec = {"hwalloc.Allocator", sizeof(AllocatorObject), 0,
                              Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_BASETYPE,
                              allocator_slots};

PyObject* version_text(PyObject*, PyObject*) {
    return text_or_none(hwalloc_version());
}
PyObject* close_idle(PyObject*, PyObject*) {
    hwalloc_close_idle_devices();
    return none();
}

} // namespace

bool add_allocator(PyObject* module) {
    allocator_type = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&allocator_spec));
    return allocator_type &&
           PyModule_AddObjectRef(module, "Allocator", reinterpret_cast<PyObject*>(allocator_type)) == 0;
}

PyObject* allocator_object(hwalloc_allocator* allocator) {
    auto* made = new_object<AllocatorObject>(allocator_type);
    if (made)
        made->allocator = hwalloc_allocator_ref(allocator);
    return reinterpret_cast<PyObject*>(made);
}
bool allocator_of(PyObject* argument, hwalloc_allocator*& allocator) {
    allocator = nullptr;
    if (!argument || Py_IsNone(argument))
        return true;
    if (!PyObject_TypeCheck(argument, allocator_type)) {
        PyErr_SetString(PyExc_TypeError, "an Allocator is wanted, as Allocator.resolve(name) gives it");
        return false;
    }
    allocator = allocator_in(argument);
    return true;
}

PyMethodDef allocator_functions[] = {
    {"version", version_text, METH_NOARGS, "version()\n--\n\nThe version of the library, as \"0.1.0\"."},
    {"close_idle_devices", close_idle, METH_NOARGS,
     "close_idle_devices()\n--\n\n"
     "Closes the device nodes that the library keeps open for its next allocation, so that a driver's module "
     "can\n"
     "be unloaded."},
    {nullptr, nullptr, 0, nullptr}};

} // namespace hwalloc::python
