#!/bin/sh
# As in the real image: options alone go to redis-server, which runs as redis and owns /data.
set -e

# `docker run redis --appendonly yes` and `docker run redis /etc/my.conf` both mean the server.
case ${1:-} in
    -* | *.conf) set -- redis-server "$@" ;;
esac

if [ "${1:-}" = redis-server ]; then
    if [ "$(id -u)" = 0 ]; then
        find . \! -user redis -exec chown redis '{}' +
        exec setpriv --reuid=redis --regid=redis --clear-groups "$0" "$@"
    fi
    # Protected mode refuses everybody but the container itself while no password is set. The real image is compiled
    # with it off, so it is off here unless somebody says otherwise.
    case " $* " in
        *" --protected-mode "*) ;;
        *) if [ ! -f "${2:-}" ] || ! grep -q '^protected-mode' "$2"; then set -- "$@" --protected-mode no; fi ;;
    esac
fi
exec "$@"
