// What is kept of a result or an error that has gone at the end of its line: clang warns where the comment
// says so, and nowhere else.
#include <string_view>

#include "hwalloc/all.h"

using namespace hwalloc;

Error temporary();
Result<MemoryRef> memory();
Result<EglImageAttributes> attributes();

std::size_t of_an_error() {
    std::string_view operation = temporary().operation();   // warns
    std::string_view device = temporary().device();         // warns
    std::string_view call = temporary().call();             // warns
    std::string_view remedy = temporary().remedy();         // warns
    std::string_view mend = temporary().mend();             // warns
    const auto& causes = temporary().causes();              // warns
    const Error& built = temporary().on("x");               // warns
    const char* what = BadResultAccess(temporary()).what(); // warns
    return operation.size() + device.size() + call.size() + remedy.size() + mend.size() + causes.size() +
           built.device().size() + std::string_view(what).size();
}

std::size_t of_a_result() {
    std::string_view remedy = Allocator::resolve("x").error().remedy(); // warns
    const Error& error = Allocator::resolve("x").error();               // warns
    auto&& value = inventory().value();                                 // warns
    auto&& star = *inventory();                                         // warns
    std::size_t names = remedy.size() + error.device().size() + value.size() + star.size();
    for (const InventoryItem& item : *inventory()) // warns
        names += item.name.size();
    return names;
}

std::size_t of_memory() {
    Memory* pointer = memory()->get();                                   // warns
    Memory& object = *memory()->get();                                   // warns
    std::span bytes = (*memory())->map(MapFlags::read)->bytes();         // warns
    const std::uint8_t* data = (*memory())->map(MapFlags::read)->data(); // warns
    Memory* arrow = memory()->operator->();                              // warns
    return pointer->size() + object.size() + bytes.size() + *data + arrow->size();
}

std::size_t of_devices() {
    const v4l2::DeviceInfo& camera = v4l2::Camera::open("x")->info();      // warns
    const v4l2::CaptureFormat* format = v4l2::Camera::open("x")->format(); // warns
    Memory* bound = v4l2::Camera::open("x")->memory(0);                    // warns
    const std::string& node = drm::Device::open("x")->node();              // warns
    const std::string& driver = drm::Device::open("x")->driver();          // warns
    const std::intptr_t* list = attributes()->data();                      // warns
    Allocator* allocator = AllocatorRef().get();                           // warns
    std::string_view name = AllocatorRef()->name();                        // warns
    std::string_view type = AllocatorRef()->mem_type();                    // warns
    auto* describes = AllocatorRef()->extension<Describes>();              // warns
    return camera.path.size() + format->layout.width + bound->size() + node.size() + driver.size() +
           static_cast<std::size_t>(*list) + allocator->name().size() + name.size() + type.size() +
           (describes ? 1 : 0);
}

// Right: a copy, a value that is a pointer to what lives on, and what ends within its line.
Error copied() {
    return temporary().on("x");
}
Result<int> refused() {
    return temporary().doing("that").because(temporary());
}
Allocator& found() {
    return **Allocator::resolve("x");
}
std::string_view of_a_registered_allocator() {
    return (*Allocator::resolve("x"))->name();
}
std::string_view of_memory_that_goes() {
    std::string_view allocator = (*memory())->allocator().name();
    return allocator;
}
bool at_once() {
    auto items = inventory();
    const Error kept = Allocator::resolve("x").error();
    return items && !items->empty() && temporary().remedy() == kept.remedy();
}
