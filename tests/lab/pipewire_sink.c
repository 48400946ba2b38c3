/* Receives a stream of examples/pipewire_source.c through PipeWire's daemon, and compares each frame with
 * what should be in it. Says of what kind each buffer's memory is, and which file it is.
 *
 *     pipewire_sink FRAMES
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/mman.h>
#include <sys/stat.h>

#include <pipewire/pipewire.h>
#include <spa/param/video/format-utils.h>

#include <hwalloc/hwalloc.h>

enum { WIDTH = 640, HEIGHT = 480, SIZE = WIDTH * HEIGHT * 4 };

struct sink {
    struct pw_main_loop* loop;
    struct pw_stream* stream;
    hwalloc_test_pattern* pattern;
    unsigned char* expected;
    unsigned long frames, seen, wrong;
};

static void give_up(const char* what) {
    fprintf(stderr, "pipewire_sink: %s\n", what);
    exit(1);
}

/* The bytes of a buffer as the CPU sees them, compared: a dma-buf is mapped with its cache maintenance. */
static int differs(const struct sink* sink, const struct spa_data* data) {
    hwalloc_map_info map = {.struct_size = sizeof map};
    hwalloc_memory* memory = NULL;
    hwalloc_error* error = NULL;
    int differs = 1;
    if (data->type == SPA_DATA_DmaBuf) {
        if (hwalloc_import_dmabuf(NULL, (int)data->fd, data->mapoffset, SIZE, 0, &memory, &error) < 0 ||
            hwalloc_memory_map(memory, &map, HWALLOC_MAP_READ, &error) < 0)
            give_up(hwalloc_error_message(error));
        differs = memcmp(map.data, sink->expected, SIZE) != 0;
        hwalloc_memory_unmap(memory, &map, NULL);
        hwalloc_memory_unref(memory);
        return differs;
    }
    void* bytes = mmap(NULL, SIZE, PROT_READ, MAP_SHARED, (int)data->fd, data->mapoffset);
    if (bytes == MAP_FAILED)
        give_up("the buffer cannot be mapped");
    differs = memcmp(bytes, sink->expected, SIZE) != 0;
    munmap(bytes, SIZE);
    return differs;
}

static void on_format(void* data, uint32_t id, const struct spa_pod* format) {
    struct sink* sink = data;
    if (!format || id != SPA_PARAM_Format)
        return;
    const struct spa_pod_prop* modifier = spa_pod_find_prop(format, NULL, SPA_FORMAT_VIDEO_modifier);
    uint8_t room[512];
    struct spa_pod_builder builder = SPA_POD_BUILDER_INIT(room, sizeof room);
    const struct spa_pod* wanted[2];
    wanted[0] = spa_pod_builder_add_object(
        &builder, SPA_TYPE_OBJECT_ParamBuffers, SPA_PARAM_Buffers, SPA_PARAM_BUFFERS_dataType,
        SPA_POD_CHOICE_FLAGS_Int(modifier ? 1 << SPA_DATA_DmaBuf : 1 << SPA_DATA_MemFd));
    wanted[1] = spa_pod_builder_add_object(&builder, SPA_TYPE_OBJECT_ParamMeta, SPA_PARAM_Meta,
                                           SPA_PARAM_META_type, SPA_POD_Id(SPA_META_Header),
                                           SPA_PARAM_META_size, SPA_POD_Int(sizeof(struct spa_meta_header)));
    pw_stream_update_params(sink->stream, wanted, 2);
}

static void on_add_buffer(void* data, struct pw_buffer* buffer) {
    const struct spa_data* place = &buffer->buffer->datas[0];
    struct stat file = {0};
    (void)data;
    fstat((int)place->fd, &file);
    printf("buffer %s %llu\n",
           place->type == SPA_DATA_DmaBuf  ? "DmaBuf"
           : place->type == SPA_DATA_MemFd ? "MemFd"
                                           : "other",
           (unsigned long long)file.st_ino);
}

static void on_process(void* data) {
    struct sink* sink = data;
    struct pw_buffer* buffer;
    while ((buffer = pw_stream_dequeue_buffer(sink->stream))) {
        const struct spa_meta_header* header =
            spa_buffer_find_meta_data(buffer->buffer, SPA_META_Header, sizeof *header);
        if (!header)
            give_up("a frame has no number");
        hwalloc_test_pattern_draw_bytes(sink->pattern, sink->expected, SIZE, (uint32_t)header->seq, NULL);
        sink->wrong += differs(sink, &buffer->buffer->datas[0]);
        pw_stream_queue_buffer(sink->stream, buffer);
        if (++sink->seen == sink->frames)
            pw_main_loop_quit(sink->loop);
    }
}

static void on_state(void* data, enum pw_stream_state old, enum pw_stream_state state, const char* why) {
    (void)data, (void)old;
    if (state == PW_STREAM_STATE_ERROR)
        give_up(why);
}

int main(int argc, char** argv) {
    static const struct pw_stream_events events = {
        PW_VERSION_STREAM_EVENTS,    .state_changed = on_state, .param_changed = on_format,
        .add_buffer = on_add_buffer, .process = on_process,
    };
    struct sink sink = {.frames = argc > 1 ? strtoul(argv[1], NULL, 10) : 30, .expected = malloc(SIZE)};
    hwalloc_image_layout layout = {.struct_size = sizeof layout};
    if (!sink.expected || hwalloc_linear_layout(0x34325258u, WIDTH, HEIGHT, 0, &layout, NULL) < 0 ||
        hwalloc_test_pattern_new(&layout, &sink.pattern, NULL) < 0)
        give_up("no picture to compare with");
    setvbuf(stdout, NULL, _IOLBF, 0); /* who reads along waits for the buffers */
    pw_init(&argc, &argv);
    sink.loop = pw_main_loop_new(NULL);
    sink.stream = pw_stream_new_simple(
        pw_main_loop_get_loop(sink.loop), "receiver",
        pw_properties_new(PW_KEY_MEDIA_CLASS, "Stream/Input/Video", PW_KEY_NODE_NAME, "receiver", NULL),
        &events, &sink);
    if (!sink.stream)
        give_up("no PipeWire runs here");
    uint8_t room[1024];
    struct spa_pod_builder builder = SPA_POD_BUILDER_INIT(room, sizeof room);
    const struct spa_pod* formats[2];
    struct spa_pod_frame frame;
    /* Dma-bufs with the linear modifier, or else memory that everybody can map. */
    for (int modifier = 1; modifier >= 0; --modifier) {
        spa_pod_builder_push_object(&builder, &frame, SPA_TYPE_OBJECT_Format, SPA_PARAM_EnumFormat);
        spa_pod_builder_add(&builder, SPA_FORMAT_mediaType, SPA_POD_Id(SPA_MEDIA_TYPE_video),
                            SPA_FORMAT_mediaSubtype, SPA_POD_Id(SPA_MEDIA_SUBTYPE_raw),
                            SPA_FORMAT_VIDEO_format, SPA_POD_Id(SPA_VIDEO_FORMAT_BGRx), 0);
        if (modifier) {
            spa_pod_builder_prop(&builder, SPA_FORMAT_VIDEO_modifier, SPA_POD_PROP_FLAG_MANDATORY);
            spa_pod_builder_long(&builder, (int64_t)HWALLOC_MODIFIER_LINEAR);
        }
        formats[1 - modifier] = spa_pod_builder_pop(&builder, &frame);
    }
    if (pw_stream_connect(sink.stream, PW_DIRECTION_INPUT, PW_ID_ANY, PW_STREAM_FLAG_NONE, formats, 2) < 0)
        give_up("PipeWire takes no stream");
    pw_main_loop_run(sink.loop);
    printf("%lu frames, %lu wrong\n", sink.seen, sink.wrong);
    pw_stream_destroy(sink.stream);
    pw_main_loop_destroy(sink.loop);
    pw_deinit();
    hwalloc_test_pattern_free(sink.pattern);
    free(sink.expected);
    return sink.wrong || sink.seen < sink.frames;
}
