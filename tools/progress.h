// A line on a terminal while something takes its time.
#pragma once

#include <memory>
#include <string>

namespace hwalloc::tools {

// From two seconds on says, on standard error if that is a terminal, what is being done and for how long, and
// takes the line away in the end. Begins a thread: not for a process that forks meanwhile.
class Progress {
public:
    explicit Progress(std::string doing);
    ~Progress();
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;

private:
    struct Ticker;
    std::unique_ptr<Ticker> ticker_; // null: nobody looks
};

// The same for somebody who knows the steps: shows `doing` at once, in place of what was there. Empty: takes
// the line away. Nothing happens where standard error is no terminal.
void show_step(const std::string& doing);

} // namespace hwalloc::tools
