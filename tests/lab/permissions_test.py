#!/usr/bin/env python3
"""The shipped udev rules and the lines of `hwalloc doctor`, by the real udev, in one guest: who may use which memory
with the rules, without them, and after doing exactly what the doctor says.

Users are made in the guest; a login is `su -`, with the groups that the user database has at that time. The guest has no
sudo, and it is root who pastes: there, sudo is a program that runs its arguments."""

import shlex
import sys

sys.dont_write_bytecode = True
from lab_cases import BUILD, HEAP, HEAP_NODE, TREE, differing, in_lab, run  # noqa: E402

RULES = TREE / "udev-rules"
SYSTEM_RULES, UDMABUF_RULES = "55-hwalloc-dma-heap.rules", "70-hwalloc-udmabuf.rules"
HWALLOC = shlex.quote(str(BUILD / "tools" / "hwalloc"))
CHECK = f"allocator/{HEAP}"
DOCTOR, TRY = f"{HWALLOC} doctor {CHECK} --json", f"{HWALLOC} check {HEAP} --json"
RELOAD = "udevadm control --reload && udevadm trigger --settle"
STAT = f"stat -c '%n %U:%G %a' {HEAP_NODE} /dev/udmabuf"


def login(user, command):
    return f"su - {user} -c {shlex.quote(command)}"


def login_of_before(user, command):
    """The rights of a login that is older than the user's new groups."""
    return f"setpriv --reuid {user} --regid {user} --clear-groups --inh-caps=-all -- {command}"


def apply(document):
    """Takes the one check's remedy out of a document of before, and runs it as it is."""
    unescape = r's/\\\(["\\]\)/\1/g'
    return (f"sed -n 's/^      \"remedy\": \"\\(.*\\)\",$/\\1/p' {document}.out | sed '{unescape}' >{document}.line; "
            f'bash -e -c "$(cat {document}.line)"')


def commands():
    shipped = " ".join(shlex.quote(str(path)) for path in sorted(RULES.glob("*.rules")))
    active = " ".join(shlex.quote(str(RULES / name)) for name in (SYSTEM_RULES, UDMABUF_RULES))
    return {
        "users": "printf '#!/bin/sh\\nexec \"$@\"\\n' >/usr/local/bin/sudo && chmod +x /usr/local/bin/sudo && "
                 "useradd -m -s /bin/bash -G video alice && useradd -m -s /bin/bash bob && useradd -m -s /bin/bash carol",
        "verify": f"udevadm verify {shipped}",
        "fresh": STAT,
        # No rules: the doctor's line brings the rule and the group.
        "carol_before": login("carol", DOCTOR),
        "carol_line": apply("carol_before"),
        "carol_rule": f"cat /etc/udev/rules.d/{SYSTEM_RULES}",
        "carol_node": STAT,
        "carol_after": login("carol", TRY),
        "undo": f"rm /etc/udev/rules.d/{SYSTEM_RULES} && chown root:root {HEAP_NODE} && chmod 0600 {HEAP_NODE} && {RELOAD} && "
                f"{STAT}",
        # The rules as they are shipped.
        "install": f"cp {active} /etc/udev/rules.d && {RELOAD} && {STAT} && udevadm info -q property /dev/udmabuf",
        "alice": login("alice", TRY),
        "alice_writes": login("alice", f"true <>{HEAP_NODE}"),
        "bob": login("bob", TRY),
        "bob_before": login("bob", DOCTOR),
        "bob_words": login("bob", f"{HWALLOC} doctor"),
        "bob_nodes": login("bob", f"{HWALLOC} doctor node camera user --json"),
        "bob_line": apply("bob_before"),
        "bob_old": login_of_before("bob", DOCTOR),
        "bob_old_user": login_of_before("bob", f"{HWALLOC} doctor user --json"),
        "bob_after": login("bob", TRY),
        "bob_well": login("bob", DOCTOR),
        "root": f"{HWALLOC} doctor --json",
    }


def only_check(done):
    """The one check of a document, or what there is instead."""
    checks = done.document.get("checks", [])
    return checks[0] if len(checks) == 1 else {"id": done.told()}


def passes(done):
    """`hwalloc check` found nothing wrong."""
    return [] if done.code == 0 and done.document.get("failed") == 0 and done.document.get("passed") else [done.told()]


def failing(done, remedy):
    """The doctor's one check failed with that line, and the exit code says so."""
    faults = differing(only_check(done), id=CHECK, status="failed", remedy=remedy)
    error = only_check(done).get("error") or {}
    faults += differing(error, kind="permission", errno="EACCES", device=HEAP_NODE, mend=remedy)
    return faults + ([] if done.code == 1 else [f"exit code {done.code}"])


def nodes(done, heap, udmabuf="root:kvm 660"):
    """`stat` found these owners and modes."""
    wanted = [f"{HEAP_NODE} {heap}", f"/dev/udmabuf {udmabuf}"]
    return [] if done.code == 0 and done.out.splitlines()[:2] == wanted else [f"expected {wanted}: {done.told()}"]


def judge(cases, directory, done):
    rule = next(line for line in (RULES / SYSTEM_RULES).read_text().splitlines() if line.startswith("SUBSYSTEM"))
    cases.case("udev finds nothing wrong with the shipped rules", [done["verify"].told()] if done["verify"].code else [])
    cases.case("the shipped rules let nobody else in",
               [path.name for path in RULES.glob("*.rules") for line in path.read_text().splitlines()
                if "MODE=" in line and not line.startswith("#") and not line.split('MODE="', 1)[1].startswith(("0640", "0660"))])
    cases.case("without rules the heap is root's alone", nodes(done["fresh"], "root:root 600"))

    line = (f"echo '{rule}' | sudo tee /etc/udev/rules.d/{SYSTEM_RULES} >/dev/null && sudo udevadm control --reload && "
            "sudo udevadm trigger --settle --subsystem-match=dma_heap && sudo usermod -aG video carol")
    cases.case("without rules the doctor's line is the shipped rule and the group", failing(done["carol_before"], line))
    pasted = (directory / "carol_before.line").read_text()
    cases.case("that line, pasted as it is, brings exactly the shipped rule",
               ([] if pasted == line + "\n" and done["carol_line"].code == 0 else [pasted, done["carol_line"].told()]) +
               ([] if done["carol_rule"].out == rule + "\n" else [done["carol_rule"].told()]) +
               nodes(done["carol_node"], "root:video 640"))
    cases.case("and the next login may use the heap", passes(done["carol_after"]))

    cases.case("undone, the heap is root's alone again", nodes(done["undo"], "root:root 600"))
    cases.case("the shipped rules give the heap to video for reading, udmabuf to kvm and whoever is logged in",
               nodes(done["install"], "root:video 640") +
               ([] if ":uaccess:" in done["install"].out else ["udmabuf has no tag uaccess: " + done["install"].told()]))
    cases.case("a member of the group may use the heap", passes(done["alice"]))
    cases.case("and may not open it for writing", [] if done["alice_writes"].code else ["it opened"])
    cases.case("a user outside it may not",
               [] if done["bob"].code == 1 and done["bob"].error.get("kind") == "permission" else [done["bob"].told()])
    line = "sudo usermod -aG video bob"
    cases.case("and gets the doctor's line", failing(done["bob_before"], line))
    below = done["bob_words"].out.partition("What mends it:\n")[2].splitlines()
    at = below.index(f"    {line}") if f"    {line}" in below else 0
    cases.case("which is told once for all that it mends, with what to do afterwards",
               [] if below.count(f"    {line}") == 1 and "Log in again" in "\n".join(below) and
               {f"  {CHECK}", "  allocator/drm-dumb/card0", "  camera/video0"} <= set(below[:at])
               else [done["bob_words"].told()])
    story = (done["bob"].error.get("remedy"), (only_check(done["bob_before"]).get("error") or {}).get("remedy"))
    cases.case("which is the story that check tells", [] if story[0] and story[0] == story[1] else [str(story)])
    pasted = (directory / "bob_before.line").read_text()
    found = {check["id"]: (check["status"], check["remedy"]) for check in done["bob_nodes"].document.get("checks", [])}
    render, video = ("failed", "sudo usermod -aG render bob"), ("failed", line)
    cases.case("for GPUs and cameras there are such lines too",
               differing(found, **{"node/renderD128": render, "camera/video0": video, "user/groups": ("ok", None)}))
    cases.case("pasted as it is, the line works",
               [] if pasted == line + "\n" and done["bob_line"].code == 0 else [pasted, done["bob_line"].told()])
    cases.case("a login of before is told to log in again", failing(done["bob_old"], "newgrp video") +
               ([] if "log in again" in only_check(done["bob_old"]).get("message", "") else [done["bob_old"].told()]) +
               differing(only_check(done["bob_old_user"]), status="warning", remedy="newgrp video", groups=["bob"],
                         groups_at_next_login=["video"]))
    cases.case("the next login may use the heap", passes(done["bob_after"]))
    cases.case("and its doctor is content",
               differing(only_check(done["bob_well"]), id=CHECK, status="ok", remedy=None, error=None) +
               ([] if done["bob_well"].code == 0 else [done["bob_well"].told()]))

    checks = {check["id"]: check for check in done["root"].document.get("checks", [])}
    well = ["kernel/CONFIG_DMABUF_HEAPS", "kernel/CONFIG_DMABUF_HEAPS_SYSTEM", "kernel/CONFIG_UDMABUF",
            "kernel/CONFIG_SYNC_FILE", "kernel/CONFIG_DRM", "kernel/CONFIG_VIDEO_DEV", "udev/running",
            f"udev/{SYSTEM_RULES}", f"udev/{UDMABUF_RULES}", "user/groups", CHECK, "allocator/udmabuf",
            "allocator/vulkan/0", "memory/shareable", "node/renderD128", "gpu/0", "camera/video0", "limit/udmabuf-size",
            "limit/udmabuf-list", "limit/open-files"]
    faults = [f"{name}: {checks.get(name)}" for name in well if checks.get(name, {}).get("status") != "ok"]
    faults += [f"{check}" for check in checks.values()
               if check["status"] in ("failed", "unknown") or "sudo" in str(check["remedy"])]
    faults += differing(checks.get("limit/udmabuf-size", {}), value=64)
    faults += differing(checks.get("limit/udmabuf-list", {}), value=1024)
    faults += differing(checks.get("gpu/0", {}).get("extensions", {}), VK_KHR_external_memory_fd=True,
                        VK_EXT_external_memory_dma_buf=True)
    # Debian's kernel has none, and says so.
    faults += differing(checks.get("kernel/CONFIG_DMABUF_HEAPS_CMA", {}), status="missing")
    faults += differing(checks.get("udev/55-hwalloc-dma-heap-contiguous.rules", {}), status="missing")
    cases.case("the whole doctor, as root: all that the lab has is fine",
               faults + ([] if done["root"].code == 0 else [f"exit code {done['root'].code}"]))


def rules(cases, directory, _):
    directory.chmod(0o755)
    judge(cases, directory, in_lab(directory, commands=commands()))


if __name__ == "__main__":
    sys.exit(run({"rules": rules}))
