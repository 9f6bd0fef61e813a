#!/bin/sh
# As in the real image: before nginx starts, templates are filled in and whatever lies in /docker-entrypoint.d is run.
set -e

fill_in_templates() {
    [ -d /etc/nginx/templates ] || return 0
    # Only variables that are set, so that nginx's own ($host, $uri) stay.
    names=$(env | sed -n 's/^\([A-Za-z_][A-Za-z0-9_]*\)=.*/${\1}/p' | tr '\n' ' ')
    find /etc/nginx/templates -type f -name '*.template' | while read -r template; do
        relative=${template#/etc/nginx/templates/}
        target=/etc/nginx/conf.d/${relative%.template}
        mkdir -p "$(dirname "$target")"
        envsubst "$names" < "$template" > "$target"
    done
}

if [ "$1" = nginx ] || [ "$1" = nginx-debug ]; then
    fill_in_templates
    for script in $(find /docker-entrypoint.d -follow -type f | sort -V); do
        case $script in
            *.envsh) [ ! -x "$script" ] || . "$script" ;;
            *.sh) [ ! -x "$script" ] || "$script" ;;
        esac
    done
fi
exec "$@"
