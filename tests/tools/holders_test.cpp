// Who holds which dma-buf, by what the kernel writes: texts of Linux 6.1, and a process that is made up of
// files. Processes that hold real ones are in the lab (tests/lab/ps_test.py).
#include <gmock/gmock.h>

#include <cerrno>
#include <filesystem>
#include <fstream>

#include "tools/holders/dma_bufs.h"

namespace hwalloc::tools::holding {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr const char* list = "\nDma-buf Objects:\n"
                             "size            \tflags           \tmode            \tcount           "
                             "\texp_name        \tino             \tname\n"
                             "00614400\t00000002\t00080007\t00000005\tsystem\t00000012\tcamera 1\n"
                             "\twrite fence:vgem 7 signalled\n"
                             "\tAttached Devices:\n\tvivid.0\n\t0000:00:02.0\nTotal 2 devices attached\n\n"
                             "00004096\t00000002\t00080007\t00000001\tudmabuf\t00000013\t<none>\n"
                             "\tAttached Devices:\nTotal 0 devices attached\n\n"
                             "\nTotal 2 objects, 618496 bytes\n";

TEST(HoldersList, IsReadAsTheKernelWritesIt) {
    DmaBufs found;
    read_kernel_list(list, found);
    ASSERT_THAT(found, SizeIs(2));
    const DmaBuf &camera = found[12], &other = found[13];
    EXPECT_EQ(camera.bytes, 614400U);
    EXPECT_EQ(camera.references, 5U);
    EXPECT_EQ(camera.exporter, "system");
    EXPECT_EQ(camera.name, "camera 1");
    EXPECT_THAT(camera.devices, ElementsAre("vivid.0", "0000:00:02.0"));
    EXPECT_EQ(other.name, "");
    EXPECT_THAT(other.devices, IsEmpty());
    EXPECT_THAT(other.holders, IsEmpty());
}

TEST(HoldersList, PassesOverWhatItDoesNotKnow) {
    DmaBufs found;
    read_kernel_list(
        "\tAttached Devices:\n\tnobody\n12\t13\nsize\tx\n00000010\t1\t1\t1\ta\tnot a number\tb\n", found);
    EXPECT_THAT(found, IsEmpty());
    for (std::string_view text = list; !text.empty(); text.remove_suffix(1))
        read_kernel_list(text, found); // cut anywhere
    EXPECT_THAT(found, testing::Contains(testing::Key(12)));
}

// A name has 31 bytes of any kind.
TEST(HoldersList, BelievesNoNameThatLooksLikeLines) {
    for (const std::string name :
         {"x\n0\t0\t0\t1\ts\t12\tliar", "x\n\tAttached Devices:\n\tliar", "x\nTotal 0"}) {
        ASSERT_LE(name.size(), 31U);
        std::string text = list;
        text.replace(text.find("<none>"), 6, name);
        DmaBufs found;
        read_kernel_list(text, found);
        ASSERT_THAT(found, SizeIs(2)) << name;
        EXPECT_EQ(found[12].bytes, 614400U) << name;
        EXPECT_THAT(found[12].devices, ElementsAre("vivid.0", "0000:00:02.0")) << name;
        EXPECT_THAT(found[13].devices, IsEmpty()) << name;
    }
}

class HoldersProcess : public testing::Test {
protected:
    HoldersProcess() {
        std::filesystem::create_directories(directory_ + "/fd");
        std::filesystem::create_directories(directory_ + "/fdinfo");
        write("stat", "1234 (a) Z b) S 1 1 1 0 -1 4194304 0");
        write("maps", "");
    }
    ~HoldersProcess() override { std::filesystem::remove_all(directory_); }

    void write(const std::string& name, const std::string& text) const {
        std::ofstream(directory_ + "/" + name) << text;
    }
    void descriptor(const std::string& number, const std::string& target, const std::string& info) const {
        std::filesystem::create_symlink(target, directory_ + "/fd/" + number);
        write("fdinfo/" + number, info);
    }

    std::string directory_ = testing::TempDir() + "hwalloc-holders." + std::to_string(::getpid());
    DmaBufs found_;
};

TEST_F(HoldersProcess, DescriptorsAreFoundByWhatTheyAre) {
    const std::string info =
        "pos:\t0\nflags:\t02000002\nmnt_id:\t10\nino:\t12\nsize:\t614400\ncount:\t2\nexp_name:\tsystem\n";
    descriptor("3", "/dmabuf:", info);
    descriptor("7", "/dmabuf:", info);
    descriptor("4", "/dmabuf:", "pos:\t0\nino:\t13\n"); // a file that is called so
    descriptor("5", "/tmp/dmabuf:", info);
    descriptor("6", "/dmabuf:liar",
               "ino:\t14\nsize:\t4096\ncount:\t1\nexp_name:\tudmabuf\nname:\ta\nexp_name:\tb\nsize:\t1\n");
    ASSERT_EQ(read_process(directory_, 1234, found_), 0);
    ASSERT_THAT(found_, SizeIs(2));
    ASSERT_THAT(found_[12].holders, SizeIs(1));
    EXPECT_EQ(found_[12].holders[0].pid, 1234);
    EXPECT_THAT(found_[12].holders[0].descriptors, testing::UnorderedElementsAre(3, 7));
    EXPECT_EQ(found_[12].bytes, 614400U);
    EXPECT_EQ(found_[12].name, "");
    EXPECT_EQ(found_[14].exporter, "udmabuf") << "a name may look like other lines";
    EXPECT_EQ(found_[14].bytes, 4096U);
    EXPECT_EQ(found_[14].name, "a");
}

TEST_F(HoldersProcess, MappingsAreFoundByTheirFile) {
    write("maps",
          "00400000-00401000 r-xp 00000000 08:01 99                         /usr/bin/program\n"
          "7f0000000000-7f0000003000 rw-s 00000000 00:0b 12                 /dmabuf:\n"
          "7f0000010000-7f0000011000 r--s 00001000 00:0b 12                 /dmabuf:camera 1\n"
          "7f0000020000-7f0000021000 r--s 00000000 08:01 13                 /dmabuf:a file of a disk\n"
          "7f0000030000-7f0000031000 r--s 00000000 00:20 14                 /tmp/dmabuf:\n"
          "7f0000040000-7f0000041000 r--s 00000000 00:20 15                 /tmp/a1 /dmabuf:\n"
          "7f0000050000-7f0000051000 r--s 00000000 00:0b 16                 /dmabuf:9 /dmabuf:x\n"
          "7f0000060000-7f0000061000 rw-p 00000000 00:00 0 \n");
    ASSERT_EQ(read_process(directory_, 1234, found_), 0);
    ASSERT_THAT(found_, SizeIs(2));
    EXPECT_EQ(found_[16].holders.at(0).mappings, 1U) << "a name may look like another path";
    ASSERT_THAT(found_[12].holders, SizeIs(1));
    EXPECT_EQ(found_[12].holders[0].mappings, 2U);
    EXPECT_EQ(found_[12].holders[0].mapped_bytes, 4U * 4096);
    EXPECT_THAT(found_[12].holders[0].descriptors, IsEmpty());
    EXPECT_EQ(found_[12].bytes, std::nullopt) << "a mapping may be a part";
}

TEST_F(HoldersProcess, WhoseFirstThreadHasEndedIsSeenByAnother) {
    write("stat", "1234 (a) b) Z 1 1 1 0 -1 4194304 0");
    const std::string other = directory_ + "/task/1236";
    std::filesystem::create_directories(other + "/fd");
    std::filesystem::create_directories(other + "/fdinfo");
    std::filesystem::create_symlink("/dmabuf:", other + "/fd/3");
    write("task/1236/fdinfo/3", "ino:\t12\nsize:\t4096\ncount:\t1\nexp_name:\tsystem\n");
    write("task/1236/maps", "");
    // The real directory is called by the process' number, and so is its first thread.
    ASSERT_EQ(read_process(directory_, 1234, found_), 0);
    EXPECT_THAT(found_, SizeIs(1));
}

TEST_F(HoldersProcess, OneThatHasEndedHoldsNothing) {
    EXPECT_EQ(read_process(directory_ + "/gone", 1234, found_), 0);
    EXPECT_THAT(found_, IsEmpty());
}

TEST(Holders, OfThisProcessAndOfOneThatThereIsNot) {
    const pid_t self = ::getpid();
    const auto own = find_holders({&self, 1});
    ASSERT_TRUE(own) << own.error().message();
    const pid_t none = 0x7ffffff0; // above pid_max
    const auto gone = find_holders({&none, 1});
    ASSERT_FALSE(gone);
    EXPECT_EQ(gone.error().kind(), ErrorKind::unavailable);
    EXPECT_THAT(gone.error().message(), testing::HasSubstr("2147483632"));
}

} // namespace
} // namespace hwalloc::tools::holding
