# The learner's shell. Yours to change: it lives as long as your session.
case $- in *i*) ;; *) return ;; esac

PS1='\[\e[1;34m\]\w\[\e[0m\] \$ '
HISTSIZE=5000
HISTCONTROL=ignoreboth
shopt -s checkwinsize globstar histappend

[ -r /usr/share/bash-completion/bash_completion ] && . /usr/share/bash-completion/bash_completion

alias ls='ls --color=auto'
alias ll='ls -alF'
alias grep='grep --color=auto'

export EDITOR=nano LESS=-R

# A container in this engine may be as privileged as the engine is, and the engine isn't: say so in words when
# `docker run --privileged` has ended in a message about sysfs.
docker() {
    local status word
    command docker "$@"
    status=$?
    if [ "$status" -eq 125 ] || [ "$status" -eq 126 ]; then
        for word in "$@"; do
            if [ "$word" = --privileged ]; then
                echo "This engine runs without privileges of its own, so it can't give any away: leave out --privileged." >&2
                break
            fi
        done
    fi
    return "$status"
}
