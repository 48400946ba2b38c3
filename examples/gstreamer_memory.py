#!/usr/bin/env python3
"""hwalloc's memory in a Python program of GStreamer: found by name, allocated, registered, made the default, mapped, shared, copied.

    GST_PLUGIN_PATH=… python3 gstreamer_memory.py [NAME]"""

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstAllocators", "1.0")
from gi.repository import Gst, GstAllocators  # noqa: E402

Gst.init(None)
Gst.Plugin.load_by_name("hwalloc")  # what is not loaded has registered nothing
allocator = Gst.Allocator.find("hwalloc/" + (sys.argv[1] if len(sys.argv) > 1 else "dma-heap/system"))
if not allocator:
    sys.exit("there is no such memory here: `hwalloc list` tells why, GST_DEBUG=hwalloc:4 too")
params = Gst.AllocationParams.new()
params.align, params.prefix, params.padding = 255, 256, 256
memory = Gst.Allocator.alloc(allocator, 640 * 480 * 2, params)  # not GstDmaBufAllocator's alloc(), which wraps a descriptor
Gst.Allocator.register("cameras", allocator)
Gst.Allocator.set_default(Gst.Allocator.find("cameras"))

buffer = Gst.Buffer.new()  # a buffer writes into its memory
buffer.append_memory(memory)
buffer.fill(0, bytes(range(200)))
ok, mapped = memory.map(Gst.MapFlags.READ)
print("mapped", ok, mapped.size, bytes(mapped.data[:3]))
memory.unmap(mapped)
share, copy = memory.share(100, 50), memory.copy(100, 50)
for name, part in ("share", share), ("copy", copy):
    ok, mapped = part.map(Gst.MapFlags.READ)
    print(name, ok, mapped.size, bytes(mapped.data[:3]), "of the default" if part.allocator == Gst.Allocator.find(None) else "")
    part.unmap(mapped)
print("dma-buf", GstAllocators.is_dmabuf_memory(memory), "share's parent is the memory", share.parent == memory)
