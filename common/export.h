// Marks what the shared library offers; everything else is hidden by default.
#pragma once

#define HWALLOC_API [[gnu::visibility("default")]]
// On a class declared inside a class that is offered: its members are not.
#define HWALLOC_LOCAL [[gnu::visibility("hidden")]]
