#include "choice.h"

#include <string_view>
#include <utility>
#include <vector>

#include "hwalloc/allocator.h"
#include "hwalloc/plan.h"

namespace hwalloc::gst {

namespace {

constexpr int most_elements = 64; // in one direction: a pipeline may be a circle

// The next element in one direction where there is no other; the caller's reference.
GstElement* beside(GstElement* element, const char* pad_name) {
    GstPad* const pad = gst_element_get_static_pad(element, pad_name);
    if (!pad)
        return nullptr;
    GstPad* const peer = gst_pad_get_peer(pad);
    gst_object_unref(pad);
    if (!peer)
        return nullptr;
    GstElement* const next = gst_pad_get_parent_element(peer);
    gst_object_unref(peer);
    return next;
}

std::string text_of(GstElement* element, const char* property) {
    gchar* text = nullptr;
    if (g_object_class_find_property(G_OBJECT_GET_CLASS(element), property))
        g_object_get(element, property, &text, nullptr);
    std::string copy = text ? text : "";
    g_free(text);
    return copy;
}

// The device that an element stands for, by the name of its allocator; empty where it is none that is known
// here.
std::string device_of(GstElement* element) {
    GstElementFactory* const factory = gst_element_get_factory(element);
    const std::string_view kind = factory ? GST_OBJECT_NAME(factory) : "";
    if (kind == "v4l2src") {
        const std::string node = text_of(element, "device");
        return node.starts_with("/dev/") ? "v4l2/" + node.substr(5) : std::string();
    }
    if (kind == "kmssink") {
        const std::string driver = text_of(element, "driver-name");
        return driver.empty() ? "drm-dumb" : "drm-dumb/" + driver;
    }
    if (kind == "glupload" || kind.starts_with("vulkan"))
        return "vulkan/0";
    return {};
}

// Those in one direction, as participants.
void find_participants(GstElement* element, const char* pad, std::vector<ParticipantRef>& found,
                       std::string& without) {
    auto* at = static_cast<GstElement*>(gst_object_ref(element));
    for (int i = 0; at && i < most_elements; ++i) {
        GstElement* const next = beside(at, pad);
        gst_object_unref(at);
        at = next;
        const std::string device = at ? device_of(at) : std::string();
        if (device.empty())
            continue;
        if (auto participant = participant_of(device))
            found.push_back(std::move(*participant));
        else
            without += "\nnot asked: " + device + ": " + participant.error().message();
    }
    if (at)
        gst_object_unref(at);
}

} // namespace

Choice choose_by_name(const std::string& name, gsize size) {
    Choice choice;
    auto allocator = Allocator::resolve(name);
    if (!allocator) {
        choice.why = allocator.error().message();
        return choice;
    }
    if (auto memory = (*allocator)->alloc(size); !memory) {
        choice.why = memory.error().message();
        return choice;
    }
    choice.name = (*allocator)->name();
    choice.story = choice.name + ": asked for by name";
    return choice;
}

Choice choose_by_plan(GstElement* element, gsize size) {
    std::vector<ParticipantRef> participants;
    std::string without;
    find_participants(element, "sink", participants, without);
    auto cpu = cpu_participant(participants.empty() ? MapFlags::readwrite : MapFlags::read);
    if (cpu)
        participants.push_back(std::move(*cpu));
    find_participants(element, "src", participants, without);
    Choice choice;
    auto made = plan({.participants = participants, .image = {.size = size}});
    if (!made) {
        choice.why = made.error().message();
        return choice;
    }
    const Plan& plan = **made;
    choice.story = plan.explain() + without;
    // A camera's own buffers are its driver's to give: v4l2src has them with io-mode=dmabuf.
    for (const std::size_t at : plan.ranking()) {
        const std::string& name = plan.candidates()[at].name;
        if (Allocator* const allocator = Allocator::find(name);
            allocator && allocator->mem_type() != "v4l2") {
            choice.name = name;
            break;
        }
    }
    if (!choice.name.empty())
        choice.story = choice.name + ": by the plan\n" + choice.story;
    else
        choice.why = plan.error() ? plan.error()->message() : "the plan has no memory that others can use";
    return choice;
}

} // namespace hwalloc::gst
