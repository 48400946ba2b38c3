// A shelf of memories that nobody uses any more, for the next that asks.
#pragma once

#include <gst/gst.h>

#include <atomic>

namespace hwalloc::gst {

// Owned by the allocator that looks into it, and by every memory that may come back to it. What lies on it
// holds no reference on that allocator, so that nothing keeps itself alive.
class Shelf {
public:
    // Null when memory is short.
    static Shelf* make(guint most, gsize size, const GstAllocationParams& params) noexcept;
    void ref() noexcept { references_.fetch_add(1, std::memory_order_relaxed); }
    void unref() noexcept;

    // Whether what was made for such a request may be given for this one.
    bool is_for(gsize size, const GstAllocationParams& params) const noexcept {
        return size == size_ && params.align == params_.align && params.prefix == params_.prefix &&
               params.padding == params_.padding && params.flags == params_.flags;
    }
    // One that lies there, with one reference; null when there is none.
    GstMemory* take() noexcept;
    // Takes a memory that has one reference; false when the shelf is full or closed, and the reference is
    // still the caller's. The caller has a reference on the shelf: one of the memory's may be gone before
    // this returns.
    bool put(GstMemory* memory) noexcept;
    // Frees what lies there, and takes nothing until it is opened.
    void close() noexcept;
    void open() noexcept { closed_.store(false); }

    Shelf(const Shelf&) = delete;
    Shelf& operator=(const Shelf&) = delete;

private:
    Shelf(guint most, gsize size, const GstAllocationParams& params, GstMemory** kept) noexcept
        : most_(most), size_(size), params_(params), kept_(kept) {
        g_mutex_init(&mutex_);
    }
    ~Shelf();
    void clear() noexcept;

    std::atomic<guint> references_{1};
    // One memory can lie here, for which nobody needs the lock.
    std::atomic<GstMemory*> nearest_{nullptr};
    std::atomic<bool> closed_{false};
    guint most_; // with the nearest
    gsize size_;
    GstAllocationParams params_;
    std::atomic<guint> count_{0}; // written under mutex_
    GMutex mutex_;
    GstMemory** kept_; // most_ - 1 places; guarded by mutex_
};

} // namespace hwalloc::gst
