// What judge_plan concludes from its trials.
#pragma once

#include <nlohmann/json.hpp>

#include <functional>
#include <string_view>

#include "judge_devices.h"

namespace judge {

using nlohmann::ordered_json;

constexpr std::size_t held_at_once = 8;

struct Participant {
    std::string name;
    std::string own; // the candidate whose memory this very device makes
    std::function<Answer(const Buffer&)> take;
    Answer open{};   // why it cannot be asked
    Answer format{}; // why it does not do these pixels
    std::string contiguous = "unknown";
};

struct Trials {
    std::size_t made = 0, taken = 0;
    Answer refusal{};
};

inline Trials try_all(const Participant& participant, const std::vector<Buffer>& buffers) {
    Trials trials;
    for (const Buffer& buffer : buffers) {
        const Answer answer = participant.take(buffer);
        ++trials.made;
        if (!answer.call)
            ++trials.taken;
        else if (!trials.refusal.call)
            trials.refusal = answer;
        // An exporter that lets nobody attach. Linux 6.12 keeps one reference for good of each such buffer
        // that a queue is given, video memory with it, and a second trial would tell no more.
        if (answer.error == ENOSYS)
            break;
    }
    return trials;
}

// Two orders of the same pages cannot both be contiguous. Who can reach neither may just be unable to reach
// any udmabuf: then it counts if it cannot reach another maker's scattered memory either.
inline std::string needs_contiguous(const Participant& participant, std::uint64_t size) {
    std::vector<Buffer> twins;
    if (make_udmabufs(size, true, twins).call || participant.open.call || participant.format.call)
        return "unknown";
    int refused = 0, unreachable = 0;
    for (const Buffer& twin : twins) {
        const Answer answer = participant.take(twin);
        if (answer.error == EBUSY || answer.error == ENOMEM)
            return "unknown";
        refused += answer.call != nullptr;
        unreachable += answer.error == EFAULT;
    }
    if (refused < 2)
        return refused == 1 ? "yes" : "no";
    std::vector<Buffer> scattered(held_at_once);
    for (Buffer& buffer : scattered)
        if (make_heap("system", size, buffer).call)
            return "unknown";
    return unreachable == 2 && try_all(participant, scattered).refusal.error == EFAULT ? "yes" : "unknown";
}

// By its name: no call tells.
inline bool promises_contiguity(std::string_view candidate) {
    for (const char* const heap : {"reserved", "linux,cma", "default_cma_region", "default-pool"})
        if (candidate == std::string("dma-heap/") + heap)
            return true;
    return false;
}

inline void tell(ordered_json& entry, const Answer& answer) {
    entry["call"] = answer.call ? ordered_json(answer.call) : ordered_json();
    entry["errno"] = answer.error ? ordered_json(strerrorname_np(answer.error)) : ordered_json();
    entry["result"] = answer.result.empty() ? ordered_json() : ordered_json(answer.result);
}

inline ordered_json cell(const std::string& candidate, const std::vector<Buffer>& buffers, const Answer& none,
                         const Participant& participant) {
    Trials trials;
    std::string_view verdict = "untested";
    bool luck = false;
    if (buffers.empty()) {
        trials.refusal = none;
    } else if (participant.open.call) {
        trials.refusal = participant.open;
    } else {
        if (participant.format.call)
            trials.refusal = participant.format;
        else
            trials = try_all(participant, buffers);
        if (trials.refusal.call) {
            verdict = trials.refusal.error == EBUSY ? "untested" : "refused";
        } else {
            luck = participant.contiguous != "no" && candidate != participant.own &&
                   !promises_contiguity(candidate);
            verdict = !luck ? "accepted" : participant.contiguous == "yes" ? "refused" : "untested";
        }
    }
    ordered_json entry{{"candidate", candidate}, {"participant", participant.name}, {"verdict", verdict}};
    tell(entry, trials.refusal);
    entry["trials"] = trials.made;
    entry["taken"] = trials.taken;
    entry["luck"] = luck;
    return entry;
}

} // namespace judge
