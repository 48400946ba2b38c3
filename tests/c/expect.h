/* What the programs of C share: "FAILED WHAT: line N: CONDITION" for what does not hold, counted. */
#pragma once

#include <stdio.h>

#include "hwalloc/hwalloc.h"

static int failures;
static hwalloc_error* error; /* of the last call */
static const char* current;

static int expect_at(int holds, const char* what, int line) {
    if (!holds) {
        printf("FAILED %s: line %d: %s\n", current, line, what);
        ++failures;
    }
    return holds;
}
#define EXPECT(condition) expect_at((condition) != 0, #condition, __LINE__)
/* Of a call: 0, or its error told. */
static int done_at(int answer, const char* what, int line) {
    if (answer < 0)
        printf("  %s\n", hwalloc_error_message(error));
    hwalloc_error_free(error);
    return expect_at(answer == 0, what, line);
}
#define DONE(call) (error = NULL, done_at((call), #call, __LINE__))
