// The extension hwalloc._native: what the package hwalloc stands on.
#include "native.h"

namespace hwalloc::python {
namespace {

// Another interpreter of the process would share these types, and memory can find its way to the first one
// only.
bool is_first_interpreter() {
    if (PyInterpreterState_GetID(PyInterpreterState_Get()) == 0)
        return true;
    PyErr_SetString(
        PyExc_ImportError,
        "hwalloc works in the main interpreter only: its memory may end in any thread, which finds no "
        "other interpreter. Use threads or processes");
    return false;
}

int fill_module(PyObject* module) {
    if (!is_first_interpreter() || !open_errors() || !add_allocator(module) || !add_memory(module) ||
        !add_view(module) || !add_plan(module) || !add_camera(module))
        return -1;
    for (PyMethodDef* functions : {allocator_functions, memory_functions, image_functions,
                                   inventory_functions, plan_functions, camera_functions})
        if (PyModule_AddFunctions(module, functions) < 0)
            return -1;
    return 0;
}

} // namespace
} // namespace hwalloc::python

// Python makes this name of the module's.
// NOLINTNEXTLINE(bugprone-reserved-identifier,readability-identifier-naming)
PyMODINIT_FUNC PyInit__native() {
    using namespace hwalloc::python;
    // Slot 3, Py_mod_multiple_interpreters, is not in 3.11, which refuses slots that it does not know; 0 is
    // "not supported".
    static PyModuleDef_Slot slots[] = {{Py_mod_exec, as_slot(fill_module)}, {0, nullptr}, {0, nullptr}};
    if (Py_Version >= 0x030C0000)
        slots[1].slot = 3;
    static PyModuleDef definition = {PyModuleDef_HEAD_INIT,
                                     "hwalloc._native",
                                     "The extension that the package hwalloc stands on.",
                                     0,
                                     nullptr,
                                     slots,
                                     nullptr,
                                     nullptr,
                                     nullptr};
    return PyModuleDef_Init(&definition);
}
