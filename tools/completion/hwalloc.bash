# What bash completes after `hwalloc`: commands, options and their values as `--help` names them, and the allocators' names.
# shellcheck shell=bash

# The help's line of an option such as --cpu, which tells what it takes.
_hwalloc_line_of() {
    local line
    while IFS= read -r line; do
        [[ $line =~ ^\ +(-[a-z],)?"$1"(\ |$) ]] && printf '%s\n' "$line"
    done <<<"$2"
}

_hwalloc() {
    local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} program=${COMP_WORDS[0]}
    local command='' help line words='' i
    COMPREPLY=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        [[ ${COMP_WORDS[i]} == -* ]] || { command=${COMP_WORDS[i]} && break; }
    done
    # Behind -- are the words of a program.
    for ((i = 1; i < COMP_CWORD; i++)); do
        [[ ${COMP_WORDS[i]} == -- ]] || continue
        if ((i == COMP_CWORD - 1)); then
            mapfile -t COMPREPLY < <(compgen -c -- "$word")
        else
            mapfile -t COMPREPLY < <(compgen -f -- "$word")
        fi
        return 0
    done
    help=$("$program" ${command:+"$command"} --help 2>/dev/null) || return 0

    case $previous in
    --allocator | --v4l2-export | =) line=NAMES ;;
    --*) line=$(_hwalloc_line_of "$previous" "$help") ;;
    *) line='' ;;
    esac
    if [[ $line =~ :\{([a-z,-]+)\} ]]; then
        words=${BASH_REMATCH[1]//,/ }
    elif [[ $line =~ ^\ +[-a-z0-9,]+\ (FILE|PATH|CARD) ]]; then
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
        return 0
    elif [[ $line == NAMES || ($command == check && $word != -*) ]]; then
        words=$("$program" list --quick --json 2>/dev/null | sed -n 's/^      "name": "\(.*\)",$/\1/p')
    elif [[ $line =~ ^\ +[-a-z0-9,]+\ [A-Z] ]]; then
        return 0 # a value that nobody can guess
    elif [[ $word == -* || -n $command ]]; then
        words=$(sed -n 's/^  \(-[a-z],\)\{0,1\}\(--[a-z0-9-]*\).*/\2/p' <<<"$help")
    else
        words=$(sed -n '/^Subcommands:/,/^$/s/^  \([a-z][a-z-]*\).*/\1/p' <<<"$help")
    fi
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}

complete -F _hwalloc hwalloc
