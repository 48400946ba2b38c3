// What /proc tells of a process, counted by those who judge what is left over.
#pragma once

#include <dirent.h>

#include <cstddef>
#include <fstream>
#include <string>

// The entries of a directory, "." and ".." among them; 0 when it cannot be read.
inline std::size_t entries(const char* directory) {
    std::size_t count = 0;
    DIR* const listing = ::opendir(directory);
    while (listing && ::readdir(listing))
        ++count;
    if (listing)
        ::closedir(listing);
    return count;
}

// How many lines of a file hold `word`.
inline std::size_t lines(const char* path, const std::string& word = {}) {
    std::ifstream file(path);
    std::size_t count = 0;
    for (std::string line; std::getline(file, line);)
        count += line.find(word) != line.npos;
    return count;
}
