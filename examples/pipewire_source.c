/* Memory by name offered to PipeWire: a video source whose buffers an allocator of hwalloc makes, so that
 * whoever receives them (a compositor, an encoder, a GPU) has that memory itself and not a copy.
 *
 *     pipewire_source [ALLOCATOR [FRAMES]]
 *
 * It draws colour bars. Memory that is a dma-buf is offered as SPA_DATA_DmaBuf with the linear modifier,
 * which the receiver has to know; a memfd as SPA_DATA_MemFd, which everybody can map. Without FRAMES it goes
 * on until Control-C. What PipeWire asks for is in its documents "DMA-BUF sharing" and "pw_stream". */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <pipewire/pipewire.h>
#include <spa/param/video/format-utils.h>

#include <hwalloc/hwalloc.h>

enum { WIDTH = 640, HEIGHT = 480, RATE = 30, BUFFERS = 4 };
/* BGRx to PipeWire, XRGB8888 to DRM, which reads it as one little-endian number. */
#define FOURCC 0x34325258u
#define NO_PIPEWIRE "no PipeWire runs here: start `pipewire`, or look at PIPEWIRE_REMOTE and XDG_RUNTIME_DIR"

struct source {
    struct pw_main_loop* loop;
    struct pw_stream* stream;
    struct spa_source* timer;
    hwalloc_allocator* allocator;
    uint32_t fd_kind, data_type;
    hwalloc_image_layout layout;
    hwalloc_test_pattern* pattern;
    uint64_t frame, frames; /* drawn so far; wanted, 0: no end */
};

static hwalloc_error* error; /* of the last call that was refused */

/* An example ends at the first thing that goes wrong, and says what and what to do. */
static void must(int answer) {
    if (answer >= 0)
        return;
    fprintf(stderr, "pipewire_source: %s\n", hwalloc_error_message(error));
    exit(1);
}
static void give_up(const char* what) {
    fprintf(stderr, "pipewire_source: %s\n", what);
    exit(1);
}

/* Is its memory a dma-buf or a memfd? One small allocation tells. */
static void find_kind(struct source* source) {
    hwalloc_borrowed_fd lent = {.struct_size = sizeof lent};
    hwalloc_memory* memory;
    must(hwalloc_alloc(source->allocator, 4096, NULL, &memory, &error));
    if (hwalloc_memory_borrow_fd(memory, HWALLOC_FD_DMABUF, &lent, NULL) == 0) {
        source->fd_kind = HWALLOC_FD_DMABUF;
        source->data_type = SPA_DATA_DmaBuf;
    } else {
        must(hwalloc_memory_borrow_fd(memory, HWALLOC_FD_MEMFD, &lent, &error));
        source->fd_kind = HWALLOC_FD_MEMFD;
        source->data_type = SPA_DATA_MemFd;
    }
    hwalloc_memory_unref(memory);
}

/* ---- what is offered, and what it was narrowed to */

static const struct spa_pod* offered_format(const struct source* source, struct spa_pod_builder* builder) {
    struct spa_pod_frame frame;
    spa_pod_builder_push_object(builder, &frame, SPA_TYPE_OBJECT_Format, SPA_PARAM_EnumFormat);
    spa_pod_builder_add(builder, SPA_FORMAT_mediaType, SPA_POD_Id(SPA_MEDIA_TYPE_video),
                        SPA_FORMAT_mediaSubtype, SPA_POD_Id(SPA_MEDIA_SUBTYPE_raw), SPA_FORMAT_VIDEO_format,
                        SPA_POD_Id(SPA_VIDEO_FORMAT_BGRx), 0);
    if (source->data_type == SPA_DATA_DmaBuf) {
        spa_pod_builder_prop(builder, SPA_FORMAT_VIDEO_modifier, SPA_POD_PROP_FLAG_MANDATORY);
        spa_pod_builder_long(builder, (int64_t)HWALLOC_MODIFIER_LINEAR);
    }
    spa_pod_builder_add(builder, SPA_FORMAT_VIDEO_size, SPA_POD_Rectangle(&SPA_RECTANGLE(WIDTH, HEIGHT)),
                        SPA_FORMAT_VIDEO_framerate, SPA_POD_Fraction(&SPA_FRACTION(RATE, 1)), 0);
    return spa_pod_builder_pop(builder, &frame);
}

static void on_format(void* data, uint32_t id, const struct spa_pod* format) {
    struct source* source = data;
    if (!format || id != SPA_PARAM_Format)
        return;
    uint8_t room[512];
    struct spa_pod_builder builder = SPA_POD_BUILDER_INIT(room, sizeof room);
    const hwalloc_image_layout* layout = &source->layout;
    const struct spa_pod* wanted[2];
    wanted[0] = spa_pod_builder_add_object(
        &builder, SPA_TYPE_OBJECT_ParamBuffers, SPA_PARAM_Buffers, SPA_PARAM_BUFFERS_buffers,
        SPA_POD_CHOICE_RANGE_Int(BUFFERS, 2, 16), SPA_PARAM_BUFFERS_blocks, SPA_POD_Int(1),
        SPA_PARAM_BUFFERS_size, SPA_POD_Int((int)layout->memory_sizes[0]), SPA_PARAM_BUFFERS_stride,
        SPA_POD_Int((int)layout->planes[0].stride), SPA_PARAM_BUFFERS_dataType,
        SPA_POD_CHOICE_FLAGS_Int(1 << source->data_type));
    wanted[1] = spa_pod_builder_add_object(&builder, SPA_TYPE_OBJECT_ParamMeta, SPA_PARAM_Meta,
                                           SPA_PARAM_META_type, SPA_POD_Id(SPA_META_Header),
                                           SPA_PARAM_META_size, SPA_POD_Int(sizeof(struct spa_meta_header)));
    pw_stream_update_params(source->stream, wanted, 2);
}

/* ---- buffers: each is memory of the allocator, which lives as long as PipeWire has the buffer */

static void on_add_buffer(void* data, struct pw_buffer* buffer) {
    struct source* source = data;
    struct spa_data* place = &buffer->buffer->datas[0];
    hwalloc_borrowed_fd lent = {.struct_size = sizeof lent};
    hwalloc_memory* memory;
    if (!(place->type & (1u << source->data_type)))
        give_up("the receiver does not take this kind of memory: try memfd");
    must(hwalloc_alloc(source->allocator, source->layout.memory_sizes[0], NULL, &memory, &error));
    must(hwalloc_memory_borrow_fd(memory, source->fd_kind, &lent, &error));
    place->type = source->data_type;
    place->flags = SPA_DATA_FLAG_READWRITE;
    place->fd = lent.fd; /* the memory's own: PipeWire hands on a duplicate */
    place->mapoffset = (uint32_t)lent.offset;
    place->maxsize = (uint32_t)source->layout.memory_sizes[0];
    place->data = NULL; /* it is mapped when it is drawn into, with the cache maintenance that it needs */
    buffer->user_data = memory;
}

static void on_remove_buffer(void* data, struct pw_buffer* buffer) {
    (void)data;
    hwalloc_memory_unref(buffer->user_data);
    buffer->user_data = NULL;
}

/* ---- frames */

static void on_process(void* data) {
    struct source* source = data;
    struct pw_buffer* buffer = pw_stream_dequeue_buffer(source->stream);
    if (!buffer)
        return; /* the receiver still has all of them */
    struct spa_buffer* spa = buffer->buffer;
    struct spa_meta_header* header = spa_buffer_find_meta_data(spa, SPA_META_Header, sizeof *header);
    must(hwalloc_test_pattern_draw(source->pattern, buffer->user_data, source->frame, &error));
    spa->datas[0].chunk->offset = 0;
    spa->datas[0].chunk->size = (uint32_t)source->layout.memory_sizes[0];
    spa->datas[0].chunk->stride = (int32_t)source->layout.planes[0].stride;
    if (header) {
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        *header = (struct spa_meta_header){.pts = SPA_TIMESPEC_TO_NSEC(&now), .seq = source->frame};
    }
    ++source->frame;
    pw_stream_queue_buffer(source->stream, buffer);
    if (source->frame == source->frames)
        pw_main_loop_quit(source->loop);
}

/* Nothing else gives the time: each tick starts a turn of the graph, which asks for a frame. */
static void on_tick(void* data, uint64_t expirations) {
    struct source* source = data;
    (void)expirations;
    pw_stream_trigger_process(source->stream);
}

static void on_state(void* data, enum pw_stream_state old, enum pw_stream_state state, const char* why) {
    struct source* source = data;
    struct timespec first = {0, 1}, each = {0, SPA_NSEC_PER_SEC / RATE}, never = {0, 0};
    (void)old;
    if (state == PW_STREAM_STATE_ERROR)
        give_up(why);
    if (state == PW_STREAM_STATE_PAUSED)
        fprintf(stderr,
                "node %u: gst-launch-1.0 pipewiresrc path=%u ! videoconvert ! autovideosink shows it\n",
                pw_stream_get_node_id(source->stream), pw_stream_get_node_id(source->stream));
    const int runs = state == PW_STREAM_STATE_STREAMING;
    pw_loop_update_timer(pw_main_loop_get_loop(source->loop), source->timer, runs ? &first : &never,
                         runs ? &each : &never, false);
}

static void on_signal(void* data, int number) {
    (void)number;
    pw_main_loop_quit(data);
}

int main(int argc, char** argv) {
    static const struct pw_stream_events events = {
        PW_VERSION_STREAM_EVENTS,    .state_changed = on_state,         .param_changed = on_format,
        .add_buffer = on_add_buffer, .remove_buffer = on_remove_buffer, .process = on_process,
    };
    struct source source = {.layout.struct_size = sizeof source.layout,
                            .frames = argc > 2 ? strtoull(argv[2], NULL, 10) : 0};
    must(hwalloc_resolve(argc > 1 ? argv[1] : "dma-heap/system", &source.allocator, &error));
    find_kind(&source);
    must(hwalloc_linear_layout(FOURCC, WIDTH, HEIGHT, 0, &source.layout, &error));
    must(hwalloc_test_pattern_new(&source.layout, &source.pattern, &error));

    pw_init(&argc, &argv);
    source.loop = pw_main_loop_new(NULL);
    struct pw_loop* loop = pw_main_loop_get_loop(source.loop);
    source.timer = pw_loop_add_timer(loop, on_tick, &source);
    pw_loop_add_signal(loop, SIGINT, on_signal, source.loop);
    pw_loop_add_signal(loop, SIGTERM, on_signal, source.loop);
    source.stream = pw_stream_new_simple(
        loop, "hwalloc",
        pw_properties_new(PW_KEY_MEDIA_CLASS, "Video/Source", PW_KEY_NODE_NAME, "hwalloc", NULL), &events,
        &source);
    if (!source.stream)
        give_up(NO_PIPEWIRE);
    uint8_t room[512];
    struct spa_pod_builder builder = SPA_POD_BUILDER_INIT(room, sizeof room);
    const struct spa_pod* format = offered_format(&source, &builder);
    if (pw_stream_connect(source.stream, PW_DIRECTION_OUTPUT, PW_ID_ANY,
                          PW_STREAM_FLAG_DRIVER | PW_STREAM_FLAG_ALLOC_BUFFERS, &format, 1) < 0)
        give_up(NO_PIPEWIRE);
    pw_main_loop_run(source.loop);
    fprintf(stderr, "%llu frames in memory of %s\n", (unsigned long long)source.frame,
            hwalloc_allocator_name(source.allocator));
    pw_stream_destroy(source.stream);
    pw_main_loop_destroy(source.loop);
    pw_deinit();
    hwalloc_test_pattern_free(source.pattern);
    return 0;
}
