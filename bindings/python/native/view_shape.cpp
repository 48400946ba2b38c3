// How the bytes of a view lie: in one row, or as shape and strides say, within the window.
#include "native.h"

namespace hwalloc::python {
namespace {

// Numbers of a sequence, at most three; how many, or -1 with an exception.
int numbers_of(PyObject* sequence, Py_ssize_t* numbers, const char* what) {
    const Py_ssize_t count = PySequence_Size(sequence);
    if (count < 1 || count > 3) {
        if (!PyErr_Occurred())
            PyErr_Format(PyExc_ValueError, "%s has one to three numbers", what);
        return -1;
    }
    for (Py_ssize_t i = 0; i < count; ++i) {
        Ref one(PySequence_GetItem(sequence, i));
        numbers[i] = one ? PyNumber_AsSsize_t(one.get(), PyExc_OverflowError) : -1;
        if (numbers[i] < 0) {
            if (!PyErr_Occurred())
                PyErr_Format(PyExc_ValueError, "%s has a negative number", what);
            return -1;
        }
    }
    return static_cast<int>(count);
}

} // namespace

// Sets shape and strides for a window of so many bytes; false with an exception.
bool lay_out(ViewObject& view, Py_ssize_t window, Py_ssize_t offset, PyObject* shape, PyObject* strides) {
    if (offset < 0 || offset > window) {
        PyErr_Format(PyExc_ValueError, "offset %zd is outside the %zd bytes of the window", offset, window);
        return false;
    }
    view.dimensions = 1;
    view.shape[0] = window - offset;
    view.strides[0] = 1;
    if (shape && !Py_IsNone(shape)) {
        view.dimensions = numbers_of(shape, view.shape, "shape");
        if (view.dimensions < 0)
            return false;
        bool given = strides && !Py_IsNone(strides);
        if (given && numbers_of(strides, view.strides, "strides") != view.dimensions) {
            if (!PyErr_Occurred())
                wrong_value("strides has as many numbers as shape");
            return false;
        }
        for (int i = view.dimensions - 1; !given && i >= 0; --i)
            view.strides[i] = i == view.dimensions - 1 ? 1 : view.strides[i + 1] * view.shape[i + 1];
    } else if (strides && !Py_IsNone(strides)) {
        wrong_value("strides need a shape");
        return false;
    }
    // The last byte, and whether the rows follow each other without a gap.
    unsigned long long last = 0, bytes = 1;
    view.contiguous = true;
    for (int i = view.dimensions - 1; i >= 0; --i) {
        const auto count = static_cast<unsigned long long>(view.shape[i]);
        const auto stride = static_cast<unsigned long long>(view.strides[i]);
        unsigned long long step = 0;
        view.contiguous = view.contiguous && (stride == bytes || count <= 1);
        if (__builtin_mul_overflow(bytes, count, &bytes) ||
            __builtin_mul_overflow(count ? count - 1 : 0, stride, &step) ||
            __builtin_add_overflow(last, step, &last)) {
            wrong_value("shape and strides are larger than any memory");
            return false;
        }
    }
    if (bytes && last >= static_cast<unsigned long long>(window - offset)) {
        PyErr_Format(PyExc_ValueError,
                     "shape and strides want %llu bytes from offset %zd on; the window has %zd", last + 1,
                     offset, window);
        return false;
    }
    view.bytes = static_cast<Py_ssize_t>(bytes);
    view.contiguous = view.contiguous || bytes == 0;
    return true;
}

} // namespace hwalloc::python
