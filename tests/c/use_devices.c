/* use_devices CAMERA OUTPUT CARD: what the C interface has of real devices. CAMERA is vivid's with its four
 * inputs, OUTPUT vivid's output, CARD the driver of a card with a screen; as root, who may unload vgem. "ok
 * WHAT" or "FAILED WHAT: line" for each; the exit code is 0 when none failed. C11, and nothing of C++. */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "expect.h"

static uint32_t code_of(const char* name) {
    uint32_t drm = 0;
    EXPECT(hwalloc_pixel_format(name, &drm, NULL, NULL, NULL) == 0);
    return drm;
}

static void is_listed(const char* path) {
    hwalloc_camera_list* list = NULL;
    int found = 0;
    if (!DONE(hwalloc_camera_list_new(&list, &error)))
        return;
    for (size_t i = 0; i < hwalloc_camera_list_size(list); ++i) {
        hwalloc_camera_entry entry = {.struct_size = sizeof entry};
        if (DONE(hwalloc_camera_list_get(list, i, &entry, &error)) && strcmp(entry.path, path) == 0)
            found += strcmp(entry.driver, "vivid") == 0 && entry.why == NULL && entry.imports != HWALLOC_NO;
    }
    EXPECT(found == 1);
    hwalloc_camera_list_free(list);
}

static void offers(hwalloc_camera* camera) {
    hwalloc_format_list* formats = NULL;
    size_t sizes = 0, rates = 0;
    if (!DONE(hwalloc_camera_formats(camera, &formats, &error)))
        return;
    for (size_t i = 0; i < hwalloc_format_list_size(formats); ++i) {
        hwalloc_format_entry entry = {.struct_size = sizeof entry};
        if (!DONE(hwalloc_format_list_get(formats, i, &entry, &error)) ||
            entry.pixel_format != hwalloc_v4l2_of_drm_format(code_of("YUYV")))
            continue;
        for (size_t size = 0; size < entry.size_count; ++size)
            sizes += entry.sizes[size].max_width == 320 && entry.sizes[size].max_height == 180;
        DONE(hwalloc_camera_rates(camera, entry.pixel_format, 320, 180, NULL, 0, &rates, &error));
    }
    EXPECT(sizes == 1);
    EXPECT(rates > 1);
    hwalloc_format_list_free(formats);
}

static void has_controls(hwalloc_camera* camera) {
    hwalloc_control_list* controls = NULL;
    hwalloc_control_entry entry = {.struct_size = sizeof entry};
    size_t menus = 0, items = 0, length = 0;
    int64_t now = 0;
    char text[64];
    if (DONE(hwalloc_camera_controls(camera, &controls, &error))) {
        for (size_t i = 0; i < hwalloc_control_list_size(controls); ++i) {
            DONE(hwalloc_control_list_get(controls, i, &entry, &error));
            menus += entry.type == HWALLOC_CONTROL_MENU;
            items += entry.type == HWALLOC_CONTROL_MENU && entry.item_count > 1 && entry.items[1].name[0];
        }
        EXPECT(menus > 0 && items == menus);
        hwalloc_control_list_free(controls);
    }
    if (DONE(hwalloc_camera_find_control(camera, "brightness", &controls, &error))) {
        DONE(hwalloc_control_list_get(controls, 0, &entry, &error));
        EXPECT(entry.type == HWALLOC_CONTROL_INTEGER && entry.min == 0 && entry.max == 255);
        hwalloc_control_list_free(controls);
    }
    DONE(hwalloc_camera_set_control(camera, "brightness", 100, &now, &error));
    EXPECT(now == 100);
    DONE(hwalloc_camera_set_text_control(camera, "string", "abcd", &error));
    DONE(hwalloc_camera_get_text_control(camera, "string", text, sizeof text, &length, &error));
    EXPECT(length == 4 && strcmp(text, "abcd") == 0);
}

static void has_inputs(hwalloc_camera* camera) {
    hwalloc_input_list* inputs = NULL;
    hwalloc_standard_list* standards = NULL;
    hwalloc_timings_list* modes = NULL;
    int analog = 0, digital = 0, pal = 0;
    uint64_t bits = 0;
    uint32_t index = 99;
    if (!DONE(hwalloc_camera_inputs(camera, &inputs, &error)))
        return;
    for (size_t i = 0; i < hwalloc_input_list_size(inputs); ++i) {
        hwalloc_input input = {.struct_size = sizeof input};
        if (!DONE(hwalloc_input_list_get(inputs, i, &input, &error)))
            continue;
        DONE(hwalloc_camera_set_input(camera, input.index, &error));
        DONE(hwalloc_camera_get_input(camera, &index, &error));
        EXPECT(index == input.index);
        if (input.flags & HWALLOC_INPUT_HAS_STANDARDS && analog++ == 0) {
            DONE(hwalloc_camera_standards(camera, &standards, &error));
            for (size_t number = 0; number < hwalloc_standard_list_size(standards); ++number) {
                hwalloc_video_standard standard = {.struct_size = sizeof standard};
                DONE(hwalloc_standard_list_get(standards, number, &standard, &error));
                if (strcmp(standard.name, "PAL") == 0) {
                    pal = 1;
                    EXPECT(standard.lines == 625 && standard.rate_frames == 25 * standard.rate_seconds);
                    DONE(hwalloc_camera_set_standard(camera, standard.bits, &error));
                    DONE(hwalloc_camera_get_standard(camera, &bits, &error));
                    EXPECT(bits == standard.bits);
                }
            }
            EXPECT(pal);
            hwalloc_standard_list_free(standards);
        }
        if (input.flags & HWALLOC_INPUT_HAS_TIMINGS && digital++ == 0) {
            hwalloc_dv_timings timings = {.struct_size = sizeof timings}, now = {.struct_size = sizeof now};
            char text[64];
            DONE(hwalloc_camera_timings(camera, &modes, &error));
            EXPECT(hwalloc_timings_list_size(modes) > 10);
            DONE(hwalloc_timings_list_get(modes, 0, &timings, &error));
            DONE(hwalloc_camera_set_timings(camera, &timings, &error));
            DONE(hwalloc_camera_get_timings(camera, &now, &error));
            EXPECT(now.width == timings.width && now.pixel_clock == timings.pixel_clock);
            EXPECT(hwalloc_dv_timings_rate(&now) > 1 && hwalloc_dv_timings_text(&now, text, sizeof text) > 7);
            hwalloc_timings_list_free(modes);
        }
    }
    EXPECT(analog >= 1 && digital >= 1);
    hwalloc_input_list_free(inputs);
    DONE(hwalloc_camera_set_input(camera, 0, &error));
    DONE(hwalloc_camera_check_signal(camera, &error));
}

static void sends(const char* path) {
    hwalloc_output* output = NULL;
    hwalloc_capture_format format = {.struct_size = sizeof format,
                                     .pixel_format = hwalloc_v4l2_of_drm_format(code_of("YUYV"))};
    hwalloc_image_layout layout = {.struct_size = sizeof layout};
    hwalloc_test_pattern* pattern = NULL;
    hwalloc_memory* memories[3] = {NULL};
    if (!DONE(hwalloc_output_open(path, &output, &error)))
        return;
    EXPECT(strcmp(hwalloc_output_driver(output), "vivid") == 0 && hwalloc_output_fd(output) >= 0);
    DONE(hwalloc_output_negotiate(output, &format, &error));
    DONE(hwalloc_output_layout(output, &layout, &error));
    DONE(hwalloc_test_pattern_new(&layout, &pattern, &error));
    for (uint32_t i = 0; i < 3; ++i) {
        DONE(hwalloc_alloc(hwalloc_find("dma-heap/system"), layout.memory_sizes[0], NULL, &memories[i],
                           &error));
        DONE(hwalloc_test_pattern_draw(pattern, memories[i], i, &error));
    }
    DONE(hwalloc_output_bind(output, memories, 3, &error));
    DONE(hwalloc_output_start(output, &error));
    for (uint32_t frame = 0; frame < 6; ++frame) {
        hwalloc_frame sent = {.struct_size = sizeof sent};
        if (frame >= 3 && DONE(hwalloc_output_dequeue(output, 20000, &sent, &error)))
            EXPECT(sent.index == frame % 3 && !(sent.flags & HWALLOC_FRAME_DAMAGED));
        DONE(hwalloc_output_queue(output, frame % 3, 0, &error));
    }
    EXPECT(hwalloc_output_copies(output) == 0 && hwalloc_output_memory(output, 2, 0) == memories[2]);
    DONE(hwalloc_output_stop(output, &error));
    hwalloc_output_close(output);
    for (int i = 0; i < 3; ++i)
        hwalloc_memory_unref(memories[i]);
    hwalloc_test_pattern_free(pattern);
}

static void shows(const char* driver) {
    hwalloc_card* card = NULL;
    hwalloc_allocator* dumb = NULL;
    hwalloc_image* image = NULL;
    hwalloc_framebuffer* framebuffer = NULL;
    hwalloc_gem_handle* handle = NULL;
    if (!DONE(hwalloc_card_open(driver, &card, &error)))
        return;
    EXPECT(hwalloc_card_fd(card) >= 0 && strncmp(hwalloc_card_node(card), "/dev/dri/card", 13) == 0);
    if (DONE(hwalloc_card_dumb_allocator(card, &dumb, &error)) &&
        DONE(hwalloc_alloc_image(dumb, code_of("XR24"), 64, 64, NULL, 0, &image, &error))) {
        DONE(hwalloc_card_image_framebuffer(card, image, &framebuffer, &error));
        EXPECT(hwalloc_framebuffer_id(framebuffer) != 0);
        DONE(hwalloc_card_gem_handle(card, hwalloc_image_memory(image, 0), &handle, &error));
        EXPECT(hwalloc_gem_handle_value(handle) == hwalloc_framebuffer_handle(framebuffer, 0));
        hwalloc_gem_handle_free(handle);
        hwalloc_framebuffer_free(framebuffer);
        hwalloc_image_free(image);
    }
    hwalloc_allocator_unref(dumb);
    hwalloc_card_free(card);
}

/* Whether that is told of an allocator, within a minute. */
static int told(hwalloc_device_monitor* monitor, uint32_t what, const char* name) {
    for (const time_t begin = time(NULL); time(NULL) < begin + 60;) {
        struct pollfd listens = {.fd = hwalloc_device_monitor_fd(monitor), .events = POLLIN};
        size_t count = 0;
        poll(&listens, 1, 100);
        if (!DONE(hwalloc_device_monitor_dispatch(monitor, &count, &error)))
            return 0;
        for (size_t i = 0; i < count; ++i) {
            hwalloc_device_change change = {.struct_size = sizeof change};
            DONE(hwalloc_device_monitor_change(monitor, i, &change, &error));
            if (change.what == what && strcmp(change.name, name) == 0)
                return 1;
        }
    }
    return 0;
}

static void comes_and_goes(void) {
    hwalloc_device_monitor* monitor = NULL;
    char name[64] = "";
    hwalloc_allocator* vgem = NULL;
    if (!DONE(hwalloc_device_monitor_new(&monitor, &error)) ||
        !DONE(hwalloc_resolve("drm-dumb/vgem", &vgem, &error)))
        return;
    EXPECT(hwalloc_device_monitor_source(monitor) == HWALLOC_DEVICES_BY_UDEV);
    EXPECT(hwalloc_device_monitor_why_listing(monitor) == NULL);
    strncat(name, hwalloc_allocator_name(vgem), sizeof name - 1);
    hwalloc_close_idle_devices();
    EXPECT(system("for try in 1 2 3 4 5 6 7 8 9; do modprobe -r vgem && exit; sleep 1; done; exit 1") == 0);
    EXPECT(told(monitor, HWALLOC_DEVICE_REMOVED, name));
    EXPECT(hwalloc_find(name) == NULL);
    EXPECT(system("modprobe vgem") == 0);
    EXPECT(told(monitor, HWALLOC_DEVICE_ADDED, name));
    EXPECT(hwalloc_find(name) == vgem);
    hwalloc_device_monitor_free(monitor);
}

static int before;
static void part(const char* name) {
    if (current && failures == before)
        printf("ok %s\n", current);
    before = failures;
    current = name;
}

int main(int argc, char** argv) {
    hwalloc_camera* camera = NULL;
    if (argc != 4) {
        fprintf(stderr, "use_devices CAMERA OUTPUT CARD\n");
        return 2;
    }
    part("the list of cameras");
    is_listed(argv[1]);
    part("formats, sizes and rates");
    if (DONE(hwalloc_camera_open(argv[1], &camera, &error))) {
        offers(camera);
        part("controls");
        has_controls(camera);
        part("inputs, standards and timings");
        has_inputs(camera);
        hwalloc_camera_close(camera);
    }
    part("an output");
    sends(argv[2]);
    part("a card");
    shows(argv[3]);
    part("a device that goes and comes");
    comes_and_goes();
    part(NULL);
    return failures != 0;
}
