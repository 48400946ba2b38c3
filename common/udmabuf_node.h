// The node of udmabuf, and what to do about it: of the allocator, and of whoever makes trial buffers.
#pragma once

#include "common/node_access.h"

namespace hwalloc {

// As systemd 257 has it, but for the tag that gives it to whoever is logged in: udev-rules/ has all of it.
inline constexpr NodeRule udmabuf_rule{
    "SUBSYSTEM==\"misc\", KERNEL==\"udmabuf\", GROUP=\"kvm\", MODE=\"0660\"", "70-hwalloc-udmabuf.rules",
    "kvm", "--subsystem-match=misc --sysname-match=udmabuf"};
inline constexpr NodeAdvice udmabuf_advice{
    .purpose = "opening udmabuf",
    .absent = "this kernel has no udmabuf (it takes CONFIG_UDMABUF), or it is not loaded",
    .denied = "systemd 257 and later give it to whoever is logged in at the machine; else give a group "
              "access with a "
              "udev rule, such as SUBSYSTEM==\"misc\", KERNEL==\"udmabuf\", GROUP=\"kvm\", MODE=\"0660\"",
    .rule = &udmabuf_rule,
    .absence = ErrorKind::device_lost};

} // namespace hwalloc
