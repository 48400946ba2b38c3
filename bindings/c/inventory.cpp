// The inventory for C.
#include <memory>
#include <new>
#include <optional>
#include <vector>

#include "bindings/c/answer.h"
#include "hwalloc/c_inventory.h"
#include "hwalloc/inventory.h"

struct hwalloc_inventory {
    std::vector<hwalloc::InventoryItem> items;
    std::vector<std::optional<hwalloc_error>> reasons; // of each, as C has it

    const hwalloc::InventoryItem* at(size_t index) const noexcept {
        return index < items.size() ? &items[index] : nullptr;
    }
};

using namespace hwalloc;
using c::refuse;

int hwalloc_inventory_new(uint32_t scan, hwalloc_inventory** inventory, hwalloc_error** error) noexcept try {
    if (!inventory || scan > HWALLOC_SCAN_QUICK)
        return c::refuse_null(inventory ? "there is no such scan" : "there is no place for the list", error);
    auto found = hwalloc::inventory(static_cast<InventoryScan>(scan));
    if (!found)
        return refuse(found.error(), error);
    auto list = std::make_unique<hwalloc_inventory>();
    list->items = *std::move(found);
    for (const InventoryItem& item : list->items)
        list->reasons.push_back(item.why ? std::optional(c::object_of(*item.why)) : std::nullopt);
    *inventory = list.release();
    return 0;
} catch (const std::bad_alloc&) {
    return refuse(Error(ErrorKind::exhausted, "out of memory"), error);
}
void hwalloc_inventory_free(hwalloc_inventory* inventory) noexcept {
    delete inventory;
}

size_t hwalloc_inventory_size(const hwalloc_inventory* inventory) noexcept {
    return inventory ? inventory->items.size() : 0;
}
const char* hwalloc_inventory_name(const hwalloc_inventory* inventory, size_t index) noexcept {
    const auto* item = inventory ? inventory->at(index) : nullptr;
    return item ? item->name.c_str() : nullptr;
}
const char* hwalloc_inventory_family(const hwalloc_inventory* inventory, size_t index) noexcept {
    const auto* item = inventory ? inventory->at(index) : nullptr;
    return item ? item->family.c_str() : nullptr;
}
const char* hwalloc_inventory_backend(const hwalloc_inventory* inventory, size_t index) noexcept {
    const auto* item = inventory ? inventory->at(index) : nullptr;
    return item ? item->backend.c_str() : nullptr;
}
const char* hwalloc_inventory_alias(const hwalloc_inventory* inventory, size_t index, size_t alias) noexcept {
    const auto* item = inventory ? inventory->at(index) : nullptr;
    return item && alias < item->aliases.size() ? item->aliases[alias].c_str() : nullptr;
}
hwalloc_allocator* hwalloc_inventory_allocator(const hwalloc_inventory* inventory, size_t index) noexcept {
    const auto* item = inventory ? inventory->at(index) : nullptr;
    return item ? c::to_c(item->allocator) : nullptr;
}
const hwalloc_error* hwalloc_inventory_why(const hwalloc_inventory* inventory, size_t index) noexcept {
    return inventory && index < inventory->reasons.size() && inventory->reasons[index]
               ? &*inventory->reasons[index]
               : nullptr;
}
int hwalloc_inventory_is_default(const hwalloc_inventory* inventory, size_t index) noexcept {
    const auto* item = inventory ? inventory->at(index) : nullptr;
    return item && item->is_default;
}
