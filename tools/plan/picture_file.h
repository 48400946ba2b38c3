// The file that --svg names: known to be writable before the trials, written after them.
#pragma once

#include <string>
#include <string_view>

#include "hwalloc/result.h"
#include "hwalloc/unique_fd.h"

namespace hwalloc::tools {

class PictureFile {
public:
    // Opens or makes it, and leaves what is in it. Errors: what open(2) answers.
    static Result<PictureFile> open(const std::string& path);
    PictureFile(PictureFile&&) = default;
    PictureFile& operator=(PictureFile&&) = delete;
    // Removes it if it was made and nothing was written.
    ~PictureFile();

    // Puts `text` in place of what is in it. Errors: those of writing, such as a full disk.
    Result<void> write(std::string_view text);

private:
    PictureFile(UniqueFd fd, std::string path, bool is_new)
        : fd_(std::move(fd)), path_(std::move(path)), is_new_(is_new) {}
    UniqueFd fd_;
    std::string path_;
    bool is_new_;
};

} // namespace hwalloc::tools
