#include "backends/vulkan/imports.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <bit>
#include <new>

#include "backends/vulkan/device_memory.h"
#include "backends/vulkan/images.h"
#include "common/fixed_text.h"
#include "common/kernel.h"
#include "common/open_files.h"
#include "common/standard_streams.h"

namespace hwalloc::vulkan::detail {

struct ImportedBuffer final : BufferBinding {
    ~ImportedBuffer() override;

    std::shared_ptr<Context> context;
    Imports* imports = nullptr; // of that context
    DmaBufRef dma_buf;
    DeviceMemory held;
    OwnedBuffer owned;
};

struct ImportedImage final : ImageBinding {
    ~ImportedImage() override;

    std::shared_ptr<Context> context;
    Imports* imports = nullptr; // of that context
    DmaBufRef dma_buf;
    DeviceMemory held;
    OwnedImage owned;
};

void Imports::forget_buffer(const DmaBuf* dma_buf) noexcept {
    std::lock_guard guard(mutex_);
    if (const auto at = buffers_.find(dma_buf); at != buffers_.end() && at->second.expired())
        buffers_.erase(at);
}
void Imports::forget_image(const DmaBuf* dma_buf) noexcept {
    std::lock_guard guard(mutex_);
    auto [at, end] = images_.equal_range(dma_buf);
    while (at != end)
        at = at->second.binding.expired() ? images_.erase(at) : std::next(at);
}

ImportedBuffer::~ImportedBuffer() {
    if (dma_buf)
        imports->forget_buffer(dma_buf.get());
}
ImportedImage::~ImportedImage() {
    if (dma_buf)
        imports->forget_image(dma_buf.get());
}

namespace {

Error not_importable(const Context& context) noexcept {
    return Error(ErrorKind::unsupported, "importing a dma-buf into Vulkan")
        .on(context.name)
        .remedy(context.has_dma_buf ? "the driver says that it imports no dma-buf as such a buffer"
                                    : "the driver or this VkDevice lacks VK_EXT_external_memory_dma_buf or "
                                      "VK_KHR_external_memory_fd (Mesa's lavapipe has them since 24.1)");
}

// What a refused import may be due to.
Error explain(Error error, const Context& context, const DmaBuf& buffer, std::uint64_t wanted) noexcept {
    // A driver that names no reason (VK_ERROR_UNKNOWN, VK_ERROR_INITIALIZATION_FAILED) was asked about this
    // memory alone.
    if (error.kind() == ErrorKind::unavailable)
        error = Error::from_vulkan(ErrorKind::incompatible, error.code(), "importing a dma-buf into Vulkan")
                    .call(FixedText(error.call()));
    // What a driver that cannot write answers is the same as for memory that it cannot have at all.
    if (!buffer.writable() && error.kind() == ErrorKind::incompatible)
        error = Error::from_vulkan(ErrorKind::permission, error.code(), "importing a dma-buf into Vulkan")
                    .call(FixedText(error.call()));
    error = std::move(error).on(context.name).wanted(wanted).held(buffer.size());
    if (error.kind() == ErrorKind::permission)
        return std::move(error).remedy(
            "the dma-buf's descriptor is read-only, and this driver may need to write: export "
            "it for reading and writing (DRM_RDWR, O_RDWR)");
    if (error.kind() == ErrorKind::incompatible)
        return std::move(error).remedy(
            "the driver cannot use memory of this exporter: `hwalloc list` names others");
    return error;
}

// Types of memory that can hold the dma-buf. Errors: what the driver answers.
Result<std::uint32_t> types_for(const Context& context, const DmaBuf& buffer) noexcept {
    VkMemoryFdPropertiesKHR properties{.sType = VK_STRUCTURE_TYPE_MEMORY_FD_PROPERTIES_KHR};
    const VkResult result =
        context.functions.GetMemoryFdPropertiesKHR(context.device, dma_buf_type, buffer.fd(), &properties);
    if (result != VK_SUCCESS)
        return explain(
            context.refused(result, "importing a dma-buf into Vulkan", "vkGetMemoryFdPropertiesKHR"), context,
            buffer, 0);
    return properties.memoryTypeBits;
}

// A driver owns the descriptor only when it took the memory (Vulkan, VkImportMemoryFdInfoKHR), but Mesa's
// lavapipe up to 25.2 closes it on failure too. So it is closed only while it still is the dma-buf that it
// was.
void close_after_refusal(int fd, const DmaBuf& buffer) noexcept {
    if (buffer.is_behind(fd))
        kernel.close(fd);
}

// `dedicated`: null, or what the memory is for alone.
Result<DeviceMemory> import_memory(Context& context, const DmaBuf& buffer, const VkMemoryRequirements& needs,
                                   const VkMemoryDedicatedAllocateInfo* dedicated) noexcept {
    if (needs.size > buffer.size())
        return Error(ErrorKind::incompatible, "the dma-buf is smaller than what Vulkan needs for it")
            .on(context.name)
            .wanted(needs.size)
            .held(buffer.size());
    auto types = types_for(context, buffer);
    if (!types)
        return std::move(types).error();
    const std::uint32_t both = *types & needs.memoryTypeBits;
    if (both == 0)
        return Error(ErrorKind::incompatible, "importing a dma-buf into Vulkan")
            .on(context.name)
            .call("vkGetMemoryFdPropertiesKHR")
            .remedy(FixedText("no memory type fits both: the dma-buf can be ")
                        .append(*types, 2)
                        .append(", and the buffer or image needs ")
                        .append(needs.memoryTypeBits, 2)
                        .append(" (bits of memory types)"));
    const int fd = kernel.fcntl(buffer.fd(), F_DUPFD_CLOEXEC, first_free_fd);
    if (fd < 0)
        return with_open_files_remedy(Error::from_errno(-fd, "importing a dma-buf into Vulkan")
                                          .on(context.name)
                                          .call("fcntl(F_DUPFD_CLOEXEC)"),
                                      fd);
    const VkImportMemoryFdInfoKHR import{.sType = VK_STRUCTURE_TYPE_IMPORT_MEMORY_FD_INFO_KHR,
                                         .pNext = dedicated,
                                         .handleType = dma_buf_type,
                                         .fd = fd};
    const VkMemoryAllocateInfo info{.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
                                    .pNext = &import,
                                    .allocationSize = needs.size,
                                    .memoryTypeIndex = static_cast<std::uint32_t>(std::countr_zero(both))};
    VkDeviceMemory memory = VK_NULL_HANDLE;
    const VkResult result = context.functions.AllocateMemory(context.device, &info, nullptr, &memory);
    if (result != VK_SUCCESS) {
        close_after_refusal(fd, buffer);
        return explain(context.no_memory(result, "importing a dma-buf into Vulkan",
                                         "vkAllocateMemory(import)", needs.size),
                       context, buffer, needs.size);
    }
    return DeviceMemory(context, memory, needs.size, context.imported);
}

// A VkBuffer and what it needs.
struct SizedBuffer {
    OwnedBuffer buffer;
    VkDeviceSize size = 0;
    VkMemoryRequirements needs{};
    bool dedicated = false;
};

Result<SizedBuffer> create_sized(Context& context, VkDeviceSize size) noexcept {
    auto made = context.create_buffer(size, true);
    if (!made)
        return std::move(made).error();
    const VkBufferMemoryRequirementsInfo2 question{
        .sType = VK_STRUCTURE_TYPE_BUFFER_MEMORY_REQUIREMENTS_INFO_2, .buffer = *made};
    VkMemoryDedicatedRequirements alone{.sType = VK_STRUCTURE_TYPE_MEMORY_DEDICATED_REQUIREMENTS};
    VkMemoryRequirements2 needs{.sType = VK_STRUCTURE_TYPE_MEMORY_REQUIREMENTS_2, .pNext = &alone};
    context.functions.GetBufferMemoryRequirements2(context.device, &question, &needs);
    return SizedBuffer{.buffer = OwnedBuffer(context, *made),
                       .size = size,
                       .needs = needs.memoryRequirements,
                       .dedicated = context.external.dedicated_only || alone.requiresDedicatedAllocation};
}

// The largest VkBuffer, in words of 4 bytes, that needs no more than `held` bytes. A driver that pads buffers
// needs more for one as large as the dma-buf, whose size nobody can change any more.
Result<SizedBuffer> largest_within(Context& context, VkDeviceSize held) noexcept {
    constexpr VkDeviceSize word = 4;
    auto whole = create_sized(context, held);
    if (!whole || whole->needs.size <= held)
        return whole;
    const VkDeviceSize over = whole->needs.size - held;
    SizedBuffer best;
    VkDeviceSize fits = 0, too_large = held;
    // Most often what is over is just what the padding takes.
    VkDeviceSize next = over < held ? held - over : held / 2;
    while ((next = next / word * word) > fits && next < too_large) {
        auto smaller = create_sized(context, next);
        if (!smaller)
            return smaller;
        if (smaller->needs.size <= held) {
            fits = next;
            best = *std::move(smaller);
        } else {
            too_large = next;
        }
        next = fits + (too_large - fits) / 2;
    }
    if (fits == 0)
        return Error(ErrorKind::incompatible, "the dma-buf is smaller than what Vulkan needs for any buffer")
            .on(context.name)
            .wanted(whole->needs.size)
            .held(held);
    return best;
}

Result<std::shared_ptr<const BufferBinding>> import_buffer(Context& context, Imports& imports,
                                                           const DmaBufRef& dma_buf) {
    if (!context.external.importable)
        return not_importable(context);
    auto sized = largest_within(context, dma_buf->size());
    if (!sized)
        return std::move(sized).error();
    VkBuffer fresh = sized->buffer.get();
    auto import = std::make_shared<ImportedBuffer>();
    const VkMemoryDedicatedAllocateInfo for_buffer{.sType = VK_STRUCTURE_TYPE_MEMORY_DEDICATED_ALLOCATE_INFO,
                                                   .buffer = fresh};
    auto memory = import_memory(context, *dma_buf, sized->needs, sized->dedicated ? &for_buffer : nullptr);
    if (!memory)
        return std::move(memory).error();
    if (const VkResult result = context.functions.BindBufferMemory(context.device, fresh, memory->get(), 0);
        result != VK_SUCCESS)
        return explain(context.refused(result, "importing a dma-buf into Vulkan", "vkBindBufferMemory"),
                       context, *dma_buf, sized->needs.size);
    import->buffer = fresh;
    import->memory = memory->get();
    import->size = sized->size;
    import->foreign = true;
    import->context = context.shared_from_this();
    import->imports = &imports;
    import->held = *std::move(memory);
    import->owned = std::move(sized->buffer);
    import->dma_buf = dma_buf;
    return std::shared_ptr<const BufferBinding>(std::move(import));
}

Result<std::shared_ptr<const ImageBinding>> import_image(Context& context, Imports& imports,
                                                         const DmaBufRef& dma_buf, const ImageLayout& layout,
                                                         VkImageUsageFlags usage) {
    auto made = create_explicit_image(context, layout, usage);
    if (!made)
        return std::move(made).error();
    OwnedImage owned(context, made->image); // before anything may throw
    auto import = std::make_shared<ImportedImage>();
    const VkImageMemoryRequirementsInfo2 question{.sType = VK_STRUCTURE_TYPE_IMAGE_MEMORY_REQUIREMENTS_INFO_2,
                                                  .image = made->image};
    VkMemoryDedicatedRequirements alone{.sType = VK_STRUCTURE_TYPE_MEMORY_DEDICATED_REQUIREMENTS};
    VkMemoryRequirements2 needs{.sType = VK_STRUCTURE_TYPE_MEMORY_REQUIREMENTS_2, .pNext = &alone};
    context.functions.GetImageMemoryRequirements2(context.device, &question, &needs);
    const bool dedicated =
        made->dedicated_only || alone.requiresDedicatedAllocation || alone.prefersDedicatedAllocation;
    const VkMemoryDedicatedAllocateInfo for_image{.sType = VK_STRUCTURE_TYPE_MEMORY_DEDICATED_ALLOCATE_INFO,
                                                  .image = made->image};
    auto memory =
        import_memory(context, *dma_buf, needs.memoryRequirements, dedicated ? &for_image : nullptr);
    if (!memory)
        return std::move(memory).error();
    if (const VkResult result =
            context.functions.BindImageMemory(context.device, made->image, memory->get(), 0);
        result != VK_SUCCESS)
        return refused_layout(context, result, layout, "vkBindImageMemory");
    import->image = made->image;
    import->memory = memory->get();
    import->format = made->format;
    import->extent = {layout.width, layout.height};
    import->modifier = layout.modifier;
    import->layout = layout;
    import->usage = usage;
    import->plane_views = made->plane_views;
    import->context = context.shared_from_this();
    import->imports = &imports;
    import->held = *std::move(memory);
    import->owned = std::move(owned);
    import->dma_buf = dma_buf;
    return std::shared_ptr<const ImageBinding>(std::move(import));
}

// A place in a table that is given back unless it is taken.
template<class Table>
class Room {
public:
    Room(Table& table, typename Table::iterator at) noexcept : table_(&table), at_(at) {}
    Room(const Room&) = delete;
    Room& operator=(const Room&) = delete;
    ~Room() {
        if (table_)
            table_->erase(at_);
    }
    typename Table::iterator take() noexcept {
        table_ = nullptr;
        return at_;
    }

private:
    Table* table_;
    typename Table::iterator at_;
};

} // namespace

Result<std::shared_ptr<const BufferBinding>> Imports::buffer(const DmaBufRef& dma_buf) noexcept {
    return without_exceptions([&]() -> Result<std::shared_ptr<const BufferBinding>> {
        if (auto own = context_.check_process(); !own)
            return std::move(own).error();
        std::lock_guard guard(mutex_);
        if (const auto known = buffers_.find(dma_buf.get()); known != buffers_.end())
            if (auto binding = known->second.lock())
                return binding;
        // Room first: a fresh import must not be let go of in here, and one that fails leaves none behind.
        Room room(buffers_, buffers_.try_emplace(dma_buf.get()).first);
        auto fresh = import_buffer(context_, *this, dma_buf);
        if (fresh)
            room.take()->second = *fresh;
        return fresh;
    });
}

Result<std::shared_ptr<const ImageBinding>>
Imports::image(const DmaBufRef& dma_buf, const ImageLayout& layout, VkImageUsageFlags usage) noexcept {
    return without_exceptions([&]() -> Result<std::shared_ptr<const ImageBinding>> {
        if (auto own = context_.check_process(); !own)
            return std::move(own).error();
        std::lock_guard guard(mutex_);
        auto [at, end] = images_.equal_range(dma_buf.get());
        while (at != end && (at->second.usage != usage || at->second.layout != layout))
            ++at;
        if (at == end)
            at = images_.emplace(dma_buf.get(), ImageEntry{layout, usage, {}});
        if (auto binding = at->second.binding.lock())
            return binding;
        Room room(images_, at);
        auto fresh = import_image(context_, *this, dma_buf, layout, usage);
        if (fresh)
            room.take()->second.binding = *fresh;
        return fresh;
    });
}

} // namespace hwalloc::vulkan::detail
