// Plans: which memory all participants take. A plan does not change once it is made, so that it may be used
// by any thread; its participants live no longer than the call that makes it.
#include <vector>

#include "participants.h"

namespace hwalloc::python {
namespace {

PyTypeObject* plan_type;

struct PlanObject {
    PyObject ob_base;
    hwalloc_plan* plan;
    Py_ssize_t participants;
};
PlanObject* plan_in(PyObject* self) {
    return reinterpret_cast<PlanObject*>(self);
}

PyObject* plan_object(hwalloc_plan* taken, Py_ssize_t participants) {
    auto* made = new_object<PlanObject>(plan_type);
    if (!made) {
        hwalloc_plan_free(taken);
        return nullptr;
    }
    made->plan = taken;
    made->participants = participants;
    return reinterpret_cast<PyObject*>(made);
}

// (participants, prefer, fourcc, width, height, policy, sizes, memory_per_plane, complete)
PyObject* make_plan(PyObject*, PyObject* args) {
    PyObject *who = nullptr, *prefer = nullptr, *sizes = nullptr;
    int per_plane = 0, complete = 0;
    hwalloc_plan_request request{};
    request.struct_size = sizeof request;
    if (!PyArg_ParseTuple(args, "O!O!IIIIO!pp", &PyTuple_Type, &who, &PyTuple_Type, &prefer, &request.fourcc,
                          &request.width, &request.height, &request.policy, &PyTuple_Type, &sizes, &per_plane,
                          &complete))
        return nullptr;
    Participants participants;
    for (Py_ssize_t i = 0; i < PyTuple_Size(who); ++i)
        if (!participants.add(PyTuple_GetItem(who, i)))
            return nullptr;
    std::vector<Ref> kept;
    std::vector<const char*> preferred;
    for (Py_ssize_t i = 0; i < PyTuple_Size(prefer); ++i) {
        PyObject* name = PyTuple_GetItem(prefer, i);
        if (!PyUnicode_Check(name)) {
            PyErr_SetString(PyExc_TypeError, "what is preferred is named");
            return nullptr;
        }
        kept.emplace_back(PyUnicode_AsUTF8String(name));
        if (!kept.back())
            return nullptr;
        preferred.push_back(PyBytes_AsString(kept.back().get()));
    }
    if (PyTuple_Size(sizes) > HWALLOC_MAX_PLANES)
        return wrong_value("there are four memories at most");
    for (Py_ssize_t i = 0; i < PyTuple_Size(sizes); ++i) {
        (i ? request.more_sizes[i - 1] : request.size) = PyLong_AsUnsignedLongLong(PyTuple_GetItem(sizes, i));
        if (PyErr_Occurred())
            return nullptr;
    }
    request.participants = participants.participants.data();
    request.participant_count = participants.participants.size();
    request.prefer = preferred.data();
    request.prefer_count = preferred.size();
    request.memory_per_plane = per_plane != 0;
    request.complete = complete != 0;
    hwalloc_plan* plan = nullptr;
    hwalloc_error* error = nullptr;
    const int answer = without_gil([&] { return hwalloc_plan_new(&request, &plan, &error); });
    return answer < 0 ? refuse(answer, error) : plan_object(plan, PyTuple_Size(who));
}

PyObject* cell_of(const hwalloc_plan* plan, size_t candidate, size_t participant) {
    Ref why(taken_error_or_none(hwalloc_plan_cell_why(plan, candidate, participant)));
    return why ? named("cell", Py_BuildValue("(zIOzzzz)", hwalloc_plan_participant_name(plan, participant),
                                             hwalloc_plan_cell_verdict(plan, candidate, participant),
                                             why.get(), hwalloc_plan_cell_use(plan, candidate, participant),
                                             hwalloc_plan_cell_once(plan, candidate, participant),
                                             hwalloc_plan_cell_begin(plan, candidate, participant),
                                             hwalloc_plan_cell_end(plan, candidate, participant)))
               : nullptr;
}
PyObject* candidate_of(const PlanObject* self, size_t index) {
    const hwalloc_plan* plan = self->plan;
    Ref cells(PyTuple_New(self->participants));
    for (Py_ssize_t i = 0; cells && i < self->participants; ++i) {
        PyObject* cell = cell_of(plan, index, static_cast<size_t>(i));
        if (!cell || PyTuple_SetItem(cells.get(), i, cell) < 0)
            return nullptr;
    }
    Ref why(cells ? taken_error_or_none(hwalloc_plan_cell_why(plan, index, SIZE_MAX)) : nullptr);
    hwalloc_image_layout layout{};
    layout.struct_size = sizeof layout;
    const bool tried = hwalloc_plan_candidate_layout(plan, index, &layout, nullptr) >= 0;
    Ref described(why ? tried ? layout_tuple(layout) : none() : nullptr);
    return described ? named("candidate", Py_BuildValue("(zIOOO)", hwalloc_plan_candidate_name(plan, index),
                                                        hwalloc_plan_candidate_verdict(plan, index),
                                                        why.get(), described.get(), cells.get()))
                     : nullptr;
}

PyObject* candidates(PyObject* self, void*) {
    const size_t count = hwalloc_plan_candidates(plan_in(self)->plan);
    Ref all(PyTuple_New(static_cast<Py_ssize_t>(count)));
    for (size_t i = 0; all && i < count; ++i) {
        PyObject* one = candidate_of(plan_in(self), i);
        if (!one || PyTuple_SetItem(all.get(), static_cast<Py_ssize_t>(i), one) < 0)
            return nullptr;
    }
    return all.release();
}
PyObject* ranking(PyObject* self, void*) {
    const hwalloc_plan* plan = plan_in(self)->plan;
    Ref names(PyList_New(0));
    size_t index = 0;
    for (size_t place = 0; names && (index = hwalloc_plan_ranking(plan, place)) != SIZE_MAX; ++place) {
        Ref name(text_or_none(hwalloc_plan_candidate_name(plan, index)));
        if (!name || PyList_Append(names.get(), name.get()) < 0)
            return nullptr;
    }
    return names ? PyList_AsTuple(names.get()) : nullptr;
}
PyObject* choice(PyObject* self, void*) {
    const hwalloc_plan* plan = plan_in(self)->plan;
    const size_t index = hwalloc_plan_ranking(plan, 0);
    return index == SIZE_MAX ? none() : text_or_none(hwalloc_plan_candidate_name(plan, index));
}
PyObject* plan_error(PyObject* self, void*) {
    return taken_error_or_none(hwalloc_plan_error(plan_in(self)->plan));
}
PyObject* participants(PyObject* self, void*) {
    const PlanObject* object = plan_in(self);
    Ref all(PyTuple_New(object->participants));
    for (Py_ssize_t i = 0; all && i < object->participants; ++i) {
        const auto index = static_cast<size_t>(i);
        const uint32_t needs = hwalloc_plan_participant_needs_contiguous(object->plan, index);
        PyObject* one = named("PlanParticipant",
                              Py_BuildValue("(zOz)", hwalloc_plan_participant_name(object->plan, index),
                                            needs == HWALLOC_UNKNOWN ? Py_None
                                            : needs == HWALLOC_YES   ? Py_True
                                                                     : Py_False,
                                            hwalloc_plan_participant_why_contiguous(object->plan, index)));
        if (!one || PyTuple_SetItem(all.get(), i, one) < 0)
            return nullptr;
    }
    return all.release();
}
PyObject* explain(PyObject* self, PyObject*) {
    const char* text = hwalloc_plan_explain(plan_in(self)->plan);
    return text ? text_or_none(text) : out_of_memory();
}
PyObject* plan_copy(PyObject* self, void*) {
    size_t count = 0;
    hwalloc_plan *from = nullptr, *to = nullptr;
    hwalloc_error* error = nullptr;
    if (const int answer = hwalloc_plan_copy(plan_in(self)->plan, &count, &from, &to, &error); answer < 0)
        return refuse(answer, error);
    if (!from)
        return none();
    // Each has the CPU as one more.
    const auto first = static_cast<Py_ssize_t>(count);
    Ref before(plan_object(from, first + 1));
    Ref after(plan_object(to, plan_in(self)->participants - first + 1));
    return before && after ? Py_BuildValue("(nOO)", first, before.get(), after.get()) : nullptr;
}

PyObject* allocate(PyObject* self, PyObject* args, PyObject* kwargs) {
    static const char* const names[] = {"count", "first", nullptr};
    Py_ssize_t count = 0, first = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "n|n:allocate", keywords(names), &count, &first))
        return nullptr;
    if (count < 1 || first < 0)
        return wrong_value("at least one buffer is asked for, from a place of the ranking on");
    const hwalloc_plan* plan = plan_in(self)->plan;
    hwalloc_plan_buffers* buffers = nullptr;
    hwalloc_error* error = nullptr;
    int answer = without_gil([&] {
        return hwalloc_plan_allocate(plan, static_cast<size_t>(count), static_cast<size_t>(first), &buffers,
                                     &error);
    });
    if (answer < 0)
        return refuse(answer, error);
    hwalloc_image_layout layout{};
    layout.struct_size = sizeof layout;
    answer = hwalloc_plan_buffers_layout(buffers, &layout, &error);
    size_t memories = 0;
    hwalloc_memory* const* lent = hwalloc_plan_buffers_memories(buffers, &memories);
    Ref list(PyList_New(0));
    bool complete = bool(list);
    for (size_t i = 0; complete && i < memories; ++i) {
        Ref one(lent_memory(lent[i]));
        complete = one && PyList_Append(list.get(), one.get()) == 0;
    }
    Ref name(text_or_none(hwalloc_plan_candidate_name(plan, hwalloc_plan_buffers_candidate(buffers))));
    hwalloc_plan_buffers_free(buffers);
    if (answer < 0)
        return refuse(answer, error);
    Ref described(complete && name ? layout_tuple(layout) : nullptr);
    return described ? named("buffers", Py_BuildValue("(OOO)", name.get(), described.get(), list.get()))
                     : nullptr;
}

PyObject* plan_repr(PyObject* self) {
    const hwalloc_plan* plan = plan_in(self)->plan;
    const size_t index = hwalloc_plan_ranking(plan, 0);
    return PyUnicode_FromFormat("<hwalloc.Plan of %s>",
                                index == SIZE_MAX ? "nothing" : hwalloc_plan_candidate_name(plan, index));
}
void end_plan(PyObject* self) {
    hwalloc_plan_free(plan_in(self)->plan);
    free_object(self);
}
PyObject* forget(PyObject*, PyObject*) {
    hwalloc_forget_plans();
    return none();
}

PyMethodDef plan_methods[] = {
    {"explain", explain, METH_NOARGS,
     "explain($self)\n--\n\nThe whole story: a line for each candidate and one for each refusal."},
    {"allocate", as_method(allocate), METH_VARARGS | METH_KEYWORDS,
     "allocate($self, count, first=0)\n--\n\n"
     "A list of so many Images of the choice, or when these cannot be had of the next in the ranking, from "
     "its place\n"
     "`first` on. Raises Error."},
    {nullptr, nullptr, 0, nullptr}};
PyGetSetDef plan_members[] = {
    {"choice", choice, nullptr, "The name of the memory to take; None: there is none, and error says why.",
     nullptr},
    {"ranking", ranking, nullptr, "The names of all that may be taken, the best one first.", nullptr},
    {"candidates", candidates, nullptr, "A Candidate for each memory that was looked at.", nullptr},
    {"participants", participants, nullptr, "Who shares the memory: a PlanParticipant for each.", nullptr},
    {"error", plan_error, nullptr, "An Error that says why there is no choice; None: there is one.", nullptr},
    {"copy", plan_copy, nullptr,
     "Where no memory does for all and a copy is allowed: how many of the first participants share the "
     "memory of one\n"
     "plan, that plan, and the one of the rest; else None.",
     nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr}};
PyType_Slot plan_slots[] = {
    {Py_tp_doc, const_cast<char*>("Which memory all participants take, found by trying.")},
    {Py_tp_dealloc, as_slot(end_plan)},
    {Py_tp_repr, as_slot(plan_repr)},
    {Py_tp_methods, plan_methods},
    {Py_tp_getset, plan_members},
    {0, nullptr}};
PyType_Spec plan_spec = {"hwalloc.Plan", sizeof(PlanObject), 0,
                         Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, plan_slots};

} // namespace

bool add_plan(PyObject* module) {
    plan_type = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&plan_spec));
    return plan_type && PyModule_AddObjectRef(module, "Plan", reinterpret_cast<PyObject*>(plan_type)) == 0;
}

PyMethodDef plan_functions[] = {{"_plan", make_plan, METH_VARARGS, nullptr},
                                {"forget_plans", forget, METH_NOARGS,
                                 "forget_plans()\n--\n\nThe next plan is made anew, whatever is remembered."},
                                {nullptr, nullptr, 0, nullptr}};

} // namespace hwalloc::python
