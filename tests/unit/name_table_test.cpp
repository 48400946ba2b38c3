// The table of names: which names are the same, and that growing loses none.
#include "allocators/registry/name_table.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace hwalloc {
namespace {

// The table never looks into what names are bound to.
Allocator* thing(std::size_t number) {
    return reinterpret_cast<Allocator*>((number + 1) * 64);
}
Allocator* find(const NameTable& table, std::string_view name) {
    return NameTable::find(*table.published(), name);
}

// Leaves alone what it allocated: names live for ever.
union Kept {
    NameTable table;
    constexpr Kept() noexcept : table() {}
    ~Kept() {}
};

// Names of every length, and of each those that differ from it in one byte.
std::vector<std::string> names_like_each_other() {
    std::vector<std::string> names;
    for (std::size_t length = 1; length <= 40; ++length) {
        const std::string name(length, 'n');
        names.push_back(name);
        for (std::size_t i = 0; i < length; ++i) {
            names.push_back(name);
            names.back()[i] = 'm';
        }
    }
    return names;
}

TEST(NameKey, IsAllOfANameOfUpToSixteenBytes) {
    auto names = names_like_each_other();
    std::erase_if(names, [](const std::string& name) { return !NameKey::is_whole(name.size()); });
    for (const std::string& one : names)
        for (const std::string& other : names)
            EXPECT_EQ(NameKey::of(one) == NameKey::of(other), one == other) << one << " " << other;
    EXPECT_TRUE(NameKey::is_whole(1) && NameKey::is_whole(16));
    EXPECT_FALSE(NameKey::is_whole(0) || NameKey::is_whole(17));
}

TEST(NameTable, TellsNamesApartByLengthAndByEveryByte) {
    static Kept kept;
    const auto names = names_like_each_other();
    for (std::size_t i = 0; i < names.size(); ++i)
        kept.table.intern(names[i]).bind(thing(i));
    kept.table.publish();
    for (std::size_t i = 0; i < names.size(); ++i) {
        EXPECT_EQ(find(kept.table, names[i]), thing(i)) << names[i];
        EXPECT_EQ(kept.table.known(names[i])->bound(), thing(i)) << names[i];
        std::string other = names[i];
        other[i % other.size()] = 'x';
        EXPECT_EQ(find(kept.table, other), nullptr) << other;
    }
    EXPECT_EQ(find(kept.table, {}), nullptr);
}

TEST(NameTable, KeepsAllNamesAndTheirTextsWhenItGrows) {
    static Kept kept;
    EXPECT_EQ(kept.table.published(), nullptr);
    EXPECT_EQ(kept.table.known("a"), nullptr);
    kept.table.intern("a").bind(thing(0));
    EXPECT_EQ(kept.table.known("a")->bound(), thing(0)) << "before publishing";
    kept.table.publish();
    const Name* const name = &kept.table.intern("a");
    const auto* const first = kept.table.published();
    for (std::size_t i = 1; i < 3000; ++i)
        kept.table.intern("device/" + std::to_string(i)).bind(thing(i));
    EXPECT_NE(kept.table.published(), first);
    EXPECT_EQ(&kept.table.intern("a"), name);
    EXPECT_STREQ(name->c_str(), "a");
    EXPECT_EQ(find(kept.table, "a"), thing(0));
    for (std::size_t i = 1; i < 3000; ++i)
        EXPECT_EQ(find(kept.table, "device/" + std::to_string(i)), thing(i));
    EXPECT_EQ(NameTable::find(*first, "a"), thing(0))
        << "a reader may still be in the table that was replaced";
}

TEST(NameTable, BindsANameToSomethingElseOrToNothing) {
    static Kept kept;
    kept.table.intern("short").bind(thing(1));
    kept.table.intern("a name of more than two words").bind(thing(2));
    kept.table.publish();
    kept.table.intern("short").bind(nullptr);
    kept.table.intern("a name of more than two words").bind(thing(3));
    EXPECT_EQ(find(kept.table, "short"), nullptr);
    EXPECT_EQ(find(kept.table, "a name of more than two words"), thing(3));
    kept.table.intern("short").bind(thing(4));
    EXPECT_EQ(find(kept.table, "short"), thing(4));
}

} // namespace
} // namespace hwalloc
