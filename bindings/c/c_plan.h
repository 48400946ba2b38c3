/* Plans in C: which memory all devices take, found by trying, and why the rest does not do. See
 * hwalloc/hwalloc.h, and docs/plan.md for how it finds out. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "hwalloc/c_allocator.h"
#include "hwalloc/c_error.h"
#include "hwalloc/c_export.h"
#include "hwalloc/c_image.h"
#include "hwalloc/c_memory.h"

HWALLOC_C_BEGIN

/* ---- who shares the memory */

/* A device, or the CPU. Not for two threads at once, and not in two plans at once. */
typedef struct hwalloc_participant hwalloc_participant;

/* The device behind an allocator, by that one's name: "vulkan/0", "drm-dumb/card0" (importing),
 * "v4l2/video0". Errors: those of hwalloc_resolve(); -EOPNOTSUPP (no device stands behind it). */
HWALLOC_C_API int hwalloc_participant_of(const char* allocator, hwalloc_participant** participant,
                                         hwalloc_error** error) HWALLOC_C_NOEXCEPT;
/* The CPU, which reads, writes or both (HWALLOC_MAP_*). Errors: -EINVAL (no access), -ENOMEM. */
HWALLOC_C_API int hwalloc_cpu_participant(uint32_t access, hwalloc_participant** participant,
                                          hwalloc_error** error) HWALLOC_C_NOEXCEPT;
/* A video output, or the input side of an encoder. `allow_copies` other than 0: each image is copied into the
 * driver's own buffers where that imports none. Opens the node. Errors: -ENOENT, -EACCES, -EOPNOTSUPP,
 * -EBUSY. */
HWALLOC_C_API int hwalloc_output_participant(const char* path, int allow_copies,
                                             hwalloc_participant** participant,
                                             hwalloc_error** error) HWALLOC_C_NOEXCEPT;
HWALLOC_C_API void hwalloc_participant_free(hwalloc_participant* participant) HWALLOC_C_NOEXCEPT;
/* Whether the device with this number (st_rdev of its node's stat()) sees what the CPU's caches hold:
 * HWALLOC_YES, HWALLOC_NO or HWALLOC_UNKNOWN. */
HWALLOC_C_API uint32_t hwalloc_sees_cpu_caches(uint64_t device) HWALLOC_C_NOEXCEPT;

/* What the user prefers, which a plan without names takes: of the environment variable HWALLOC_ALLOCATORS,
 * else of a configuration file. Read once in a process, and there for ever. */
/* Names, one after the other; NULL: no more. */
HWALLOC_C_API const char* hwalloc_preferred_allocator(size_t index) HWALLOC_C_NOEXCEPT;
/* The variable's name, or the file's; empty: there is neither. */
HWALLOC_C_API const char* hwalloc_preferred_allocators_source(void) HWALLOC_C_NOEXCEPT;
/* Why a file that is there cannot be read; NULL: it can. The caller frees it. */
HWALLOC_C_API hwalloc_error* hwalloc_preferred_allocators_error(void) HWALLOC_C_NOEXCEPT;

/* ---- the plan */

typedef struct hwalloc_plan hwalloc_plan; /* does not change, and may be used by any thread */

enum { HWALLOC_ACCEPTED = 0, HWALLOC_REFUSED = 1, HWALLOC_UNTESTED = 2 }; /* a verdict */
enum {
    HWALLOC_POLICY_STRICT = 0,    /* what is preferred alone, where anything is; nothing untested */
    HWALLOC_POLICY_PREFER = 1,    /* what is preferred first, then the others */
    HWALLOC_POLICY_ALLOW_COPY = 2 /* the same, and two kinds of memory with a copy in between */
};

typedef struct hwalloc_plan_request {
    size_t struct_size;
    hwalloc_participant* const* participants; /* in the order in which they see a frame */
    size_t participant_count;
    const char* const*
        prefer; /* names of allocators, the best one first; none: those that are set for the user */
    size_t prefer_count;
    uint32_t fourcc; /* of drm_fourcc.h; 0: bytes, of which `size` tells how many */
    uint32_t width;  /* in pixels */
    uint32_t height;
    uint32_t policy; /* HWALLOC_POLICY_* */
    uint64_t size;   /* bytes that the memory must have at least; 0: what the pixels need */
    uint64_t more_sizes[HWALLOC_MAX_PLANES - 1]; /* of bytes in several memories */
    uint32_t memory_per_plane;                   /* 1: each plane in a memory of its own */
    uint32_t complete;                           /* 1: every candidate is tried */
} hwalloc_plan_request;

/* A plan, or the one that was made for an equal request. One without a choice is no error. May block: it
 * allocates, and talks to devices. Errors: -EINVAL, -ENOMEM. */
HWALLOC_C_API int hwalloc_plan_new(const hwalloc_plan_request* request, hwalloc_plan** plan,
                                   hwalloc_error** error) HWALLOC_C_NOEXCEPT;
HWALLOC_C_API void hwalloc_plan_free(hwalloc_plan* plan) HWALLOC_C_NOEXCEPT;
/* The next plan is made anew, whatever is remembered. */
HWALLOC_C_API void hwalloc_forget_plans(void) HWALLOC_C_NOEXCEPT;

/* The whole story, a line for each candidate and one for each refusal. Belongs to the plan; NULL: out of
 * memory. */
HWALLOC_C_API const char* hwalloc_plan_explain(const hwalloc_plan* plan) HWALLOC_C_NOEXCEPT;
/* The candidates that may be taken, by their numbers, the best one first; SIZE_MAX: no more. Place 0 is the
 * choice. */
HWALLOC_C_API size_t hwalloc_plan_ranking(const hwalloc_plan* plan, size_t place) HWALLOC_C_NOEXCEPT;
/* Why there is no choice; NULL: there is one. The caller frees it. */
HWALLOC_C_API hwalloc_error* hwalloc_plan_error(const hwalloc_plan* plan) HWALLOC_C_NOEXCEPT;

/* Of candidate `index`: past the end NULL, 0, or refused. Texts belong to the plan. */
HWALLOC_C_API size_t hwalloc_plan_candidates(const hwalloc_plan* plan) HWALLOC_C_NOEXCEPT;
HWALLOC_C_API const char* hwalloc_plan_candidate_name(const hwalloc_plan* plan,
                                                      size_t index) HWALLOC_C_NOEXCEPT;
HWALLOC_C_API hwalloc_allocator* hwalloc_plan_candidate_allocator(const hwalloc_plan* plan,
                                                                  size_t index) HWALLOC_C_NOEXCEPT;
HWALLOC_C_API uint32_t hwalloc_plan_candidate_verdict(const hwalloc_plan* plan,
                                                      size_t index) HWALLOC_C_NOEXCEPT;
/* As its memory was tried. Error: -EINVAL. */
HWALLOC_C_API int hwalloc_plan_candidate_layout(const hwalloc_plan* plan, size_t index,
                                                hwalloc_image_layout* layout,
                                                hwalloc_error** error) HWALLOC_C_NOEXCEPT;
/* What participant `participant` says of it, and why not, which the caller frees; with SIZE_MAX what the
 * candidate itself lacks. */
HWALLOC_C_API uint32_t hwalloc_plan_cell_verdict(const hwalloc_plan* plan, size_t index,
                                                 size_t participant) HWALLOC_C_NOEXCEPT;
HWALLOC_C_API hwalloc_error* hwalloc_plan_cell_why(const hwalloc_plan* plan, size_t index,
                                                   size_t participant) HWALLOC_C_NOEXCEPT;
/* How it uses the memory, in sentences that are there for ever: what it becomes; what is to be done once for
 * each buffer; for each frame before it uses the memory, and afterwards. Empty where it was not taken. */
HWALLOC_C_API const char* hwalloc_plan_cell_use(const hwalloc_plan* plan, size_t index,
                                                size_t participant) HWALLOC_C_NOEXCEPT;
HWALLOC_C_API const char* hwalloc_plan_cell_once(const hwalloc_plan* plan, size_t index,
                                                 size_t participant) HWALLOC_C_NOEXCEPT;
HWALLOC_C_API const char* hwalloc_plan_cell_begin(const hwalloc_plan* plan, size_t index,
                                                  size_t participant) HWALLOC_C_NOEXCEPT;
HWALLOC_C_API const char* hwalloc_plan_cell_end(const hwalloc_plan* plan, size_t index,
                                                size_t participant) HWALLOC_C_NOEXCEPT;

/* Of participant `index`. */
HWALLOC_C_API const char* hwalloc_plan_participant_name(const hwalloc_plan* plan,
                                                        size_t index) HWALLOC_C_NOEXCEPT;
/* HWALLOC_YES, HWALLOC_NO or HWALLOC_UNKNOWN, and how that is known, or why not. */
HWALLOC_C_API uint32_t hwalloc_plan_participant_needs_contiguous(const hwalloc_plan* plan,
                                                                 size_t index) HWALLOC_C_NOEXCEPT;
HWALLOC_C_API const char* hwalloc_plan_participant_why_contiguous(const hwalloc_plan* plan,
                                                                  size_t index) HWALLOC_C_NOEXCEPT;

/* 1: it took its own memory, and refused everybody else's that was tried; else 0. */
HWALLOC_C_API int hwalloc_plan_participant_only_own(const hwalloc_plan* plan,
                                                    size_t index) HWALLOC_C_NOEXCEPT;

/* What a participant needs of memory, as far as it can be told in numbers. */
enum {
    HWALLOC_NEEDS_DMA_BUF = 0x01,
    HWALLOC_NEEDS_MEMORY_PER_PLANE = 0x02, /* these pixels in no other way than each plane in its own */
    HWALLOC_PREFERS_CACHED = 0x04,
    HWALLOC_THROUGH_CPU_CACHES = 0x08, /* sees memory through them: the CPU, or a driver that fills by it */
    HWALLOC_SYNCS_CPU_ACCESS = 0x10    /* makes the exporter's calls around that */
};
typedef struct hwalloc_constraints {
    size_t struct_size;
    const uint64_t* modifiers; /* layouts of pixels that will do, lent by the plan; none: all */
    size_t modifier_count;
    uint32_t needs;           /* HWALLOC_NEEDS_DMA_BUF ... */
    uint32_t contiguous;      /* HWALLOC_YES ...: one run of physical addresses */
    uint64_t min_size;        /* bytes; where an image lies in several memories, of the first */
    uint64_t size_align;      /* the size is a multiple of this */
    uint32_t sees_cpu_caches; /* HWALLOC_YES ...: of a device */
    uint32_t pitch_align;     /* of the first plane's rows, in bytes */
    uint32_t pitch_min;
    uint32_t pitch_max;
} hwalloc_constraints;

/* Of participant `index`; of all together for SIZE_MAX. Errors: -EINVAL (no such participant), and why they
 * contradict each other. */
HWALLOC_C_API int hwalloc_plan_constraints(const hwalloc_plan* plan, size_t index,
                                           hwalloc_constraints* constraints,
                                           hwalloc_error** error) HWALLOC_C_NOEXCEPT;

/* Where no memory does for all, and a copy is allowed: so many of the first participants share the memory of
 * *from, and the rest share that of *to. Each is a plan of its own, with the CPU as one participant more, and
 * the caller's to free. 0 and NULL: none is planned. Errors: -EINVAL, -ENOMEM. */
HWALLOC_C_API int hwalloc_plan_copy(const hwalloc_plan* plan, size_t* participants, hwalloc_plan** from,
                                    hwalloc_plan** to, hwalloc_error** error) HWALLOC_C_NOEXCEPT;

/* ---- its buffers */

typedef struct hwalloc_plan_buffers hwalloc_plan_buffers;

/* `count` buffers of the choice, or when these cannot be had of the next in the ranking, from its place
 * `first` on. Errors: why there is no choice; -ENOENT (nothing is left); that of the first that failed. */
HWALLOC_C_API int hwalloc_plan_allocate(const hwalloc_plan* plan, size_t count, size_t first,
                                        hwalloc_plan_buffers** buffers,
                                        hwalloc_error** error) HWALLOC_C_NOEXCEPT;
/* Of this candidate, whatever its verdict. Errors: -EINVAL, -ENOENT (it was not tried), and why it gives
 * none. */
HWALLOC_C_API int hwalloc_plan_allocate_from(const hwalloc_plan* plan, size_t candidate, size_t count,
                                             hwalloc_plan_buffers** buffers,
                                             hwalloc_error** error) HWALLOC_C_NOEXCEPT;
/* Whose they are. */
HWALLOC_C_API size_t hwalloc_plan_buffers_candidate(const hwalloc_plan_buffers* buffers) HWALLOC_C_NOEXCEPT;
/* All memories, those of the first buffer first, lent as an array that hwalloc_camera_bind() takes; how many
 * they are. */
HWALLOC_C_API hwalloc_memory* const* hwalloc_plan_buffers_memories(const hwalloc_plan_buffers* buffers,
                                                                   size_t* count) HWALLOC_C_NOEXCEPT;
HWALLOC_C_API int hwalloc_plan_buffers_layout(const hwalloc_plan_buffers* buffers,
                                              hwalloc_image_layout* layout,
                                              hwalloc_error** error) HWALLOC_C_NOEXCEPT;
HWALLOC_C_API void hwalloc_plan_buffers_free(hwalloc_plan_buffers* buffers) HWALLOC_C_NOEXCEPT;

HWALLOC_C_END
