// What there is: every allocator, and why those that cannot be used cannot.
#include "native.h"

namespace hwalloc::python {
namespace {

PyObject* aliases_of(const hwalloc_inventory* inventory, size_t index) {
    Ref aliases(PyList_New(0));
    for (size_t i = 0; const char* alias = aliases ? hwalloc_inventory_alias(inventory, index, i) : nullptr;
         ++i) {
        Ref text(text_or_none(alias));
        if (!text || PyList_Append(aliases.get(), text.get()) < 0)
            return nullptr;
    }
    return aliases ? PyList_AsTuple(aliases.get()) : nullptr;
}
PyObject* item_of(const hwalloc_inventory* inventory, size_t index) {
    hwalloc_allocator* allocator = hwalloc_inventory_allocator(inventory, index);
    Ref name(text_or_none(hwalloc_inventory_name(inventory, index)));
    Ref family(name ? text_or_none(hwalloc_inventory_family(inventory, index)) : nullptr);
    Ref backend(family ? text_or_none(hwalloc_inventory_backend(inventory, index)) : nullptr);
    Ref aliases(backend ? aliases_of(inventory, index) : nullptr);
    Ref object(aliases ? allocator ? allocator_object(allocator) : none() : nullptr);
    Ref why(object ? error_or_none(hwalloc_inventory_why(inventory, index)) : nullptr);
    if (!why)
        return nullptr;
    Ref is_default(truth(hwalloc_inventory_is_default(inventory, index)));
    return named("Item", Py_BuildValue("(OOOOOOO)", name.get(), family.get(), backend.get(), aliases.get(),
                                       object.get(), why.get(), is_default.get()));
}

PyObject* take_inventory(PyObject*, PyObject* args, PyObject* kwargs) {
    static const char* const names[] = {"quick", nullptr};
    int quick = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|$p:inventory", keywords(names), &quick))
        return nullptr;
    hwalloc_inventory* inventory = nullptr;
    hwalloc_error* error = nullptr;
    const int answer = without_gil([&] {
        return hwalloc_inventory_new(quick ? HWALLOC_SCAN_QUICK : HWALLOC_SCAN_FULL, &inventory, &error);
    });
    if (answer < 0)
        return refuse(answer, error);
    Ref list(PyList_New(0));
    bool complete = bool(list);
    for (size_t i = 0; complete && i < hwalloc_inventory_size(inventory); ++i) {
        Ref item(item_of(inventory, i));
        complete = item && PyList_Append(list.get(), item.get()) == 0;
    }
    hwalloc_inventory_free(inventory);
    return complete ? list.release() : nullptr;
}

} // namespace

PyMethodDef inventory_functions[] = {{"inventory", as_method(take_inventory), METH_VARARGS | METH_KEYWORDS,
                                      "inventory(*, quick=False)\n--\n\n"
                                      "A list with an Item for every allocator, and for what could not be "
                                      "registered, with the reason. quick: loads "
                                      "and\nopens nothing, so that nobody is asked whether it is available."},
                                     {nullptr, nullptr, 0, nullptr}};

} // namespace hwalloc::python
