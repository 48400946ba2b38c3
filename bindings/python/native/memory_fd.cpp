// Memory by descriptor: lent, given out, and taken in.
#include <cstring>

#include "native.h"

namespace hwalloc::python {
namespace {

hwalloc_memory* memory_of(PyObject* self) {
    return reinterpret_cast<MemoryObject*>(self)->memory;
}

bool kind_of(const char* name, uint32_t& kind) {
    if (std::strcmp(name, "dmabuf") == 0)
        kind = HWALLOC_FD_DMABUF;
    else if (std::strcmp(name, "memfd") == 0)
        kind = HWALLOC_FD_MEMFD;
    else
        return wrong_value("a descriptor is a \"dmabuf\" or a \"memfd\"") != nullptr;
    return true;
}

PyObject* memory_fileno(PyObject* self, PyObject*) {
    hwalloc_borrowed_fd lent{};
    lent.struct_size = sizeof lent;
    hwalloc_error* error = nullptr;
    if (hwalloc_memory_borrow_fd(memory_of(self), HWALLOC_FD_MEMFD, &lent, nullptr) >= 0)
        return PyLong_FromLong(lent.fd);
    const int answer = hwalloc_memory_borrow_fd(memory_of(self), HWALLOC_FD_DMABUF, &lent, &error);
    return answer < 0 ? refuse(answer, error) : PyLong_FromLong(lent.fd);
}
PyObject* export_descriptor(PyObject* self, PyObject* args, PyObject* kwargs) {
    static const char* const names[] = {"kind", nullptr};
    const char* name = "dmabuf";
    uint32_t kind = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|s:export_fd", keywords(names), &name) ||
        !kind_of(name, kind))
        return nullptr;
    int fd = -1;
    hwalloc_error* error = nullptr;
    const int answer = hwalloc_memory_export_fd(memory_of(self), kind, &fd, &error);
    return answer < 0 ? refuse(answer, error) : PyLong_FromLong(fd);
}
PyObject* borrow_descriptor(PyObject* self, PyObject* args, PyObject* kwargs) {
    static const char* const names[] = {"kind", nullptr};
    const char* name = "dmabuf";
    uint32_t kind = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|s:borrow_fd", keywords(names), &name) ||
        !kind_of(name, kind))
        return nullptr;
    hwalloc_borrowed_fd lent{};
    lent.struct_size = sizeof lent;
    hwalloc_error* error = nullptr;
    const int answer = hwalloc_memory_borrow_fd(memory_of(self), kind, &lent, &error);
    if (answer < 0)
        return refuse(answer, error);
    Ref writable(truth(lent.writable != 0));
    return named("BorrowedFd", Py_BuildValue("(isKKO)", static_cast<int>(lent.fd), name,
                                             static_cast<unsigned long long>(lent.offset),
                                             static_cast<unsigned long long>(lent.size), writable.get()));
}
PyObject* import_descriptor(PyObject*, PyObject* args, PyObject* kwargs) {
    static const char* const names[] = {"fd", "offset", "size", "flags", "allocator", nullptr};
    PyObject *file = nullptr, *given = nullptr, *importer = nullptr;
    Py_ssize_t offset = 0;
    size_t size = HWALLOC_WHOLE;
    unsigned flags = 0;
    hwalloc_allocator* allocator = nullptr;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|nO$IO:import_dmabuf", keywords(names), &file, &offset,
                                     &given, &flags, &importer) ||
        !allocator_of(importer, allocator))
        return nullptr;
    if (given && !Py_IsNone(given)) {
        const Py_ssize_t number = PyNumber_AsSsize_t(given, PyExc_OverflowError);
        if (number < 0)
            return PyErr_Occurred() ? nullptr
                                    : wrong_value("a size is a number of bytes; None: all that is left");
        size = static_cast<size_t>(number);
    }
    if (offset < 0)
        return wrong_value("a window begins within the dma-buf: offset is not negative");
    const int fd = PyObject_AsFileDescriptor(file);
    if (fd < 0)
        return nullptr;
    hwalloc_memory* memory = nullptr;
    hwalloc_error* error = nullptr;
    const int answer = without_gil([&] {
        return hwalloc_import_dmabuf(allocator, fd, static_cast<size_t>(offset), size, flags, &memory,
                                     &error);
    });
    return answer < 0 ? refuse(answer, error) : memory_object(memory);
}

} // namespace

PyMethodDef memory_fd_methods[] = {
    {"fileno", memory_fileno, METH_NOARGS,
     "fileno($self)\n--\n\n"
     "The descriptor of its dma-buf or memfd, lent: valid as long as the memory, and not to be closed. "
     "Raises "
     "Error\nwhere it has none."},
    {"export_fd", as_method(export_descriptor), METH_VARARGS | METH_KEYWORDS,
     "export_fd($self, kind=\"dmabuf\")\n--\n\n"
     "A new descriptor of its dma-buf or \"memfd\", which the caller closes. Raises Error."},
    {"borrow_fd", as_method(borrow_descriptor), METH_VARARGS | METH_KEYWORDS,
     "borrow_fd($self, kind=\"dmabuf\")\n--\n\n"
     "The lent descriptor, and where the window lies in what it stands for, as BorrowedFd. Raises Error."},
    {"import_dmabuf", as_method(import_descriptor), METH_VARARGS | METH_KEYWORDS | METH_STATIC,
     "import_dmabuf(fd, offset=0, size=None, *, flags=0, allocator=None)\n--\n\n"
     "Memory on a dma-buf from elsewhere, by its descriptor or an object that has fileno(), which stays the\n"
     "caller's. By the allocator \"dmabuf\", or by one that imports for its device. Raises Error."},
    {nullptr, nullptr, 0, nullptr}};

} // namespace hwalloc::python
