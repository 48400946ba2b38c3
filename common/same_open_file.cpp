#include "common/same_open_file.h"

#include <fcntl.h>

#include "common/kernel.h"

#ifndef F_DUPFD_QUERY
#define F_DUPFD_QUERY 1027 // Linux 6.10
#endif

namespace hwalloc {

SameOpenFile same_open_file(int fd, int other) noexcept {
    const int answer = kernel.fcntl(fd, F_DUPFD_QUERY, other);
    if (answer == 0 || answer == 1)
        return answer == 1 ? SameOpenFile::yes : SameOpenFile::no;
    const int order = kernel.compare_files(fd, other);
    return order < 0 ? SameOpenFile::unknown : order == 0 ? SameOpenFile::yes : SameOpenFile::no;
}

} // namespace hwalloc
