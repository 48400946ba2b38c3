// Judges the matrix that `hwalloc plan` makes: tries the same memory on the same devices once more, by bare
// calls of the kernel and of Vulkan.
//
//   judge_plan [--camera /dev/videoN] [--gpu] [--display CARD] [--output-node /dev/videoM] [--cpu]
//              --size WIDTHxHEIGHT --format FOURCC CANDIDATE...
//
// CARD: "card1", or a driver's name. CANDIDATE: dma-heap/NODE, udmabuf, v4l2/videoN (on the very open file
// under test, where that is the camera's or the output's), vulkan/N, drm-dumb/CARD. Prints one JSON document:
//
//   {"cells": [{"candidate", "participant": "camera" | "gpu" | "display" | "output" | "cpu",
//               "verdict": "accepted" | "refused" | "untested", "call", "errno", "result", "trials", "taken",
//               "luck"}],
//    "candidates": [{"candidate", "had", "call", "errno", "result"}],
//    "contiguous": {"camera": "yes" | "no" | "unknown", ...}}
//
// `call` and `errno` are those of the first refusal, null without one; `luck`: all was taken, by a device
// that is known to need contiguous memory, or may (`untested`), from a candidate that promises none.
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string_view>

#include "judge_devices.h"
#include "judge_queue.h"
#include "judge_verdict.h"
#include "judge_vulkan.h"

namespace {

using namespace judge;
using nlohmann::ordered_json;

[[noreturn]] void usage(const std::string& what) {
    std::fprintf(stderr, "judge_plan: %s\n", what.c_str());
    std::exit(2);
}

Image image_of(const std::string& size, std::string format) {
    Image image;
    if (std::sscanf(size.c_str(), "%ux%u", &image.width, &image.height) != 2)
        usage("--size WIDTHxHEIGHT");
    const auto code = [](std::string_view text) {
        return v4l2_fourcc(std::uint32_t(text[0]), std::uint32_t(text[1]), std::uint32_t(text[2]),
                           std::uint32_t(text[3]));
    };
    struct Name {
        const char *text, *v4l2, *drm;
        std::uint32_t pixel;
    };
    for (const Name& name : {Name{"YUYV", "YUYV", "YUYV", 2},
                             {"UYVY", "UYVY", "UYVY", 2},
                             {"RGB24", "RGB3", "BG24", 3},
                             {"XR24", "XR24", "XR24", 4},
                             {"AR24", "AR24", "AR24", 4},
                             {"GREY", "GREY", "R8  ", 1},
                             {"NV12", "NV12", "NV12", 1}})
        if (format == name.text)
            image.v4l2 = code(name.v4l2), image.drm = code(name.drm), image.pixel = name.pixel;
    if (image.pixel == 0)
        usage("--format YUYV, UYVY, RGB24, XR24, AR24, GREY or NV12");
    image.chroma = format == "NV12";
    image.stride = image.width * image.pixel;
    image.size = std::uint64_t{image.stride} * image.height * (image.chroma ? 3 : 2) / 2;
    return image;
}

class Judge {
public:
    explicit Judge(const Image& image) : image_(image) {}

    void add_queue(const std::string& path, bool output) {
        auto queue = std::make_shared<Queue>();
        Participant participant{.name = output ? "output" : "camera",
                                .own = "v4l2/" + path.substr(path.rfind('/') + 1),
                                .take = {},
                                .open = queue->open(path, output)};
        if (!participant.open.call) {
            // The first one to be asked says what rows are like.
            participant.format = queue->set_format(image_, queues_.empty() ? 0 : image_.stride);
            if (!participant.format.call) {
                image_.stride = queue->row;
                image_.size = std::max<std::uint64_t>(image_.size, queue->size);
            }
        }
        participant.take = [this, queue](const Buffer& buffer) {
            const std::uint32_t stride = buffer.pitch ? buffer.pitch : image_.stride;
            if (queue->row != stride)
                if (const Answer answer = queue->set_format(image_, stride); answer.call)
                    return answer;
            return queue->take(buffer.fd.get());
        };
        queues_.emplace_back(participant.own, queue);
        participants_.push_back(std::move(participant));
    }

    void add_gpu() {
        participants_.push_back({.name = "gpu", .own = "vulkan/0", .take = [this](const Buffer& buffer) {
                                     return gpu_.take(buffer.fd.get(), image_.size);
                                 }});
        participants_.back().open = open_gpu(0);
    }

    void add_display(const std::string& name) {
        auto card = std::make_shared<Card>();
        const std::string node = find_card(name);
        participants_.push_back(
            {.name = "display", .own = "drm-dumb/" + node, .take = [this, card](const Buffer& buffer) {
                 return card->take(buffer.fd.get(), image_, buffer.pitch ? buffer.pitch : image_.stride);
             }});
        participants_.back().open = card->open(node);
    }

    // Maps and reads it, as dma-buf.rst has it ("CPU Access to DMA Buffer Objects").
    void add_cpu() {
        participants_.push_back({.name = "cpu", .own = {}, .take = [this](const Buffer& buffer) {
                                     return read_by_cpu(buffer.fd.get(), image_.size);
                                 }});
    }

    ordered_json judge(const std::vector<std::string>& candidates) {
        ordered_json found{{"cells", ordered_json::array()},
                           {"candidates", ordered_json::array()},
                           {"contiguous", ordered_json::object()}};
        for (Participant& participant : participants_)
            found["contiguous"][participant.name] = participant.contiguous =
                needs_contiguous(participant, image_.size);
        for (const std::string& asked : candidates) {
            std::vector<Buffer> buffers;
            std::string name = asked;
            const Answer none = make(name, buffers);
            ordered_json entry{{"candidate", asked}, {"had", buffers.size()}};
            tell(entry, none);
            found["candidates"].push_back(std::move(entry));
            for (const Participant& participant : participants_) {
                found["cells"].push_back(cell(name, buffers, none, participant));
                found["cells"].back()["candidate"] = asked;
            }
        }
        return found;
    }

private:
    Answer open_gpu(std::uint32_t number) {
        if (!gpu_open_) {
            gpu_open_ = gpu_.open(number);
            gpu_number_ = number;
        }
        return gpu_number_ == number ? *gpu_open_ : Answer{.call = "vulkan/N", .result = "one N at a time"};
    }

    // As many buffers as are to be had, at most those that are held at once, and why not more. A card is
    // called by its node from here on.
    Answer make(std::string& name, std::vector<Buffer>& buffers) {
        const std::string family = name.substr(0, name.find('/'));
        const std::string instance = name.substr(std::min(name.size(), family.size() + 1));
        if (family == "v4l2")
            return make_v4l2(name, instance, buffers);
        Answer answer;
        Card card;
        if (family == "drm-dumb") {
            name = "drm-dumb/" + find_card(instance);
            answer = card.open(find_card(instance));
        } else if (family == "vulkan") {
            answer = open_gpu(static_cast<std::uint32_t>(std::atoi(instance.c_str())));
        } else if (family != "dma-heap" && family != "udmabuf") {
            usage("no such candidate: " + name);
        }
        while (buffers.size() < held_at_once && !answer.call) {
            if (family == "udmabuf") {
                answer = make_udmabufs(image_.size, false, buffers);
                continue;
            }
            Buffer buffer;
            answer = family == "dma-heap" ? make_heap(instance, image_.size, buffer)
                     : family == "vulkan" ? gpu_.make(image_.size, buffer)
                                          : card.make(image_, buffer);
            if (!answer.call)
                buffers.push_back(std::move(buffer));
        }
        return answer;
    }

    Answer make_v4l2(const std::string& name, const std::string& node, std::vector<Buffer>& buffers) {
        for (const auto& [own, queue] : queues_)
            if (own == name)
                return queue->make(held_at_once, buffers);
        Queue other;
        if (const Answer answer = other.open("/dev/" + node, false); answer.call)
            return answer;
        if (const Answer answer = other.set_format(image_, image_.stride); answer.call)
            return answer;
        return other.make(held_at_once, buffers);
    }

    Image image_;
    std::vector<Participant> participants_;
    std::vector<std::pair<std::string, std::shared_ptr<Queue>>> queues_;
    Gpu gpu_;
    std::optional<Answer> gpu_open_;
    std::uint32_t gpu_number_ = 0;
};

} // namespace

int main(int count, char** words) {
    std::string camera, display, output, size, format;
    bool gpu = false, cpu = false;
    std::vector<std::string> candidates;
    for (int i = 1; i < count; ++i) {
        const std::string_view word = words[i];
        std::string* const value = word == "--camera"        ? &camera
                                   : word == "--display"     ? &display
                                   : word == "--output-node" ? &output
                                   : word == "--size"        ? &size
                                   : word == "--format"      ? &format
                                                             : nullptr;
        if (word == "--gpu" || word == "--cpu")
            (word == "--gpu" ? gpu : cpu) = true;
        else if (value && i + 1 < count)
            *value = words[++i];
        else if (word.starts_with("-"))
            usage("the words are --camera, --gpu, --display, --output-node, --cpu, --size, --format");
        else
            candidates.emplace_back(word);
    }
    if (candidates.empty())
        usage("name candidates");
    Judge judge(image_of(size, format));
    if (!camera.empty())
        judge.add_queue(camera, false);
    if (!output.empty())
        judge.add_queue(output, true);
    if (gpu)
        judge.add_gpu();
    if (!display.empty())
        judge.add_display(display);
    if (cpu)
        judge.add_cpu();
    std::printf("%s\n", judge.judge(candidates).dump().c_str());
}
