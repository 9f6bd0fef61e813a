#!/bin/sh
# Checks all dependencies against deny.toml: their licences always, known advisories where their database can be had.
set -eu
cd "$(dirname "$0")/../.."

# Licences: of everything in Cargo.lock that any target or build step uses, named by the crates themselves, so it works offline.
cargo tree --workspace --locked --prefix none --edges normal,build,dev --target all --format '{p}|{l}' 2>/dev/null |
	sed 's, (\*)$,,' | sort -u | awk -F '|' '
	# Whether a licence expression can be met with allowed licences only. Grammar: or := and ("OR" and)*; and := one ("AND" one)*.
	function next_token() { at++; return token[at] }
	function any_of(   good) { good = all_of(); while (token[at + 1] == "OR") { at++; good = all_of() || good } return good }
	function all_of(   good) { good = one(); while (token[at + 1] == "AND") { at++; good = one() && good } return good }
	function one(   word, good) {
		word = next_token()
		if (word == "(") { good = any_of(); at++; return good }
		if (token[at + 1] == "WITH") { at += 2; word = word " WITH " token[at] }
		return word in allowed
	}
	BEGIN {
		while ((getline line < "deny.toml") > 0) {
			if (line ~ /^allow = \[/) inside = 1
			else if (line ~ /^\]/) inside = 0
			else if (inside) { split(line, part, "\""); if (part[2] != "") allowed[part[2]] = 1 }
		}
	}
	$1 != "" {
		count++
		expression = $2
		gsub(/\//, " OR ", expression)   # an old way to write it
		gsub(/[()]/, " & ", expression)
		for (i in token) delete token[i]
		split(expression, token, " ")
		at = 0
		if (expression == "" || !any_of()) { bad++; print "  " $1 ": " ($2 == "" ? "names no licence" : $2) > "/dev/stderr" }
	}
	END {
		if (count == 0) { print "Licences: the dependencies could not be listed (cargo tree failed)." > "/dev/stderr"; exit 1 }
		if (bad) { print "Licences: " bad " of " count " packages have none that deny.toml allows." > "/dev/stderr"; exit 1 }
		print "Licences: all " count " packages have one that deny.toml allows."
	}'

if ! command -v cargo-deny >/dev/null 2>&1; then
	echo "Advisories: not checked, since cargo-deny is not installed (cargo install --locked cargo-deny)."
	exit 0
fi
cargo deny --offline check licenses bans sources
if timeout 60 cargo deny fetch db </dev/null >/dev/null 2>&1 ||
	[ -n "$(ls -A "${CARGO_HOME:-$HOME/.cargo}/advisory-dbs" 2>/dev/null)" ]; then
	cargo deny --offline check advisories
else
	echo "Advisories: not checked, since their database can't be reached and there is no copy of it here."
fi
