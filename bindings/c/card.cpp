// Graphics cards for C.
#include <new>
#include <utility>

#include "bindings/c/layout.h"
#include "bindings/c/participant.h"
#include "bindings/c/picture.h"
#include "hwalloc/c_card.h"
#include "hwalloc/drm.h"

struct hwalloc_card {
    hwalloc::drm::Device device;
};
struct hwalloc_gem_handle {
    hwalloc::drm::GemHandle handle;
};
struct hwalloc_framebuffer {
    hwalloc::drm::Framebuffer framebuffer;
};

using namespace hwalloc;
using c::refuse;
using c::refuse_null;

namespace {

constexpr const char *no_card = "there is no card", *no_card_place = "there is no place for what is made";

// What was made of a card goes to the caller as a new object.
template<class Object, class T>
int answer_object(Result<T> made, Object** to, hwalloc_error** error) noexcept {
    if (!made)
        return refuse(made.error(), error);
    return c::give(new (std::nothrow) Object{*std::move(made)}, to, error);
}

} // namespace

int hwalloc_card_open(const char* which, hwalloc_card** card, hwalloc_error** error) noexcept {
    return card ? answer_object(drm::Device::open(which), card, error) : refuse_null(no_card_place, error);
}
int hwalloc_card_wrap(int fd, uint32_t handles, hwalloc_card** card, hwalloc_error** error) noexcept {
    if (!card || handles > HWALLOC_HANDLES_ON_GIVEN_FILE)
        return refuse_null(card ? "there is no such file for handles" : no_card_place, error);
    return answer_object(drm::Device::wrap(fd, static_cast<drm::HandlesOn>(handles)), card, error);
}
void hwalloc_card_free(hwalloc_card* card) noexcept {
    delete card;
}
int hwalloc_card_fd(const hwalloc_card* card) noexcept {
    return card ? card->device.fd() : -1;
}
const char* hwalloc_card_driver(const hwalloc_card* card) noexcept {
    return card ? card->device.driver().c_str() : "";
}
const char* hwalloc_card_node(const hwalloc_card* card) noexcept {
    return card ? card->device.node().c_str() : "";
}
int hwalloc_card_dumb_allocator(hwalloc_card* card, hwalloc_allocator** allocator,
                                hwalloc_error** error) noexcept {
    if (!card || !allocator)
        return refuse_null(card ? no_card_place : no_card, error);
    auto made = card->device.dumb_allocator();
    if (!made)
        return refuse(made.error(), error);
    made->get()->ref(); // the caller's
    *allocator = c::to_c(made->get());
    return 0;
}

int hwalloc_card_gem_handle(hwalloc_card* card, hwalloc_memory* memory, hwalloc_gem_handle** handle,
                            hwalloc_error** error) noexcept {
    if (!card || !memory || !handle)
        return refuse_null(!card ? no_card : !memory ? "there is no memory" : no_card_place, error);
    return answer_object(card->device.gem_handle(*c::of(memory)), handle, error);
}
int hwalloc_card_adopt_handle(hwalloc_card* card, uint32_t value, hwalloc_gem_handle** handle,
                              hwalloc_error** error) noexcept {
    if (!card || !handle)
        return refuse_null(card ? no_card_place : no_card, error);
    return answer_object(card->device.adopt_handle(value), handle, error);
}
uint32_t hwalloc_gem_handle_value(const hwalloc_gem_handle* handle) noexcept {
    return handle ? handle->handle.value() : 0;
}
uint32_t hwalloc_gem_handle_release(hwalloc_gem_handle* handle) noexcept {
    const uint32_t value = handle ? handle->handle.release() : 0;
    delete handle;
    return value;
}
void hwalloc_gem_handle_free(hwalloc_gem_handle* handle) noexcept {
    delete handle;
}

int hwalloc_card_framebuffer(hwalloc_card* card, hwalloc_memory* memory, const hwalloc_image_layout* layout,
                             hwalloc_framebuffer** framebuffer, hwalloc_error** error) noexcept {
    if (!card || !memory || !layout || !framebuffer)
        return refuse_null(!card               ? no_card
                           : !framebuffer      ? no_card_place
                           : memory == nullptr ? "there is no memory"
                                               : "there is no layout",
                           error);
    return answer_object(c::layout_of(layout).and_then([&](const ImageLayout& picture) {
        return card->device.framebuffer(*c::of(memory), picture);
    }),
                         framebuffer, error);
}
int hwalloc_card_image_framebuffer(hwalloc_card* card, const hwalloc_image* image,
                                   hwalloc_framebuffer** framebuffer, hwalloc_error** error) noexcept {
    if (!card || !image || !framebuffer)
        return refuse_null(!card ? no_card : !image ? "there is no picture" : no_card_place, error);
    return answer_object(card->device.framebuffer(image->image), framebuffer, error);
}
uint32_t hwalloc_framebuffer_id(const hwalloc_framebuffer* framebuffer) noexcept {
    return framebuffer ? framebuffer->framebuffer.id() : 0;
}
uint32_t hwalloc_framebuffer_handle(const hwalloc_framebuffer* framebuffer, uint32_t which) noexcept {
    return framebuffer && which < HWALLOC_MAX_PLANES ? framebuffer->framebuffer.handle(which).value() : 0;
}
void hwalloc_framebuffer_free(hwalloc_framebuffer* framebuffer) noexcept {
    delete framebuffer;
}

int hwalloc_card_participant(const hwalloc_card* card, uint32_t use, hwalloc_participant** participant,
                             hwalloc_error** error) noexcept {
    if (!card || use > HWALLOC_CARD_SHOWS)
        return refuse_null(card ? "there is no such use of a card" : no_card, error);
    return c::answer_participant(drm::participant(card->device, static_cast<drm::CardUse>(use)), participant,
                                 error);
}
