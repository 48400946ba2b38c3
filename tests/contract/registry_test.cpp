// Names to allocators (gst-contract §1.2): what find, register, unregister and set_default promise.
#include <algorithm>

#include "hooked.h"
#include "support.h"

namespace hwalloc::contract {
namespace {

constexpr unsigned working = bit(do_alloc) | bit(do_free) | bit(map) | bit(unmap);

TEST_P(EveryAllocator, IsFoundByItsNameAndAliases) {
    if (!self().allocator)
        GTEST_SKIP() << "ABSENT: " << GetParam() << ": " << self().absent;
    EXPECT_EQ(Allocator::find(GetParam()), self().allocator);
    EXPECT_EQ(self().allocator->name(), GetParam());
    EXPECT_EQ(self().allocator->mem_type(), self().family);
    EXPECT_TRUE(GetParam().starts_with(self().family));
    for (const std::string& alias : self().aliases)
        EXPECT_EQ(Allocator::find(alias), self().allocator) << alias;
    auto resolved = Allocator::resolve(GetParam());
    ASSERT_TRUE(ok(resolved));
    EXPECT_EQ(*resolved, self().allocator);
}

TEST_P(EveryAllocator, ClaimsNothingItDoesNotHave) {
    if (!self().allocator)
        GTEST_SKIP() << "ABSENT: " << GetParam() << ": " << self().absent;
    if (!self().claims.alloc) {
        EXPECT_TRUE(refused(self().allocator->alloc(64), ErrorKind::unsupported));
    }
    EXPECT_EQ(self().allocator->extension<ImportsDmaBuf>() != nullptr, self().claims.import_dmabuf);
    if (!self().absent.empty() || !self().claims.alloc)
        return;
    auto memory = self().allocator->alloc(64);
    ASSERT_TRUE(ok(memory));
    EXPECT_EQ(ok(export_fd(**memory, FdKind::dmabuf)), self().claims.export_dmabuf);
    EXPECT_EQ(ok(export_fd(**memory, FdKind::memfd)), self().claims.export_memfd);
    EXPECT_EQ(ok((*memory)->map(MapFlags::read)), self().claims.map);
}

TEST(Registry, FindWithoutANameIsTheDefault) {
    ASSERT_NE(Allocator::find(), nullptr);
    EXPECT_EQ(Allocator::find(nullptr), Allocator::find());
    EXPECT_EQ(Allocator::find("sysmem"), Allocator::find());
    EXPECT_EQ(Allocator::find("SystemMemory"), Allocator::find());
    auto resolved = Allocator::resolve("");
    ASSERT_TRUE(ok(resolved));
    EXPECT_EQ(*resolved, Allocator::find());
}

TEST(Registry, AnUnknownNameIsNullAndSilent) {
    testing::internal::CaptureStderr();
    testing::internal::CaptureStdout();
    for (std::string_view name :
         {"", "x", "sysme", "sysmemo", "Sysmem", "/", "sysmem/", "no-such-family/node"})
        EXPECT_EQ(Allocator::find(name), nullptr) << name;
    EXPECT_EQ(Allocator::find(std::string_view("sysmem\0", 7)), nullptr);
    EXPECT_EQ(Allocator::find(std::string(100000, 'n')), nullptr);
    EXPECT_EQ(testing::internal::GetCapturedStdout() + testing::internal::GetCapturedStderr(), "");
}

TEST(Registry, ResolveExplainsWhatIsMissing) {
    auto missing = Allocator::resolve("no-such-family/node");
    ASSERT_TRUE(refused(missing, ErrorKind::unavailable));
    EXPECT_NE(missing.error().message().find("no-such-family/node"), std::string::npos);
}

TEST(Registry, BadArgumentsChangeNothing) {
    Script script;
    const AllocatorRef allocator = make_hooked(script, working);
    Allocator* const before = Allocator::find();
    EXPECT_TRUE(refused(Allocator::register_allocator("", allocator), ErrorKind::invalid));
    EXPECT_TRUE(refused(Allocator::register_allocator("contract/null", {}), ErrorKind::invalid));
    EXPECT_EQ(Allocator::find("contract/null"), nullptr);
    EXPECT_TRUE(refused(Allocator::register_allocator("sysmem", {}), ErrorKind::invalid));
    EXPECT_EQ(Allocator::find("sysmem"), before);
    EXPECT_TRUE(refused(Allocator::set_default({}), ErrorKind::invalid));
    EXPECT_EQ(Allocator::find(), before);
    EXPECT_TRUE(refused(Allocator::unregister(""), ErrorKind::invalid));
    EXPECT_TRUE(refused(Allocator::unregister("contract/never-registered"), ErrorKind::unavailable));
    EXPECT_TRUE(allocator->name().empty()) << "it has not been registered";
}

// The registered ones live for ever, so their scripts do too.
Script& lasting_script() {
    return *new Script;
}

TEST(Registry, TheLastRegistrationWinsAndTheReplacedAllocatorServesItsMemory) {
    Script &first = lasting_script(), &second = lasting_script();
    ASSERT_TRUE(ok(Allocator::register_allocator("contract/twice", make_hooked(first, working))));
    Allocator* const old = Allocator::find("contract/twice");
    ASSERT_NE(old, nullptr);
    auto memory = old->alloc(16);
    ASSERT_TRUE(ok(memory));
    fill(**memory, 1);
    ASSERT_TRUE(ok(Allocator::register_allocator("contract/twice", make_hooked(second, working))));
    Allocator* const renewed = Allocator::find("contract/twice");
    EXPECT_NE(renewed, old);
    EXPECT_EQ(&(*memory)->allocator(), old);
    EXPECT_EQ(contents(**memory), counting(16, 1));
    auto copied = (*memory)->copy();
    ASSERT_TRUE(ok(copied));
    EXPECT_EQ(&(*copied)->allocator(), old) << "memory is copied by the allocator it came from";
    EXPECT_TRUE(refused(renewed->free(std::move(*memory)), ErrorKind::invalid));
    EXPECT_TRUE(ok(old->free(std::move(*memory))));
    copied->reset();
    EXPECT_EQ(first.blocks, 0);
    EXPECT_EQ(first.destroyed, 0) << "registered allocators live for ever";
    EXPECT_EQ(second.count(do_alloc), 0);
    EXPECT_TRUE(ok(Allocator::unregister("contract/twice")));
}

TEST(Registry, OneAllocatorMayHaveSeveralNames) {
    const AllocatorRef allocator = make_hooked(lasting_script(), working);
    ASSERT_TRUE(ok(Allocator::register_allocator("contract/one", allocator)));
    ASSERT_TRUE(ok(Allocator::register_allocator("contract/two", allocator)));
    EXPECT_EQ(Allocator::find("contract/one"), allocator.get());
    EXPECT_EQ(Allocator::find("contract/two"), allocator.get());
    EXPECT_EQ(allocator->name(), "contract/one") << "the first name is its name";
    ASSERT_TRUE(ok(Allocator::unregister("contract/one")));
    EXPECT_EQ(Allocator::find("contract/one"), nullptr);
    EXPECT_EQ(Allocator::find("contract/two"), allocator.get());
    ASSERT_TRUE(ok(Allocator::unregister("contract/two")));
}

TEST(Registry, UnregisterTakesTheNameAndLeavesTheMemory) {
    Script& script = lasting_script();
    ASSERT_TRUE(ok(Allocator::register_allocator("contract/gone", make_hooked(script, working))));
    Allocator* const allocator = Allocator::find("contract/gone");
    auto memory = allocator->alloc(8);
    ASSERT_TRUE(ok(memory));
    ASSERT_TRUE(ok(Allocator::unregister("contract/gone")));
    EXPECT_EQ(Allocator::find("contract/gone"), nullptr);
    EXPECT_TRUE(refused(Allocator::resolve("contract/gone"), ErrorKind::unavailable));
    EXPECT_TRUE(refused(Allocator::unregister("contract/gone"), ErrorKind::unavailable)) << "only once";
    fill(**memory, 3);
    EXPECT_EQ(contents(**memory), counting(8, 3));
    EXPECT_TRUE(ok(allocator->alloc(8))) << "the allocator itself still works";
    ASSERT_TRUE(ok(Allocator::register_allocator("contract/gone", AllocatorRef(allocator))));
    EXPECT_EQ(Allocator::find("contract/gone"), allocator) << "and can come back";
    ASSERT_TRUE(ok(Allocator::unregister("contract/gone")));
}

TEST(Registry, TheDefaultIsWhatAllocUsesAndNothingElse) {
    const AllocatorRef original(Allocator::find());
    Script& script = lasting_script();
    const AllocatorRef other = make_hooked(script, working);
    auto before = alloc(8);
    ASSERT_TRUE(ok(before));
    ASSERT_TRUE(ok(Allocator::set_default(other)));
    EXPECT_EQ(Allocator::find(), other.get());
    EXPECT_EQ(Allocator::find("sysmem"), original.get()) << "a default is no name";
    auto memory = alloc(8);
    ASSERT_TRUE(ok(memory));
    EXPECT_EQ(&(*memory)->allocator(), other.get());
    auto copied = (*before)->copy();
    ASSERT_TRUE(ok(copied));
    EXPECT_EQ(&(*copied)->allocator(), original.get()) << "never silently from the default";
    std::uint8_t byte = 0;
    auto wrapped = new_wrapped(MemoryFlags::none, &byte, 1, 0, 1);
    ASSERT_TRUE(ok(wrapped));
    EXPECT_TRUE((*wrapped)->is_type("sysmem")) << "wrapped memory is sysmem's whatever the default";
    EXPECT_TRUE(ok(Allocator::set_default(AllocatorRef(Allocator::find("sysmem")))));
    EXPECT_EQ(Allocator::find(), original.get());
    EXPECT_EQ(script.destroyed, 0);
}

TEST(Registry, ADefaultThatCannotAllocateSaysSo) {
    const AllocatorRef original(Allocator::find());
    ASSERT_TRUE(ok(Allocator::set_default(make_hooked(lasting_script(), 0))));
    EXPECT_TRUE(refused(alloc(8), ErrorKind::unsupported));
    ASSERT_TRUE(ok(Allocator::set_default(original)));
    EXPECT_TRUE(ok(alloc(8)));
}

TEST(Registry, ABuiltInNameCanBeTakenOverAndGivenBack) {
    const AllocatorRef original(Allocator::find("sysmem"));
    const AllocatorRef other = make_hooked(lasting_script(), working);
    ASSERT_TRUE(ok(Allocator::register_allocator("sysmem", other)));
    EXPECT_EQ(Allocator::find("sysmem"), other.get());
    EXPECT_EQ(Allocator::find("SystemMemory"), original.get()) << "an alias belongs to the allocator";
    EXPECT_EQ(Allocator::find(), original.get());
    std::uint8_t byte = 0;
    auto wrapped = new_wrapped(MemoryFlags::none, &byte, 1, 0, 1);
    ASSERT_TRUE(ok(wrapped));
    EXPECT_EQ(&(*wrapped)->allocator(), original.get());
    EXPECT_FALSE(Allocator::resolve("no such name")) << "scans again";
    EXPECT_EQ(Allocator::find("sysmem"), other.get()) << "a scan does not take it back";
    ASSERT_TRUE(ok(Allocator::register_allocator("sysmem", original)));
    EXPECT_EQ(Allocator::find("sysmem"), original.get());
}

TEST(Registry, FindsEachOfManyNames) {
    const AllocatorRef one = make_hooked(lasting_script(), working);
    const AllocatorRef two = make_hooked(lasting_script(), working);
    std::vector<std::string> names;
    for (std::size_t length = 1; length <= 40; ++length)
        for (char letter : {'a', 'b', '\1', '\xff'})
            for (std::size_t at : {std::size_t{0}, length / 2, length - 1}) {
                std::string name = "contract/many/" + std::string(length, '-');
                name[14 + at] = letter;
                names.push_back(name);
            }
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    for (std::size_t i = 0; i < names.size(); ++i)
        ASSERT_TRUE(ok(Allocator::register_allocator(names[i], i % 2 ? one : two)));
    for (std::size_t i = 0; i < names.size(); ++i)
        EXPECT_EQ(Allocator::find(names[i]), (i % 2 ? one : two).get());
    for (const std::string& name : names) {
        EXPECT_EQ(Allocator::find(name + "-x"), nullptr);
        ASSERT_TRUE(ok(Allocator::unregister(name)));
    }
    for (const std::string& name : names)
        EXPECT_EQ(Allocator::find(name), nullptr);
}

// Names come out of files and environments.
TEST(Registry, ResolveExplainsWhateverItIsAsked) {
    // A name that nothing has any longer is near to none.
    ASSERT_TRUE(ok(Allocator::register_allocator("contract/gone", make_hooked(lasting_script(), working))));
    ASSERT_TRUE(ok(Allocator::unregister("contract/gone")));
    for (const std::size_t length : {47u, 48u, 100u, 281u, 282u, 300u, 100'000u}) {
        auto missing = Allocator::resolve(std::string(length, 'x'));
        ASSERT_TRUE(refused(missing, ErrorKind::unavailable)) << length;
        EXPECT_LT(missing.error().message().size(), 1000u) << length;
    }
    auto missing = Allocator::resolve("a\nb\033[31m\x7f");
    ASSERT_TRUE(refused(missing, ErrorKind::unavailable));
    const std::string message = missing.error().message();
    EXPECT_NE(message.find("\"a?b?[31m?\""), std::string::npos) << message;
}

// Names are given to people and to C, and a zero byte would hide what follows it.
TEST(Registry, RefusesANameWithAZeroByte) {
    const std::string_view name("contract/zero\0byte", 18);
    Script script;
    auto done = Allocator::register_allocator(name, make_hooked(script, working));
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().kind(), ErrorKind::invalid);
    EXPECT_EQ(Allocator::find(name), nullptr);
}

TEST(Registry, ACountedAllocatorGoesOnceAfterItsLastMemory) {
    Script script;
    {
        AllocatorRef owner = make_hooked(script, working);
        auto memory = owner->alloc(8);
        ASSERT_TRUE(ok(memory));
        auto view = (*memory)->share();
        ASSERT_TRUE(ok(view));
        owner = {};
        EXPECT_EQ(script.destroyed, 0);
        EXPECT_EQ((*memory)->allocator().mem_type(), "contract-app");
        memory->reset();
        EXPECT_EQ(script.destroyed, 0) << "a share is memory too";
        auto mapping = (*view)->map(MapFlags::read);
        ASSERT_TRUE(ok(mapping));
        view->reset();
        EXPECT_EQ(script.destroyed, 0) << "so is a map";
        ASSERT_TRUE(ok(mapping->unmap()));
        EXPECT_EQ(script.blocks, 0);
        EXPECT_EQ(script.destroyed, 1);
    }
    EXPECT_EQ(script.destroyed, 1);
}

TEST(Registry, TheInventoryIsStableAndHasOneDefault) {
    auto first = inventory(), second = inventory();
    ASSERT_TRUE(ok(first) && ok(second));
    ASSERT_EQ(first->size(), second->size());
    for (std::size_t i = 0; i < first->size(); ++i)
        EXPECT_EQ((*first)[i].name, (*second)[i].name);
    EXPECT_EQ(std::count_if(first->begin(), first->end(), [](const auto& item) { return item.is_default; }),
              1);
    for (const InventoryItem& item : *first) {
        EXPECT_FALSE(item.name.empty() || item.family.empty() || item.backend.empty()) << item.name;
        EXPECT_TRUE(item.backend == "application" || !item.name.starts_with("contract")) << item.name;
        EXPECT_TRUE(item.allocator || item.why) << item.name << " is missing without a reason";
    }
}

} // namespace
} // namespace hwalloc::contract
