// Errors of the library as Python's exceptions: hwalloc._errors makes them, of the facts that are gathered
// here.
#include <cerrno>
#include <cstring>

#include "native.h"

namespace hwalloc::python {
namespace {

PyObject *make_error, *values_module; // hwalloc._errors.made, hwalloc._values

// (answer, kind, domain, code, message, operation, device, call, remedy, mend, wanted, held, causes, json) as
// an exception.
PyObject* exception_of(int answer, const hwalloc_error* error) {
    Ref causes(PyList_New(0));
    if (!causes)
        return nullptr;
    for (uint32_t i = 0; const hwalloc_error* cause = error ? hwalloc_error_cause(error, i) : nullptr; ++i) {
        Ref made(exception_of(0, cause));
        if (!made || PyList_Append(causes.get(), made.get()) < 0)
            return nullptr;
    }
    Ref texts(PyTuple_New(7));
    if (!texts)
        return nullptr;
    const char* const words[] = {hwalloc_error_message(error), hwalloc_error_operation(error),
                                 hwalloc_error_device(error),  hwalloc_error_call(error),
                                 hwalloc_error_remedy(error),  hwalloc_error_mend(error),
                                 hwalloc_error_json(error)};
    for (Py_ssize_t i = 0; i < 7; ++i) {
        PyObject* text = text_or_none(words[i]);
        if (!text || PyTuple_SetItem(texts.get(), i, text) < 0)
            return nullptr;
    }
    return PyObject_CallFunction(
        make_error, "isIiOKKO", answer, hwalloc_error_kind_name(hwalloc_error_kind(error)),
        static_cast<unsigned>(hwalloc_error_domain(error)), hwalloc_error_code(error), texts.get(),
        static_cast<unsigned long long>(hwalloc_error_size_wanted(error)),
        static_cast<unsigned long long>(hwalloc_error_size_held(error)), causes.get());
}

} // namespace

bool open_errors() {
    Ref module(PyImport_ImportModule("hwalloc._errors"));
    Py_XDECREF(make_error);
    make_error = module ? PyObject_GetAttrString(module.get(), "made") : nullptr;
    Py_XDECREF(values_module);
    values_module = make_error ? PyImport_ImportModule("hwalloc._values") : nullptr;
    return values_module != nullptr;
}

PyObject* refuse(int answer, hwalloc_error* error) {
    Ref exception(exception_of(answer, error));
    hwalloc_error_free(error);
    if (exception)
        PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(exception.get())), exception.get());
    return nullptr;
}
PyObject* error_or_none(const hwalloc_error* error) {
    return error ? exception_of(0, error) : none();
}
PyObject* taken_error_or_none(hwalloc_error* error) {
    PyObject* exception = error_or_none(error);
    hwalloc_error_free(error);
    return exception;
}
PyObject* wrong_value(const char* what) {
    PyErr_SetString(PyExc_ValueError, what);
    return nullptr;
}
PyObject* out_of_memory() {
    return refuse(-ENOMEM, nullptr);
}

PyObject* named(const char* name, PyObject* values) {
    Ref given(values), maker(values ? PyObject_GetAttrString(values_module, name) : nullptr);
    return maker ? PyObject_CallObject(maker.get(), given.get()) : nullptr;
}
PyObject* text_or_none(const char* text) {
    return text ? PyUnicode_DecodeUTF8(text, static_cast<Py_ssize_t>(std::strlen(text)), "replace") : none();
}

} // namespace hwalloc::python
