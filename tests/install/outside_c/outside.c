/* An application in C: finds an allocator, and says which version of the library it met. */
#include <hwalloc/hwalloc.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char** argv) {
    hwalloc_error* error = NULL;
    hwalloc_memory* memory = NULL;
    hwalloc_map_info map = {.struct_size = sizeof map};
    hwalloc_allocator* allocator = NULL;
    if (hwalloc_resolve(argc > 1 ? argv[1] : NULL, &allocator, &error) < 0 ||
        hwalloc_alloc(allocator, 100, NULL, &memory, &error) < 0 ||
        hwalloc_memory_map(memory, &map, HWALLOC_MAP_WRITE, &error) < 0) {
        fprintf(stderr, "%s\n", hwalloc_error_message(error));
        hwalloc_error_free(error);
        hwalloc_memory_unref(memory);
        return 1;
    }
    memset(map.data, 7, map.size);
    hwalloc_memory_unmap(memory, &map, NULL);
    hwalloc_memory_unref(memory);
    puts(hwalloc_version());
    return 0;
}
