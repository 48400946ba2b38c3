// Marks what the shared library offers; everything else is hidden by default.
#pragma once

#define HWALLOC_API [[gnu::visibility("default")]]
