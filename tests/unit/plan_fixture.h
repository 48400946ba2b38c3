// Participants and allocators that do what a test tells them, for the plan's own rules. Real devices are met
// in the lab (tests/lab/plan_test.py).
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/udmabuf.h>

#include <functional>
#include <string>

#include "hwalloc/dma_buf.h"
#include "hwalloc/image.h"
#include "hwalloc/plan.h"
#include "tests/unit/fake_dma_buf.h"

namespace hwalloc::testing {

// Fake dma-bufs and a /dev/udmabuf that makes twins of them.
class FakeTwins {
public:
    FakeTwins() {
        active = this;
        buffers.other = [](int fd, unsigned long request, void* argument) {
            if (request != UDMABUF_CREATE_LIST)
                return real_kernel().ioctl(fd, request, argument);
            const auto& list = *static_cast<const udmabuf_create_list*>(argument);
            std::size_t size = 0;
            active->orders.emplace_back();
            for (__u32 i = 0; i < list.count; ++i) {
                size += list.list[i].size;
                for (__u64 at = 0; at < list.list[i].size; at += page_size())
                    active->orders.back().push_back((list.list[i].offset + at) / page_size());
            }
            UniqueFd made = FakeDmaBufs::make(size);
            active->inodes.push_back(inode_of(made.get()));
            return made.release();
        };
        kernel.open = [](const char* path, int flags) {
            if (!active->exporter.empty() && std::string_view(path).starts_with("/proc/self/fdinfo/")) {
                const int file = ::memfd_create("fake fdinfo", MFD_CLOEXEC);
                const std::string text = "exp_name:\t" + active->exporter + "\n";
                EXPECT_EQ(::pwrite(file, text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
                return file;
            }
            if (std::string_view(path) != "/dev/udmabuf")
                return real_kernel().open(path, flags);
            return active->udmabuf_open < 0 ? active->udmabuf_open
                                            : ::memfd_create("fake udmabuf", MFD_CLOEXEC);
        };
    }
    ~FakeTwins() { active = nullptr; }

    static std::uint64_t inode_of(int fd) {
        struct stat status {};
        return ::fstat(fd, &status) == 0 ? status.st_ino : 0;
    }
    // 0 or 1 for a twin, the straight one first; -1 for other memory.
    int twin(Memory& memory) const {
        const auto fd = borrow_fd(memory, FdKind::dmabuf);
        for (std::size_t i = 0; fd && i < inodes.size(); ++i)
            if (inodes[i] == inode_of(fd->fd))
                return static_cast<int>(i % 2);
        return -1;
    }

    FakeDmaBufs buffers;
    int udmabuf_open = 0;
    std::string exporter;              // of every dma-buf; empty: as the kernel tells
    std::vector<std::uint64_t> inodes; // of every twin that was made
    // Of each, the pages of the file in the order in which it has them.
    std::vector<std::vector<std::uint64_t>> orders;

    static inline FakeTwins* active = nullptr;
};

class FakeAllocator final : public Allocator, public Describes, public AllocatesImages {
public:
    FakeAllocator() : Allocator("plan-test") {}

    Properties about{.contiguous = Answer::no, .cached = Answer::yes, .cost = 20};
    Claims can{.alloc = true, .map = true, .export_dmabuf = true};
    std::optional<Error> failure; // of every allocation
    std::uint32_t pitch_step = 0; // lays images out itself, to rows of a multiple of that
    bool forgets_memory = false;  // of the images that it lays out
    int allocations = 0;

    Properties properties() noexcept override { return about; }
    Claims claims() noexcept override { return can; }
    Result<void> available() noexcept override { return {}; }
    Result<Image> alloc_image(const ImageRequest& request) noexcept override {
        auto least = linear_layout(request.fourcc, request.width, request.height);
        auto layout = linear_layout(request.fourcc, request.width, request.height,
                                    (least->planes[0].stride + pitch_step - 1) / pitch_step * pitch_step);
        auto memory = alloc(layout->memory_sizes[0]);
        if (!memory)
            return std::move(memory).error();
        if (forgets_memory)
            memory->reset();
        return Image{std::move(*memory), *layout};
    }

private:
    Result<Block*> do_alloc(std::size_t size, const AllocationParams& params) noexcept override {
        ++allocations;
        if (failure)
            return *failure;
        auto geometry = Geometry::of(size, params, 4096);
        if (!geometry)
            return std::move(geometry).error();
        auto buffer = DmaBuf::adopt(FakeDmaBufs::make(geometry->storage), geometry->storage);
        if (!buffer)
            return std::move(buffer).error();
        return DmaBufBlock::make(*this, *geometry, std::move(*buffer));
    }
    void* do_extension(std::string_view id) noexcept override {
        if (id == AllocatesImages::extension_id && pitch_step)
            return static_cast<AllocatesImages*>(this);
        return id == Describes::extension_id ? static_cast<Describes*>(this) : nullptr;
    }
};

class FakeParticipant final : public Participant {
public:
    explicit FakeParticipant(std::string called) : called_(std::move(called)), key(called_) {}

    std::string_view name() const noexcept override { return called_; }
    std::string_view cache_key() const noexcept override { return key; }
    std::vector<AllocatorRef> own_allocators() noexcept override { return own; }
    Result<Constraints> ask(const ImageSpec&) noexcept override {
        ++asked;
        if (refusal)
            return *refusal;
        return needs;
    }
    Result<ImageLayout> settle(const ImageLayout& layout) noexcept override {
        return settling ? settling(layout) : Result<ImageLayout>(layout);
    }
    Result<void> begin_trials(const ImageLayout&) noexcept override {
        ++begun;
        return not_ready ? Result<void>(*not_ready) : Result<void>();
    }
    void end_trials() noexcept override { ++ended; }
    Result<Recipe> attempt(Memory& memory, const ImageLayout& layout) noexcept override {
        EXPECT_GE(begun, ended) << "no trial comes after the last";
        ++attempts;
        return trial ? trial(memory, layout) : Result<Recipe>(Recipe{.use = "test"});
    }

private:
    std::string called_;

public:
    std::string key;
    std::vector<AllocatorRef> own;
    Constraints needs{.sees_cpu_caches = Answer::yes}; // on any machine
    std::optional<Error> refusal;                      // of ask()
    std::function<Result<ImageLayout>(const ImageLayout&)> settling;
    std::function<Result<Recipe>(Memory&, const ImageLayout&)> trial;
    std::optional<Error> not_ready; // of begin_trials()
    int asked = 0, attempts = 0, begun = 0, ended = 0;
};

class PlanTest : public ::testing::Test {
protected:
    PlanTest() { forget_plans(); }
    ~PlanTest() override {
        for (const std::string& name : names_)
            (void)Allocator::unregister(name);
        forget_plans();
    }

    // Registered for this test alone, and preferred in this order.
    FakeAllocator& allocator(const std::string& name) {
        auto* made = new FakeAllocator;
        EXPECT_TRUE(Allocator::register_allocator(name, AllocatorRef::adopt(made)));
        names_.push_back(name);
        return *made;
    }
    std::shared_ptr<FakeParticipant> participant(const std::string& name) {
        auto made = std::make_shared<FakeParticipant>(name);
        all.push_back(made);
        return made;
    }
    PlanRequest request(PlanPolicy policy = PlanPolicy::strict, bool complete = true) {
        views_.assign(names_.begin(), names_.end());
        return {
            .participants = all, .image = image, .policy = policy, .prefer = views_, .complete = complete};
    }
    PlanRef made(PlanPolicy policy = PlanPolicy::strict, bool complete = true) {
        auto plan = hwalloc::plan(request(policy, complete));
        EXPECT_TRUE(plan) << plan.error().message();
        return plan ? *plan : nullptr;
    }
    static const PlanCandidate& candidate(const Plan& plan, std::string_view name) {
        for (const PlanCandidate& one : plan.candidates())
            if (one.name == name)
                return one;
        ADD_FAILURE() << name << " is no candidate";
        return plan.candidates().front();
    }

    FakeTwins twins;
    std::vector<ParticipantRef> all;
    ImageSpec image{.fourcc = fourcc('Y', 'U', 'Y', 'V'), .width = 64, .height = 48};

private:
    std::vector<std::string> names_;
    std::vector<std::string_view> views_;
};

} // namespace hwalloc::testing
