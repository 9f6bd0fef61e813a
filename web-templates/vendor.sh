#!/bin/sh
# Refreshes static/vendor from the packages pinned in vendoring/package-lock.json.
#
# Needs node and npm, and is needed only to change what is vendored: building and running use the files as they lie in
# static/vendor. To move a version, edit vendoring/package.json, run `npm install --package-lock-only` there, then this.
set -eu

here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM

cp "$here"/vendoring/package.json "$here"/vendoring/package-lock.json "$here"/vendoring/.npmrc \
   "$here"/vendoring/codemirror.mjs "$work"/
cd "$work"
npm ci --ignore-scripts --no-progress

packages=$work/node_modules
out=$work/out

# take <folder> <package> <file>...: built files of a package, with its licence.
take() {
  folder=$out/$1 package=$packages/$2
  shift 2
  mkdir -p "$folder"
  for file in "$@"; do
    # The source maps are not vendored, so neither is the comment that names them.
    sed '/^\/\/# sourceMappingURL=/d' "$package/$file" > "$folder/$(basename "$file")"
  done
  cp "$package/LICENSE" "$folder/LICENSE"
}

take htmx htmx.org dist/htmx.min.js
take htmx-ext-sse htmx-ext-sse dist/sse.min.js
take xterm @xterm/xterm lib/xterm.mjs css/xterm.css
take xterm-addon-fit @xterm/addon-fit lib/addon-fit.mjs
take xterm-addon-unicode11 @xterm/addon-unicode11 lib/addon-unicode11.mjs
take xterm-addon-web-links @xterm/addon-web-links lib/addon-web-links.mjs

# CodeMirror comes as many small packages: one bundle, and the licence of each package that went into it.
mkdir -p "$out/codemirror"
node node_modules/esbuild/bin/esbuild codemirror.mjs --bundle --format=esm --minify --target=es2022 \
  --legal-comments=none --metafile="$work/meta.json" --outfile="$out/codemirror/codemirror.mjs" --log-level=warning
node -e '
  const fs = require("fs");
  const inputs = Object.keys(JSON.parse(fs.readFileSync("meta.json", "utf8")).inputs);
  const name = /^node_modules\/((?:@[^/]+\/)?[^/]+)\//;
  const names = [...new Set(inputs.map((path) => name.exec(path)?.[1]).filter(Boolean))].sort();
  for (const each of names) {
    const folder = `node_modules/${each}`;
    const { version, license } = JSON.parse(fs.readFileSync(`${folder}/package.json`, "utf8"));
    const file = fs.readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
    if (!file) throw new Error(`${each} has no licence file`);
    console.log(`${each} ${version} (${license})\n\n${fs.readFileSync(`${folder}/${file}`, "utf8").trim()}\n\n----\n`);
  }
' > "$out/codemirror/LICENSE"

rm -rf "$here/static/vendor"
mkdir -p "$here/static"
mv "$out" "$here/static/vendor"
echo "static/vendor is up to date:"
du -ah "$here/static/vendor" | sort -k2
