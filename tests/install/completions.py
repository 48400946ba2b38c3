"""What bash, zsh and fish complete after `hwalloc`, each asked in its own way."""

import os
import pathlib
import pty
import re
import shutil
import subprocess
import tempfile
import time

from installed import expect, run

# zsh completes in its line editor alone: each of its arguments is put there, and what a TAB makes of it is printed.
ZSH = r"""
fpath=($COMPLETIONS $fpath)
autoload -U compinit && compinit -u -d $PLACE/dump
unsetopt list_beep
setopt no_list_ambiguous
zstyle ':completion:*' list-prompt ''
zstyle ':completion:*' menu no
LISTMAX=10000
told() { print -r -- "$BUFFER" >>$PLACE/told; BUFFER=; }
zle -N told
bindkey '^T' told
bindkey '^I' complete-word
PS1=
: >$PLACE/ready
"""


def by_bash(options, *words):
    """What bash offers for the last of these words."""
    script = options.prefix / "share" / "bash-completion" / "completions" / "hwalloc"
    return run("bash", "-c", 'source "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _hwalloc; printf "%s\\n" "${COMPREPLY[@]}"', script,
               options.prefix / "bin" / "hwalloc", *words, stdout=subprocess.PIPE).stdout.split()


def with_command(options):
    return {**os.environ, "PATH": f"{options.prefix / 'bin'}:{os.environ['PATH']}"}


def by_fish(options, line):
    """What fish offers at the end of this line."""
    script = options.prefix / "share" / "fish" / "vendor_completions.d" / "hwalloc.fish"
    with tempfile.TemporaryDirectory(prefix="hwalloc-fish-") as home:
        said = run("fish", "-c", f"source {script}; complete -C '{line}'", stdout=subprocess.PIPE, env={**with_command(options), "HOME": home}).stdout
    return [one.split("\t")[0] for one in said.splitlines()]


def by_zsh(options, lines):
    """What zsh makes of each of these lines when TAB is typed at its end."""
    with tempfile.TemporaryDirectory(prefix="hwalloc-zsh-") as place:
        place = pathlib.Path(place)
        (place / ".zshrc").write_text(ZSH)
        pid, terminal = pty.fork()
        if pid == 0:
            os.execvpe("zsh", ["zsh", "-i", "-d"], {**with_command(options), "ZDOTDIR": str(place), "PLACE": str(place), "TERM": "dumb", "HOME": str(place),
                                                    "COMPLETIONS": str(options.prefix / "share" / "zsh" / "vendor-completions")})
        os.set_blocking(terminal, False)
        try:
            def wait(there):
                end = time.monotonic() + 60
                while not there():
                    expect(time.monotonic() < end, f"zsh did not answer; it told {told()}")
                    try:
                        os.read(terminal, 65536)
                    except (BlockingIOError, OSError):
                        pass
                    time.sleep(0.02)

            def told():
                return (place / "told").read_text().splitlines() if (place / "told").exists() else []

            wait((place / "ready").exists)
            for number, line in enumerate(lines):
                os.write(terminal, f"{line}\t".encode())
                os.write(terminal, b"\x14")
                wait(lambda wanted=number + 1: len(told()) >= wanted)
            return dict(zip(lines, told()))
        finally:
            os.close(terminal)
            os.waitpid(pid, 0)


def bash(options):
    commands = {"list", "check", "capture", "plan", "doctor", "ps", "run"}
    expect(commands == set(by_bash(options, "")), "the commands")
    expect(by_bash(options, "pl") == ["plan"], "a command")
    expect({"--json", "--camera", "--svg"} <= set(by_bash(options, "plan", "--")), "the options of plan")
    expect(by_bash(options, "plan", "--cam") == ["--camera"], "an option")
    expect(by_bash(options, "plan", "--policy", "") == ["strict", "prefer", "allow-copy"], "what --policy takes")
    expect(by_bash(options, "check", "sys") == ["sysmem"], "an allocator to check")
    expect(by_bash(options, "capture", "--allocator", "memf") == ["memfd"], "an allocator to fill")
    expect(by_bash(options, "capture", "--frames", "") == [], "a number")
    expect(by_bash(options, "run", "--v4l2-export", "memf") == ["memfd"], "an allocator to export")
    expect(by_bash(options, "run", "--heap", "system", "=", "memf") == ["memfd"], "an allocator in place of a heap, where bash parts words at =")
    expect("cat" in by_bash(options, "run", "--", "ca"), "a program to run")
    expect(by_bash(options, "run", "--", "cat", str(options.prefix / "inc")) == [str(options.prefix / "include")], "its argument")
    expect(by_bash(options, "capture", "--output", str(options.prefix / "inc")) == [str(options.prefix / "include")], "a file")


def help_of(options, *command):
    """The options that the help of a command names, which is all that shells may offer, and no less."""
    said = run(options.prefix / "bin" / "hwalloc", *command, "--help", stdout=subprocess.PIPE).stdout
    return set(re.findall(r"^  (?:-\w,)?(--[\w-]+)", said, re.MULTILINE))


def fish(options):
    if not shutil.which("fish"):
        return
    inc = options.prefix / "inc"
    for command in by_fish(options, "hwalloc "):
        expect(set(by_fish(options, f"hwalloc {command} --")) == help_of(options, command), f"the options of {command}")
        expect(set(by_bash(options, command, "--")) == help_of(options, command), f"the options of {command}, in bash")
    for line, wanted in (("hwalloc pl", ["plan"]), ("hwalloc plan --cam", ["--camera"]),
                         ("hwalloc plan --policy ", ["allow-copy", "prefer", "strict"]), ("hwalloc check sys", ["sysmem"]),
                         ("hwalloc capture --allocator memf", ["memfd"]), ("hwalloc capture --frames ", []),
                         ("hwalloc run --v4l2-export memf", ["memfd"]), ("hwalloc run --heap system=memf", ["system=memfd"]),
                         (f"hwalloc run -- cat {inc}", [f"{inc}lude/"]), (f"hwalloc capture --output {inc}", [f"{inc}lude/"])):
        found = by_fish(options, line)
        expect(found == wanted, f"fish offers {found} for '{line}', wanted {wanted}")
    expect("cat" in by_fish(options, "hwalloc run -- ca"), "a program to run, in fish")


def zsh(options):
    if not shutil.which("zsh"):
        return
    inc = options.prefix / "inc"
    wanted = {"hwalloc pl": "hwalloc plan ", "hwalloc plan --cam": "hwalloc plan --camera ", "hwalloc plan --policy s": "hwalloc plan --policy strict ",
              "hwalloc check sys": "hwalloc check sysmem ", "hwalloc capture --allocator memf": "hwalloc capture --allocator memfd ",
              "hwalloc capture --frames ": "hwalloc capture --frames ", "hwalloc run --v4l2-export memf": "hwalloc run --v4l2-export memfd ",
              "hwalloc run --heap system=memf": "hwalloc run --heap system=memfd ", "hwalloc run --heap sys": "hwalloc run --heap sys",
              "hwalloc run -- sha256s": "hwalloc run -- sha256sum ", f"hwalloc run -- cat {inc}": f"hwalloc run -- cat {inc}lude/",
              f"hwalloc capture --output {inc}": f"hwalloc capture --output {inc}lude/"}
    # An option whose name begins no other is completed, each of them.
    for command in by_bash(options, ""):
        names = help_of(options, command)
        wanted |= {f"hwalloc {command} {name[:-1]}": f"hwalloc {command} {name} " for name in names
                   if not any(other.startswith(name[:-1]) for other in names - {name})}
    found = by_zsh(options, list(wanted))
    for line, made in wanted.items():
        expect(found[line] == made, f"zsh makes '{found[line]}' of '{line}', wanted '{made}'")


def completion(options):
    """Shells complete commands, options, what options take, and allocators, as the command itself names them; zsh and fish where they are
    installed."""
    bash(options)
    fish(options)
    zsh(options)
