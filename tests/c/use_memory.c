/* use_memory [NAME...]: takes memory of these allocators, or of each that can be used here, through every
 * step of the C interface. "ok NAME" or "FAILED NAME: what" for each; the exit code is 0 when none failed,
 * and 77 when there was none. C11, and nothing of C++. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "expect.h"

/* Of a call that is refused. */
static void refused_at(int answer, int expected, const char* what, int line) {
    expect_at(answer == expected, what, line);
    expect_at(error != NULL && strlen(hwalloc_error_message(error)) > 0, "an error that says something",
              line);
    hwalloc_error_free(error);
}
#define REFUSED(call, expected) (error = NULL, refused_at((call), (expected), #call, __LINE__))

static int destroyed;
static void destroy(void* data) {
    *(int*)data = 1;
    ++destroyed;
}

enum { bytes = 10000 };

static void maps(hwalloc_memory* memory) {
    hwalloc_map_info info = {.struct_size = sizeof info}, again = info;
    if (!DONE(hwalloc_memory_map(memory, &info, HWALLOC_MAP_WRITE, &error)))
        return;
    EXPECT(info.memory == memory && info.data != NULL && info.size == bytes && info.maxsize >= bytes);
    for (size_t i = 0; i < info.size; ++i)
        info.data[i] = (uint8_t)(i * 7);
    REFUSED(hwalloc_memory_map(memory, &again, HWALLOC_MAP_READ, &error), -EPERM);
    EXPECT(again.memory == NULL && again.data == NULL);
    DONE(hwalloc_memory_unmap(memory, &info, &error));
    EXPECT(info.memory == NULL && info.data == NULL && info.struct_size == sizeof info);
    REFUSED(hwalloc_memory_unmap(memory, &info, &error), -EINVAL);
    REFUSED(hwalloc_memory_map(memory, &info, 0, &error), -EINVAL);
    if (DONE(hwalloc_memory_begin_cpu_access(memory, &info, HWALLOC_MAP_READ, &error))) {
        EXPECT(info.memory == NULL && info.data[1] == 7);
        DONE(hwalloc_memory_end_cpu_access(memory, &info, &error));
    }
}

static void parts(hwalloc_memory* memory) {
    hwalloc_memory *first = NULL, *second = NULL, *copy = NULL;
    if (!DONE(hwalloc_memory_share(memory, 100, 200, &first, &error)))
        return;
    EXPECT(hwalloc_memory_parent(first) == memory && hwalloc_memory_size(first) == 200);
    EXPECT(hwalloc_memory_flags(first) & HWALLOC_MEMORY_READONLY);
    if (DONE(hwalloc_memory_share(memory, 300, HWALLOC_WHOLE, &second, &error))) {
        size_t offset = 0;
        EXPECT(hwalloc_memory_size(second) == bytes - 300);
        EXPECT(hwalloc_memory_is_span(first, second, &offset) == 1 && offset == 100);
        EXPECT(hwalloc_memory_is_span(second, first, NULL) == 0);
        EXPECT(hwalloc_memory_is_writable(memory) == 0);
        REFUSED(hwalloc_memory_lock(memory, HWALLOC_LOCK_WRITE, &error), -EPERM);
    }
    hwalloc_memory_unref(second);
    if (DONE(hwalloc_memory_copy(first, 1, 10, hwalloc_find("sysmem"), &copy, &error))) {
        hwalloc_map_info info = {.struct_size = sizeof info};
        EXPECT(hwalloc_memory_allocator(copy) == hwalloc_find("sysmem"));
        if (DONE(hwalloc_memory_map(copy, &info, HWALLOC_MAP_READ, &error))) {
            EXPECT(info.size == 10 && info.data[0] == (uint8_t)(101 * 7) &&
                   info.data[9] == (uint8_t)(110 * 7));
            DONE(hwalloc_memory_unmap(copy, &info, &error));
        }
    }
    hwalloc_memory_unref(copy);
    REFUSED(hwalloc_memory_share(memory, bytes, 1, &second, &error), -EINVAL);
    hwalloc_memory_unref(first);
}

static void copies_on_demand(hwalloc_memory* memory) {
    hwalloc_map_info info = {.struct_size = sizeof info};
    hwalloc_memory *share = NULL, *mapped = NULL, *writable = NULL;
    if (!DONE(hwalloc_memory_share(memory, 0, 100, &share, &error)))
        return;
    /* A share is read-only: a copy is what can be written. */
    if (DONE(hwalloc_make_mapped(share, &info, HWALLOC_MAP_READWRITE, &mapped, &error))) {
        EXPECT(info.memory == mapped && mapped != share && info.size == 100 && info.data[2] == 14);
        DONE(hwalloc_memory_unmap(mapped, &info, &error));
        if (DONE(hwalloc_make_writable(mapped, &writable, &error)))
            EXPECT(writable == mapped);
    }
    hwalloc_memory_unref(writable);
}

static void descriptors(hwalloc_memory* memory, uint32_t kind) {
    hwalloc_borrowed_fd lent = {.struct_size = sizeof lent};
    int fd = -1;
    if (!DONE(hwalloc_memory_borrow_fd(memory, kind, &lent, &error)))
        return;
    EXPECT(lent.fd >= 0 && lent.kind == kind && lent.size == bytes && lent.writable == 1);
    if (!DONE(hwalloc_memory_export_fd(memory, kind, &fd, &error)))
        return;
    EXPECT(fd >= 0 && fd != lent.fd);
    if (kind == HWALLOC_FD_DMABUF) {
        hwalloc_memory* imported = NULL;
        if (DONE(hwalloc_import_dmabuf(NULL, fd, lent.offset, lent.size, 0, &imported, &error)))
            EXPECT(hwalloc_memory_size(imported) == bytes);
        hwalloc_memory_unref(imported);
    }
    close(fd);
}

static void window(hwalloc_memory* memory) {
    DONE(hwalloc_memory_resize(memory, 16, bytes - 16, &error));
    EXPECT(hwalloc_memory_offset(memory) == 16 && hwalloc_memory_size(memory) == bytes - 16);
    DONE(hwalloc_memory_set_window(memory, 0, bytes, &error));
    EXPECT(hwalloc_memory_offset(memory) == 0 && hwalloc_memory_size(memory) == bytes);
    REFUSED(hwalloc_memory_resize(memory, -1, bytes, &error), -EINVAL);
}

static void use(hwalloc_allocator* allocator, uint32_t can) {
    hwalloc_memory* memory = NULL;
    int gone = 0;
    if (!DONE(hwalloc_alloc(allocator, bytes, NULL, &memory, &error)))
        return;
    EXPECT(hwalloc_memory_size(memory) == bytes && hwalloc_memory_offset(memory) == 0);
    EXPECT(hwalloc_memory_maxsize(memory) >= bytes && hwalloc_memory_allocator(memory) == allocator);
    EXPECT(hwalloc_memory_ref_count(memory) == 1 && hwalloc_memory_parent(memory) == NULL);
    char type[64];
    EXPECT(hwalloc_allocator_mem_type(allocator, type, sizeof type) < sizeof type);
    EXPECT(hwalloc_memory_is_type(memory, type) == 1 && hwalloc_memory_is_type(memory, "nothing") == 0);
    EXPECT(hwalloc_memory_ref(memory) == memory && hwalloc_memory_ref_count(memory) == 2);
    hwalloc_memory_unref(memory);
    if (can & HWALLOC_CAN_MAP) {
        maps(memory);
        parts(memory);
        copies_on_demand(memory);
    }
    if (can & HWALLOC_CAN_EXPORT_DMABUF)
        descriptors(memory, HWALLOC_FD_DMABUF);
    if (can & HWALLOC_CAN_EXPORT_MEMFD)
        descriptors(memory, HWALLOC_FD_MEMFD);
    window(memory);
    DONE(hwalloc_memory_set_user_data(memory, &gone, destroy, &error));
    REFUSED(hwalloc_memory_set_user_data(memory, &gone, destroy, &error), -EBUSY);
    EXPECT(hwalloc_memory_user_data(memory, destroy) == &gone &&
           hwalloc_memory_user_data(memory, NULL) == NULL);
    DONE(hwalloc_free(allocator, memory, &error));
    EXPECT(gone == 1);
}

static int usable(hwalloc_allocator* allocator, hwalloc_properties* properties) {
    properties->struct_size = sizeof *properties;
    return hwalloc_allocator_properties(allocator, properties, NULL) == 0 &&
           (properties->can & HWALLOC_CAN_ALLOC) && hwalloc_allocator_available(allocator, NULL) == 0;
}

int main(int argc, char** argv) {
    hwalloc_inventory* all = NULL;
    int used = 0;
    current = "inventory";
    if (!DONE(hwalloc_inventory_new(HWALLOC_SCAN_FULL, &all, &error)))
        return 1;
    for (size_t i = 0; i < hwalloc_inventory_size(all); ++i) {
        current = hwalloc_inventory_name(all, i);
        hwalloc_allocator* allocator = hwalloc_inventory_allocator(all, i);
        int wanted = argc < 2;
        for (int j = 1; j < argc; ++j)
            wanted |= strcmp(argv[j], current) == 0;
        hwalloc_properties properties;
        if (!wanted || !allocator || !usable(allocator, &properties)) {
            EXPECT(!wanted || hwalloc_inventory_why(all, i) || !(properties.can & HWALLOC_CAN_ALLOC));
            continue;
        }
        const int before = failures;
        use(allocator, properties.can);
        if (failures == before)
            printf("ok %s\n", current);
        ++used;
    }
    hwalloc_inventory_free(all);
    EXPECT(destroyed == used || failures);
    printf("%d used, %d failed\n", used, failures);
    return failures ? 1 : used ? 0 : 77;
}
