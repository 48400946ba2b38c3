# What fish completes after `hwalloc`: commands, options and their values as `--help` names them, and the allocators' names.

# The options of a help, each with what it does.
function __hwalloc_options
    string replace -r -f '^  (?:-[a-z],)?(--[a-z0-9-]+)(?: \S.*?)??(?:  +(\S.*))?$' (printf '$1\t$2') -- $argv
end

# What comes next, one in a line.
function __hwalloc_next
    set -l words (commandline -opc)
    set -l word (commandline -ct)
    set -l command (string match -v -- '-*' $words[2..-1])[1]
    if contains -- -- $words # behind -- are the words of a program
        if test "$words[-1]" = --
            __fish_complete_command
        else
            __fish_complete_path $word
        end
        return
    end
    type -q $words[1]; or return
    set -l help ($words[1] $command --help 2>/dev/null)

    # The help's line of the option before, which tells what it takes.
    set -l line
    if string match -q -- '--*' $words[-1]
        set line (string match -r -- "^ +(?:-[a-z],)?$words[-1](?: .*)?\$" $help)[1]
    end
    set -l begun ''
    if string match -q -- '--heap' $words[-1]
        if not string match -q '*=*' -- $word
            return
        end
        set begun (string replace -r '=.*' '=' -- $word)
    end
    if set -l values (string match -r -g ':\{([a-z,-]+)\}' -- $line)
        string split , $values
    else if string match -qr '^ +[-a-z0-9,]+ (FILE|PATH|CARD)' -- $line
        __fish_complete_path $word
    else if contains -- "$words[-1]" --allocator --v4l2-export --heap; or begin
            test "$command" = check; and not string match -q -- '-*' $word
        end
        printf "$begun%s\n" ($words[1] list --quick --json 2>/dev/null | string match -r -g '^      "name": "(.*)",$')
    else if string match -qr '^ +[-a-z0-9,]+ [A-Z]' -- $line
        return # a value that nobody can guess
    else if test -n "$command"; or string match -q -- '-*' $word
        __hwalloc_options $help
    else
        string replace -r -f '^  ([a-z][a-z-]*)  +(.*)$' (printf '$1\t$2') -- $help
    end
end

complete -c hwalloc -f -a '(__hwalloc_next)'
