/* A camera to a file, in C: frames as the camera delivers them, in memory that a plan found for camera and
 * CPU.
 *
 *     capture [CAMERA [FRAMES [FILE]]]
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <hwalloc/hwalloc.h>

static hwalloc_error* error; /* of the last call that was refused */

/* An example ends at the first thing that goes wrong, and says what and what to do. */
static void must(int answer) {
    if (answer >= 0)
        return;
    fprintf(stderr, "capture: %s\n", hwalloc_error_message(error));
    hwalloc_error_free(error);
    exit(1);
}

/* Buffers that the camera fills and the CPU reads; NULL: the camera's own are bound. */
static hwalloc_plan_buffers* buffers_for(hwalloc_camera* camera, const hwalloc_capture_format* format) {
    hwalloc_participant* participants[2];
    hwalloc_image_layout layout = {.struct_size = sizeof layout};
    hwalloc_plan_buffers* buffers;
    hwalloc_plan* plan;
    const uint32_t count = hwalloc_camera_min_buffers(camera) + 3;
    if (hwalloc_camera_has_only_own_buffers(camera)) {
        uint32_t bound;
        must(hwalloc_camera_bind_own(camera, count, &bound, &error));
        return NULL;
    }
    must(hwalloc_camera_layout(camera, &layout, &error));
    must(hwalloc_camera_participant(camera, &participants[0], &error));
    must(hwalloc_cpu_participant(HWALLOC_MAP_READ, &participants[1], &error));
    const hwalloc_plan_request request = {.struct_size = sizeof request,
                                          .participants = participants,
                                          .participant_count = 2,
                                          .fourcc = layout.fourcc,
                                          .width = layout.width,
                                          .height = layout.height,
                                          .policy = HWALLOC_POLICY_PREFER,
                                          .size = layout.fourcc ? 0 : layout.memory_sizes[0],
                                          .memory_per_plane = layout.memory_count > 1};
    must(hwalloc_plan_new(&request, &plan, &error));
    must(hwalloc_plan_allocate(plan, count, 0, &buffers, &error));
    fprintf(stderr, "%s\n", hwalloc_plan_candidate_name(plan, hwalloc_plan_buffers_candidate(buffers)));
    hwalloc_plan_free(plan);
    hwalloc_participant_free(participants[0]);
    hwalloc_participant_free(participants[1]);
    /* The plan has set the camera's format for a moment. */
    hwalloc_capture_format again = *format;
    must(hwalloc_camera_negotiate(camera, &again, &error));
    size_t memories;
    hwalloc_memory* const* memory = hwalloc_plan_buffers_memories(buffers, &memories);
    must(hwalloc_camera_bind(camera, memory, memories, &error));
    return buffers;
}

/* What the camera has filled, memory by memory. */
static void write_frame(const hwalloc_camera* camera, const hwalloc_frame* frame, FILE* file) {
    hwalloc_memory* memory;
    for (uint32_t i = 0; i < HWALLOC_MAX_PLANES && (memory = hwalloc_camera_memory(camera, frame->index, i));
         ++i) {
        hwalloc_map_info map = {.struct_size = sizeof map};
        must(hwalloc_memory_map(memory, &map, HWALLOC_MAP_READ, &error));
        if (frame->offsets[i] + frame->bytes_used[i] > map.size ||
            fwrite(map.data + frame->offsets[i], 1, (size_t)frame->bytes_used[i], file) !=
                frame->bytes_used[i]) {
            perror("capture: writing a frame");
            exit(1);
        }
        must(hwalloc_memory_unmap(memory, &map, &error));
    }
}

int main(int argc, char** argv) {
    hwalloc_camera* camera;
    hwalloc_capture_format format = {.struct_size = sizeof format, .field = HWALLOC_FIELD_PROGRESSIVE};
    const long frames = argc > 2 ? strtol(argv[2], NULL, 10) : 1;
    FILE* file = argc > 3 ? fopen(argv[3], "wb") : stdout;
    if (!file || frames < 1) {
        perror("capture [CAMERA [FRAMES [FILE]]]");
        return 2;
    }
    must(hwalloc_camera_open(argc > 1 ? argv[1] : "/dev/video0", &camera, &error));
    must(hwalloc_camera_negotiate(camera, &format, &error));
    fprintf(stderr, "%s: %ux%u\n", hwalloc_camera_card(camera), format.width, format.height);
    hwalloc_plan_buffers* buffers = buffers_for(camera, &format);
    must(hwalloc_camera_start(camera, &error));
    for (long i = 0; i < frames; ++i) {
        hwalloc_frame frame = {.struct_size = sizeof frame};
        must(hwalloc_camera_dequeue(camera, 5000, &frame, &error));
        write_frame(camera, &frame, file);
        must(hwalloc_camera_queue(camera, frame.index, &error));
    }
    must(hwalloc_camera_stop(camera, &error));
    hwalloc_camera_close(camera);
    hwalloc_plan_buffers_free(buffers);
    if (fclose(file) != 0) {
        perror("capture: writing");
        return 1;
    }
    return 0;
}
