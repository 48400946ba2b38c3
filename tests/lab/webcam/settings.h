// How the camera is, and how it fails: words NAME=VALUE of the command line, and of `webcam tell` later.
#pragma once
#include <chrono>
#include <stdexcept>
#include <string>
#include <vector>

#include "modes.h"

namespace webcam {

enum class Frames {
    whole,
    short_, // half of each frame is missing
    some,   // half of every second frame is missing, of the first as well
    none    // the camera never has one
};

struct Settings {
    std::vector<Format> formats = all_formats(); // told when the camera is plugged in
    Frames frames = Frames::whole;
    bool huffman_tables = true;        // in MJPG
    std::chrono::milliseconds slow{0}; // more that each control transfer takes
    unsigned stop_after = 0;           // frames of each stream, after which there are none; 0: no end
};

inline unsigned number(const std::string& text) {
    if (text.empty() || text.size() > 6 || text.find_first_not_of("0123456789") != std::string::npos)
        throw std::invalid_argument("no number: '" + text + "'");
    return static_cast<unsigned>(std::stoul(text));
}

// The formats that are named, in the order in which they are named.
inline std::vector<Format> formats_named(const std::string& names) {
    std::vector<Format> chosen;
    for (std::size_t at = 0; at <= names.size();) {
        const std::size_t end = std::min(names.find(',', at), names.size());
        const std::string name = names.substr(at, end - at);
        const std::size_t before = chosen.size();
        for (const Format& format : all_formats())
            if (format.name == name)
                chosen.push_back(format);
        if (chosen.size() == before)
            throw std::invalid_argument("no format: '" + name + "'");
        at = end + 1;
    }
    return chosen;
}

// Throws std::invalid_argument for a word that is none.
inline void apply(const std::string& word, Settings& to) {
    const std::size_t equals = word.find('=');
    const std::string name = word.substr(0, equals);
    const std::string value = equals == std::string::npos ? "" : word.substr(equals + 1);
    const auto one_of = [&](const std::string& first, const std::string& second) {
        if (value != first && value != second)
            throw std::invalid_argument(name + " is " + first + " or " + second + ": '" + word + "'");
        return value == first;
    };
    if (name == "formats")
        to.formats = formats_named(value);
    else if (name == "frames" && value == "none")
        to.frames = Frames::none;
    else if (name == "frames" && value == "some")
        to.frames = Frames::some;
    else if (name == "frames")
        to.frames = one_of("whole", "short") ? Frames::whole : Frames::short_;
    else if (name == "huffman")
        to.huffman_tables = one_of("yes", "no");
    else if (name == "slow")
        to.slow = std::chrono::milliseconds(number(value));
    else if (name == "stop-after")
        to.stop_after = number(value);
    else
        throw std::invalid_argument("no setting: '" + word + "'");
}

} // namespace webcam
