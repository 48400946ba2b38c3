#include <cstdlib>
#include <string>

#include "bench.h"
#include "hwalloc/block.h"

int main(int argc, char** argv) {
    // Only allocators are needed of GStreamer: no scan for plug-ins.
    setenv("GST_REGISTRY_UPDATE", "no", 0);
    gst_registry_fork_set_enabled(FALSE);
    gst_init(nullptr, nullptr);
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv))
        return 1;
    // GStreamer's system memory is private to it: GstMemory and three pointers (data, user data, notify).
    benchmark::AddCustomContext("bytes-memory/ours", std::to_string(sizeof(hwalloc::Memory)));
    benchmark::AddCustomContext("bytes-memory/peer", std::to_string(sizeof(GstMemory)));
    benchmark::AddCustomContext("bytes-block/ours", std::to_string(sizeof(hwalloc::Block)));
    benchmark::AddCustomContext("bytes-block/peer", std::to_string(sizeof(GstMemory) + 3 * sizeof(void*)));
    gchar* version = gst_version_string();
    benchmark::AddCustomContext("peer", version);
    g_free(version);
    benchmark::RunSpecifiedBenchmarks();
    benchmark::Shutdown();
}
