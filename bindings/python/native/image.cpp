// Pictures: pixel formats, layouts, and memory for a picture. A layout is a hwalloc.Layout on Python's side,
// which begins with the name of its format; what comes back is read by its members' places.
#include <cstring>

#include "native.h"

namespace hwalloc::python {
namespace {

PyObject* planes_tuple(const hwalloc_image_layout& layout) {
    Ref planes(PyTuple_New(static_cast<Py_ssize_t>(layout.plane_count)));
    for (uint32_t i = 0; planes && i < layout.plane_count; ++i) {
        const hwalloc_image_plane& plane = layout.planes[i];
        PyObject* one = named("Plane", Py_BuildValue("(IIKK)", plane.memory, plane.stride,
                                                     static_cast<unsigned long long>(plane.offset),
                                                     static_cast<unsigned long long>(plane.size)));
        if (!one || PyTuple_SetItem(planes.get(), static_cast<Py_ssize_t>(i), one) < 0)
            return nullptr;
    }
    return planes.release();
}
PyObject* sizes_tuple(const hwalloc_image_layout& layout) {
    Ref sizes(PyTuple_New(static_cast<Py_ssize_t>(layout.memory_count)));
    for (uint32_t i = 0; sizes && i < layout.memory_count; ++i) {
        PyObject* one = PyLong_FromUnsignedLongLong(layout.memory_sizes[i]);
        if (!one || PyTuple_SetItem(sizes.get(), static_cast<Py_ssize_t>(i), one) < 0)
            return nullptr;
    }
    return sizes.release();
}

PyObject* pixel_format(PyObject*, PyObject* args, PyObject* kwargs) {
    static const char* const names[] = {"name", nullptr};
    const char* name = nullptr;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "s:pixel_format", keywords(names), &name))
        return nullptr;
    uint32_t drm = 0, v4l2 = 0, vulkan = 0;
    hwalloc_error* error = nullptr;
    if (const int answer = hwalloc_pixel_format(name, &drm, &v4l2, &vulkan, &error); answer < 0)
        return refuse(answer, error);
    const char* known = drm ? hwalloc_drm_format_name(drm) : hwalloc_v4l2_format_name(v4l2);
    Ref yuv(truth(drm && hwalloc_drm_format_is_yuv(drm))), called(text_or_none(known ? known : name));
    return called ? named("PixelFormat", Py_BuildValue("(OIIIO)", called.get(), drm, v4l2, vulkan, yuv.get()))
                  : nullptr;
}
PyObject* linear(PyObject*, PyObject* args) {
    unsigned fourcc = 0, width = 0, height = 0, stride = 0;
    int per_plane = 0;
    if (!PyArg_ParseTuple(args, "IIIIp", &fourcc, &width, &height, &stride, &per_plane))
        return nullptr;
    hwalloc_image_layout layout{};
    layout.struct_size = sizeof layout;
    hwalloc_error* error = nullptr;
    int answer = hwalloc_linear_layout(fourcc, width, height, stride, &layout, &error);
    if (answer >= 0 && per_plane)
        answer = hwalloc_memory_per_plane(&layout, &error);
    return answer < 0 ? refuse(answer, error) : layout_tuple(layout);
}

// (layout, [memory, ...]) of a picture, which is ended.
PyObject* parts_of(hwalloc_image* image) {
    hwalloc_image_layout layout{};
    layout.struct_size = sizeof layout;
    hwalloc_error* error = nullptr;
    const int answer = hwalloc_image_get_layout(image, &layout, &error);
    Ref memories(PyList_New(0));
    bool complete = bool(memories);
    for (uint32_t i = 0; hwalloc_memory* memory = complete ? hwalloc_image_memory(image, i) : nullptr; ++i) {
        Ref one(lent_memory(memory));
        complete = one && PyList_Append(memories.get(), one.get()) == 0;
    }
    hwalloc_image_free(image);
    if (answer < 0)
        return refuse(answer, error);
    Ref described(complete ? layout_tuple(layout) : nullptr);
    return described ? Py_BuildValue("(OO)", described.get(), memories.get()) : nullptr;
}
PyObject* alloc_image(PyObject*, PyObject* args) {
    PyObject *given = nullptr, *modifiers = nullptr;
    unsigned fourcc = 0, width = 0, height = 0;
    hwalloc_allocator* allocator = nullptr;
    if (!PyArg_ParseTuple(args, "OIIIO", &given, &fourcc, &width, &height, &modifiers) ||
        !allocator_of(given, allocator))
        return nullptr;
    uint64_t wanted[64];
    const Py_ssize_t count = PySequence_Size(modifiers);
    if (count < 0 || count > 64)
        return count < 0 ? nullptr : wrong_value("no driver has so many modifiers: 64 at most");
    for (Py_ssize_t i = 0; i < count; ++i) {
        Ref one(PySequence_GetItem(modifiers, i));
        wanted[i] = one ? PyLong_AsUnsignedLongLong(one.get()) : 0;
        if (PyErr_Occurred())
            return nullptr;
    }
    hwalloc_image* image = nullptr;
    hwalloc_error* error = nullptr;
    const int answer = without_gil([&] {
        return hwalloc_alloc_image(allocator, fourcc, width, height, count ? wanted : nullptr,
                                   static_cast<size_t>(count), &image, &error);
    });
    return answer < 0 ? refuse(answer, error) : parts_of(image);
}
PyObject* alloc_layout(PyObject*, PyObject* args) {
    PyObject *given = nullptr, *described = nullptr;
    hwalloc_allocator* allocator = nullptr;
    hwalloc_image_layout layout{};
    if (!PyArg_ParseTuple(args, "OO", &given, &described) || !allocator_of(given, allocator) ||
        !layout_of(described, layout))
        return nullptr;
    hwalloc_image* image = nullptr;
    hwalloc_error* error = nullptr;
    const int answer = without_gil([&] { return hwalloc_alloc_layout(allocator, &layout, &image, &error); });
    return answer < 0 ? refuse(answer, error) : parts_of(image);
}

} // namespace

PyObject* layout_tuple(const hwalloc_image_layout& layout) {
    Ref planes(planes_tuple(layout)), sizes(planes ? sizes_tuple(layout) : nullptr);
    Ref name(sizes ? text_or_none(hwalloc_drm_format_name(layout.fourcc)) : nullptr);
    if (!name)
        return nullptr;
    return named("layout", Py_BuildValue("(OIIIKOOII)", name.get(), layout.fourcc, layout.width,
                                         layout.height, static_cast<unsigned long long>(layout.modifier),
                                         planes.get(), sizes.get(), layout.matrix, layout.range));
}

// Takes hwalloc._values.numbers_of(layout): (fourcc, width, height, modifier, planes, sizes, matrix, range).
bool layout_of(PyObject* tuple, hwalloc_image_layout& layout) {
    layout = {};
    layout.struct_size = sizeof layout;
    PyObject *planes = nullptr, *sizes = nullptr;
    unsigned long long modifier = 0;
    if (!PyTuple_Check(tuple) ||
        !PyArg_ParseTuple(tuple, "IIIKO!O!II", &layout.fourcc, &layout.width, &layout.height, &modifier,
                          &PyTuple_Type, &planes, &PyTuple_Type, &sizes, &layout.matrix, &layout.range)) {
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_TypeError, "a Layout is wanted");
        return false;
    }
    const Py_ssize_t plane_count = PyTuple_Size(planes), memory_count = PyTuple_Size(sizes);
    if (plane_count > HWALLOC_MAX_PLANES || memory_count > HWALLOC_MAX_PLANES)
        return wrong_value("a picture has four planes at most") != nullptr;
    layout.modifier = modifier;
    layout.plane_count = static_cast<uint32_t>(plane_count);
    layout.memory_count = static_cast<uint32_t>(memory_count);
    for (Py_ssize_t i = 0; i < plane_count; ++i) {
        unsigned long long offset = 0, size = 0;
        hwalloc_image_plane& plane = layout.planes[i];
        if (!PyArg_ParseTuple(PyTuple_GetItem(planes, i), "IIKK", &plane.memory, &plane.stride, &offset,
                              &size))
            return false;
        plane.offset = offset;
        plane.size = size;
    }
    for (Py_ssize_t i = 0; i < memory_count; ++i) {
        layout.memory_sizes[i] = PyLong_AsUnsignedLongLong(PyTuple_GetItem(sizes, i));
        if (PyErr_Occurred())
            return false;
    }
    return true;
}

PyMethodDef image_functions[] = {
    {"pixel_format", as_method(pixel_format), METH_VARARGS | METH_KEYWORDS,
     "pixel_format(name)\n--\n\n"
     "The PixelFormat that people call so (\"YUYV\", \"nv12\", \"BGRA\"). Raises Error where nothing is."},
    {"_linear", linear, METH_VARARGS, "_linear(fourcc, width, height, stride, per_plane)\n--\n\nA Layout."},
    {"_alloc_image", alloc_image, METH_VARARGS,
     "_alloc_image(allocator, fourcc, width, height, modifiers)\n--\n\n(layout, memories)"},
    {"_alloc_layout", alloc_layout, METH_VARARGS,
     "_alloc_layout(allocator, layout)\n--\n\n(layout, memories)"},
    {nullptr, nullptr, 0, nullptr}};

} // namespace hwalloc::python
