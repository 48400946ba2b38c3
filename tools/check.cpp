// `hwalloc check`: the contract, tried live on an allocator of the user's own machine.
#include <fmt/format.h>
#include <sys/utsname.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>

#include "hwalloc/inventory.h"
#include "tools/check/child.h"
#include "tools/check/steps.h"
#include "tools/commands.h"
#include "tools/device_names.h"
#include "tools/progress.h"

namespace hwalloc::tools {
namespace {

using namespace checks;

constexpr int patience_seconds = 120; // for one step, on the slowest machine

// One allocator's report while it is made.
struct Report {
    std::string allocator;
    Json steps = Json::array();
    Json error;                   // why there was nothing to check
    std::string running = "find"; // the step that has begun and not ended
    std::size_t passed = 0, failed = 0, unsupported = 0, not_run = 0;

    void add(const std::string& step, const std::string& status, const std::string& detail) {
        (status == "passed"        ? passed
         : status == "failed"      ? failed
         : status == "unsupported" ? unsupported
                                   : not_run)++;
        steps.push_back({{"step", step}, {"status", status}, {"detail", text_or_null(detail)}});
        running.clear();
    }
};

// Another available allocator that claims to make memory, and to export it as dma-bufs when asked for.
Allocator* find_other(const std::vector<InventoryItem>& items, const Allocator* self, bool dmabuf) {
    for (const InventoryItem& item : items) {
        auto* describes = item.allocator && item.allocator != self && !item.why
                              ? item.allocator->extension<Describes>()
                              : nullptr;
        if (describes && describes->claims().alloc && (!dmabuf || describes->claims().export_dmabuf))
            return item.allocator;
    }
    return nullptr;
}

unsigned claimed(const Subject& subject) {
    const auto& claims = subject.claims;
    return (claims.alloc ? unsigned{Need::alloc} : 0) |
           (claims.alloc || claims.import_dmabuf ? unsigned{Need::memory} : 0) |
           (claims.map ? unsigned{Need::map} : 0) |
           (claims.export_dmabuf ? unsigned{Need::export_dmabuf} : 0) |
           (claims.export_memfd ? unsigned{Need::export_memfd} : 0) |
           (claims.import_dmabuf ? unsigned{Need::import_dmabuf} : 0) |
           (claims.image ? unsigned{Need::image} : 0);
}

const char* need_text(unsigned missing) {
    return missing & Need::alloc           ? "alloc"
           : missing & Need::memory        ? "alloc nor import"
           : missing & Need::map           ? "map"
           : missing & Need::export_dmabuf ? "export as dma-buf"
           : missing & Need::export_memfd  ? "export as memfd"
           : missing & Need::import_dmabuf ? "import of dma-bufs"
                                           : "images";
}

// The child's work: every message is a step that begins, or its end.
void check_here(const std::string& name, const Say& say) {
    const auto begin = [&](const char* step) { say({{"begin", step}}); };
    const auto end = [&](const char* step, const char* status, const std::string& detail,
                         const Json& error = {}) {
        say({{"step", step}, {"status", status}, {"detail", detail}, {"error", error}});
    };
    begin("find");
    auto known = find_device(DeviceKind::allocator, name);
    auto found = known ? Allocator::resolve(*known) : Result<Allocator*>(known.error());
    if (!found)
        return end("find", "failed", found.error().message(), to_json(found.error()));
    Subject subject;
    subject.name = name;
    subject.allocator = *found;
    end("find", "passed",
        fmt::format("{}, of type {}", subject.allocator->name(), subject.allocator->mem_type()));

    begin("available");
    if (auto* describes = subject.allocator->extension<Describes>()) {
        if (auto available = describes->available(); !available)
            return end("available", "failed", available.error().message(), to_json(available.error()));
        subject.describes = true;
        subject.claims = describes->claims();
        subject.properties = describes->properties();
        end("available", "passed", "");
    } else {
        // It may do anything then; what it refuses is seen where it refuses.
        subject.claims.alloc = subject.claims.map = true;
        subject.claims.import_dmabuf = subject.allocator->extension<ImportsDmaBuf>() != nullptr;
        end("available", "unsupported", "the allocator does not say so (no interface Describes)");
    }
    const auto items = inventory();
    if (items) {
        subject.donor = find_other(*items, subject.allocator, true);
        subject.another = find_other(*items, subject.allocator, false);
    }
    for (const Step& step : steps()) {
        if (const unsigned missing = step.needs & ~claimed(subject)) {
            end(step.name, "unsupported", fmt::format("the allocator does not claim {}", need_text(missing)));
            continue;
        }
        begin(step.name);
        try {
            end(step.name, "passed", step.run(subject));
        } catch (const Unsupported& reason) {
            end(step.name, "unsupported", reason.what());
        } catch (const Failed& failed) {
            end(step.name, "failed", failed.what());
            if (step.base)
                return;
        }
    }
}

// Runs all steps on one allocator; `shown` sees each of them as it ends.
Report check_one(const std::string& name, const std::function<void(const Json& step)>& shown) {
    Report report;
    report.allocator = name;
    const auto add = [&](const std::string& step, const std::string& status, const std::string& detail) {
        report.add(step, status, detail);
        shown(report.steps.back());
    };
    bool whole_report = false; // a backend may end the process in a way that looks well
    std::string ended = in_child(
        [&](const Say& say) {
            check_here(name, say);
            say({{"done", true}});
        },
        [&](const Json& message) {
            if (message.contains("done")) {
                whole_report = true;
                return;
            }
            if (message.contains("begin")) {
                report.running = message["begin"];
                return;
            }
            add(message["step"], message["status"], message["detail"]);
            if (!message["error"].is_null())
                report.error = message["error"];
        },
        patience_seconds);
    if (ended.empty() && !whole_report)
        ended = "ended before the check did";
    if (!ended.empty())
        add(report.running.empty() ? "available" : report.running, "failed", "the process " + ended);
    const auto reached = [&](const char* step) {
        return std::any_of(report.steps.begin(), report.steps.end(),
                           [&](const Json& one) { return one["step"] == step; });
    };
    const char* const reason = "a step failed that the rest needs";
    if (!reached("available"))
        report.add("available", "not run", reason);
    for (const Step& step : steps())
        if (!reached(step.name))
            report.add(step.name, "not run", reason);
    return report;
}

Json report_json(const Report& report) {
    return {{"allocator", report.allocator},
            {"steps", report.steps},
            {"passed", report.passed},
            {"failed", report.failed},
            {"unsupported", report.unsupported},
            {"not_run", report.not_run},
            {"error", report.error}};
}

Style result_style(const std::string& status) {
    return status == "passed" ? Style::good : status == "failed" ? Style::bad : Style::faint;
}

// An importer with nothing to import passes a few steps and shows nothing by that.
bool had_memory(const Report& report) {
    return std::any_of(report.steps.begin(), report.steps.end(), [](const Json& step) {
        return step["status"] == "passed" && (step["step"] == "alloc" || step["step"] == "import-dmabuf");
    });
}

std::string summary(const Report& report) {
    std::string text =
        fmt::format("{} passed, {} failed, {} unsupported", report.passed, report.failed, report.unsupported);
    return report.not_run ? fmt::format("{}, {} not run", text, report.not_run) : text;
}

void print_step(Output& out, const Json& step) {
    const std::string name = step["step"], status = step["status"];
    const std::string detail = step["detail"].is_null() ? std::string() : step["detail"].get<std::string>();
    const std::string shown = fmt::format("{:<11}", status);
    out.line(detail.empty()
                 ? fmt::format("  {:<16} {}", name, out.styled(status, result_style(status)))
                 : fmt::format("  {:<16} {}  {}", name, out.styled(shown, result_style(status)), detail));
    out.flush(); // each as it comes: a step may take its time
}

int check_name(Output& out, const std::string& name) {
    if (out.json()) {
        const Report report = check_one(name, [](const Json&) {});
        out.print(report_json(report));
        return report.failed ? failure : ok;
    }
    utsname machine{};
    ::uname(&machine);
    out.line(fmt::format("{}  (hwalloc {}, {} {} {})", out.styled(name, Style::strong), version(),
                         machine.sysname, machine.release, machine.machine));
    const Report report = check_one(name, [&](const Json& step) { print_step(out, step); });
    out.line(out.styled(summary(report), report.failed ? Style::bad : Style::good));
    return report.failed ? failure : ok;
}

int check_all(Output& out) {
    // In a child too: this process opens no device, so that every check starts from nothing.
    Json names = Json::array(), unavailable = Json::array();
    const std::string ended = in_child(
        [](const Say& say) {
            auto items = inventory();
            if (!items)
                return say({{"error", to_json(items.error())}});
            for (const InventoryItem& item : *items)
                say({{"name", item.name}, {"why", item.why ? to_json(*item.why) : Json()}});
        },
        [&](const Json& message) {
            if (message.contains("error"))
                unavailable.push_back({{"allocator", "all"}, {"error", message["error"]}});
            else if (message["why"].is_null())
                names.push_back(message["name"]);
            else
                unavailable.push_back({{"allocator", message["name"]}, {"error", message["why"]}});
        },
        patience_seconds);
    if (ended.empty() && names.empty() && !unavailable.empty() && unavailable[0]["allocator"] == "all")
        return out.fail(
            Error(ErrorKind::unavailable, "listing the allocators")
                .doing("listing the allocators: " + unavailable[0]["error"]["message"].get<std::string>()));
    if (!ended.empty() || names.empty())
        return out.fail(Error(ErrorKind::unavailable, "listing the allocators")
                            .doing(ended.empty() ? "there is no allocator to check"
                                                 : "the process that listed the allocators " + ended));

    Json reports = Json::array();
    Report total;
    Table table({"NAME", "PASSED", "FAILED", "UNSUPPORTED", "RESULT"});
    std::vector<std::string> failures;
    for (const std::string name : names) {
        const auto show_progress = [&](const std::string& last) {
            show_step(fmt::format("checking {} ({} of {}){}", name, reports.size() + 1, names.size(), last));
        };
        show_progress("");
        const Report report = check_one(name, [&](const Json& done) {
            show_progress(fmt::format(": {} done", done["step"].get<std::string>()));
        });
        total.passed += report.passed;
        total.failed += report.failed;
        total.unsupported += report.unsupported;
        total.not_run += report.not_run;
        reports.push_back(report_json(report));
        table.row({{name, Style::strong},
                   {std::to_string(report.passed)},
                   {std::to_string(report.failed)},
                   {std::to_string(report.unsupported)},
                   report.failed        ? Cell{"failed", Style::bad}
                   : had_memory(report) ? Cell{"passed", Style::good}
                                        : Cell{"untested", Style::warning}});
        for (const Json& step : report.steps)
            if (step["status"] == "failed")
                failures.push_back(fmt::format("{}: {}: {}", name,
                                               out.styled(step["step"].get<std::string>(), Style::bad),
                                               step["detail"].get<std::string>()));
    }
    show_step({});
    if (out.json()) {
        out.print({{"allocators", std::move(reports)},
                   {"unavailable", std::move(unavailable)},
                   {"passed", total.passed},
                   {"failed", total.failed},
                   {"unsupported", total.unsupported},
                   {"not_run", total.not_run}});
        return total.failed ? failure : ok;
    }
    for (const Json& one : unavailable)
        table.row({{one["allocator"]}, {"-"}, {"-"}, {"-"}, {"unavailable", Style::warning}});
    out.table(table);
    if (!failures.empty() || !unavailable.empty())
        out.line();
    for (const std::string& line : failures)
        out.line(line);
    for (const Json& one : unavailable)
        out.line(fmt::format("{}: {}", one["allocator"].get<std::string>(),
                             one["error"]["message"].get<std::string>()));
    return total.failed ? failure : ok;
}

int list_steps(Output& out) {
    struct Named {
        const char* name;
        const char* shows;
    };
    std::vector<Named> all{{"find", "the name is known, after modules are loaded and devices looked for"},
                           {"available", "what it needs can be opened by this process"}};
    for (const Step& step : steps())
        all.push_back({step.name, step.shows});
    Json document = Json::array();
    Table table({"STEP", "SHOWS"});
    for (const Named& step : all) {
        document.push_back({{"step", step.name}, {"shows", step.shows}});
        table.row({{step.name, Style::strong}, {step.shows}});
    }
    if (out.json())
        out.print({{"steps", std::move(document)}});
    else
        out.table(table);
    return ok;
}

} // namespace

Run check(CLI::App& command) {
    struct Options {
        std::string name;
        bool all = false, steps = false;
    };
    auto options = std::make_shared<Options>();
    auto* name =
        command.add_option("NAME", options->name, "the allocator; without it, all that are available");
    command.add_flag("--all", options->all, "all allocators that are available")->excludes(name);
    command.add_flag("--steps", options->steps, "name the steps and tell what each shows")->excludes(name);
    command.footer("Exit code 1 when a step failed. `hwalloc check NAME --json` is what a bug report needs.");
    return [options](Output& out) -> int {
        if (options->steps)
            return list_steps(out);
        return options->name.empty() ? check_all(out) : check_name(out, options->name);
    };
}

} // namespace hwalloc::tools
