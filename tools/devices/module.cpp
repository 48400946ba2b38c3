// hwalloc-devices.so: what the command loads when frames go to a GPU or a display.
#include "tools/devices/display.h"
#include "tools/gpu/consumer.h"
#include "tools/gpu/facts.h"
#include "tools/module/interface.h"

namespace hwalloc::tools {
namespace {

Result<std::unique_ptr<FrameConsumer>> open(const ConsumerRequest& request) {
    if (request.to == "gpu")
        return open_gpu(request);
    if (request.to == "display")
        return open_display(request);
    return Error(ErrorKind::unsupported, "there is no such use of frames");
}

} // namespace
} // namespace hwalloc::tools

extern "C" __attribute__((visibility("default")))
const hwalloc::tools::DeviceModule hwalloc_devices = {sizeof(hwalloc::tools::DeviceModule), HWALLOC_VERSION,
                                                      hwalloc::tools::open, hwalloc::tools::describe_gpu};
