#!/bin/sh
# Installs what ContainrLab needs and this machine lacks, with apt. Does nothing, in no time, where nothing is missing.
#   --with-tests   also what only the tests need (a browser, a clock that can be set wrong, certificates, networks)
# Where it can't install, it says what is missing and how to get it, and ends with code 1.
set -eu

with_tests=false
for argument in "$@"; do
	case $argument in
	--with-tests) with_tests=true ;;
	*)
		echo "usage: $0 [--with-tests]" >&2
		exit 2
		;;
	esac
done

# Administrators' programs are often missing from an ordinary user's PATH.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

packages=
need() { packages="$packages $1"; }
lacks() { ! command -v "$1" >/dev/null 2>&1; }

# A compiler and a linker for Rust, and what the program itself calls.
lacks make && need make
lacks cc && need gcc
[ -e /usr/include/stdlib.h ] || need libc6-dev
[ -e /etc/ssl/certs/ca-certificates.crt ] || need ca-certificates
[ -z "${DATABASE_URL:-}" ] && lacks initdb && ! ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 && need postgresql
[ -z "${REDIS_URL:-}" ] && lacks redis-server && need redis-server
# A running engine elsewhere needs no engine here.
if [ -z "${DOCKER_HOST:-}" ] && [ ! -S /var/run/docker.sock ]; then
	lacks dockerd && need docker.io
	lacks iptables && need iptables
	lacks ip && need iproute2
fi
lacks mmdebstrap && need mmdebstrap
lacks mkfs.btrfs && need btrfs-progs
lacks losetup && need mount
if $with_tests; then
	lacks chromium && need chromium
	lacks chromedriver && need chromium-driver
	lacks faketime && need faketime
	lacks openssl && need openssl
	lacks nsenter && need util-linux
	lacks ip && need iproute2
fi

say_what_to_do() {
	cat >&2 <<TXT
$1 Missing on this machine:
   $packages
Install these (on Debian 12, as root):
    apt-get update && apt-get install --yes --no-install-recommends$packages
and run this again.
TXT
	exit 1
}

if [ -n "$packages" ]; then
	command -v apt-get >/dev/null 2>&1 || say_what_to_do "This is no Debian, so nothing is installed by itself."
	as_root=
	if [ "$(id -u)" != 0 ]; then
		if command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
			as_root='sudo -n'
		else
			say_what_to_do "Only root may install packages."
		fi
	fi
	log=$(mktemp)
	trap 'rm -f "$log"' EXIT
	started=$(date +%s)
	echo "Installing$packages"
	# The lists of a new machine are empty or old; packages that are there already cost nothing.
	apt() { $as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 "$@" </dev/null >>"$log" 2>&1; }
	echo "  fetching the package lists"
	if ! apt update; then
		tail -n 5 "$log" >&2
		say_what_to_do "apt-get update failed (see above)."
	fi
	echo "  installing the packages"
	# shellcheck disable=SC2086 # one word a package
	if ! apt install --yes --no-install-recommends $packages; then
		tail -n 15 "$log" >&2
		say_what_to_do "apt-get install failed (see above)."
	fi
	echo "  installed in $(($(date +%s) - started)) s"
fi

# The newest toolchain that Debian 12 has is too old, so this one comes from Rust's own installer.
[ -d "$HOME/.cargo/bin" ] && PATH=$HOME/.cargo/bin:$PATH
wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' "$(dirname "$0")/../../Cargo.toml" | head -n 1)
if ! command -v cargo >/dev/null 2>&1 || ! command -v rustc >/dev/null 2>&1; then
	cat >&2 <<TXT
Rust $wanted or newer is missing. Install it with the installer of https://rustup.rs:
    curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh
open a new shell, and run this again.
TXT
	exit 1
fi
found=$(rustc --version | sed 's/^rustc \([0-9]*\.[0-9]*\).*/\1/')
if [ "$(printf '%s\n%s\n' "$wanted" "$found" | sort -V | head -n 1)" != "$wanted" ]; then
	echo "Rust $found is too old: $wanted or newer is needed. Update it with: rustup update stable" >&2
	exit 1
fi
