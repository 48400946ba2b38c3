// On a Block whose storage is a file that it lends, but no dma-buf: tells its own file from another.
#pragma once

#include <string_view>

namespace hwalloc {

class RecognizesFd {
public:
    static constexpr std::string_view extension_id = "hwalloc.recognizes-fd.v1";
    // Whether `fd` is a descriptor of the storage's file, which has been lent before. One system call.
    virtual bool is_behind(int fd) noexcept = 0;

protected:
    ~RecognizesFd() = default;
};

} // namespace hwalloc
