#include "participants.h"

#include <cstring>

namespace hwalloc::python {
namespace {

uint32_t access_of(const char* name) {
    constexpr struct {
        const char* name;
        uint32_t access;
    } cpus[] = {
        {"cpu", HWALLOC_MAP_READWRITE}, {"cpu read", HWALLOC_MAP_READ}, {"cpu write", HWALLOC_MAP_WRITE}};
    for (const auto& cpu : cpus)
        if (std::strcmp(name, cpu.name) == 0)
            return cpu.access;
    return 0;
}

hwalloc_participant* participant_by_name(PyObject* who) {
    Ref bytes(PyUnicode_Check(who) ? PyUnicode_AsUTF8String(who) : nullptr);
    if (!bytes) {
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_TypeError,
                            "a participant is a Camera, or text: an allocator's name, \"cpu\", "
                            "\"cpu read\", \"output /dev/video1\"");
        return nullptr;
    }
    const char* name = PyBytes_AsString(bytes.get());
    constexpr const char output[] = "output ";
    hwalloc_participant* made = nullptr;
    hwalloc_error* error = nullptr;
    const int answer = without_gil([&] {
        if (const uint32_t access = access_of(name))
            return hwalloc_cpu_participant(access, &made, &error);
        if (std::strncmp(name, output, sizeof output - 1) == 0)
            return hwalloc_output_participant(name + sizeof output - 1, 0, &made, &error);
        return hwalloc_participant_of(name, &made, &error);
    });
    if (answer < 0)
        refuse(answer, error);
    return made;
}

} // namespace

// exception.
bool Participants::add(PyObject* who) {
    hwalloc_participant* made = nullptr;
    if (is_camera(who)) {
        void* use = nullptr;
        made = participant_of_camera(who, &use);
        cameras.push_back(use);
    } else {
        made = participant_by_name(who);
    }
    if (made)
        participants.push_back(made);
    return made != nullptr;
}

} // namespace hwalloc::python
