//! What package managers leave behind.

use super::{codes, findings, judged, project, set};

const LISTS: &str = "[[checks]]\ntype = \"apt_lists_removed\"\n";

#[test]
fn apt_lists_are_gone_by_any_of_the_ways() {
    judged(
        LISTS,
        &[],
        &[
            "FROM a\nRUN apt-get update && apt-get install -y curl && rm -rf /var/lib/apt/lists/*",
            "FROM a\nRUN apt-get -qq update \\\n && apt-get install -y --no-install-recommends curl \\\n && rm -rf /var/lib/apt/lists",
            "FROM a\nRUN apt update; apt install -y curl; rm -fr /var/lib/apt/*",
            "FROM a\nRUN apt-get update && apt-get install -y curl && find /var/lib/apt/lists -type f -delete",
            "FROM a\nRUN apt-get update && apt-get install -y curl && apt-get distclean",
            "FROM a\nRUN --mount=type=cache,target=/var/lib/apt,sharing=locked apt-get update && apt-get install -y curl",
            "FROM a\nRUN --mount=type=tmpfs,target=/var/lib/apt/lists apt-get update && apt-get install -y curl",
            "FROM a\nRUN <<EOF\napt-get update\napt-get install -y curl\nrm -rf /var/lib/apt/lists/*\nEOF",
            "FROM a\nRUN bash -c 'apt-get update && apt-get install -y curl && rm -rf /var/lib/apt/lists/*'",
            "FROM a AS b\nRUN apt-get update && apt-get install -y gcc\nFROM a\nCOPY --from=b /x /x",
            "FROM a\nRUN apt-get update && xargs -a list apt-get install -y && rm -r /var/lib/apt/lists",
            "FROM a\nRUN echo apt-get update",
            "FROM a\nRUN apk add --no-cache curl",
        ],
    );
}

#[test]
fn apt_lists_that_stay_are_found() {
    judged(
        LISTS,
        &["apt_lists_kept"],
        &[
            "FROM a\nRUN apt-get update && apt-get install -y curl",
            "FROM a\nRUN apt-get update && apt-get install -y curl\nRUN rm -rf /var/lib/apt/lists/*",
            "FROM a\nRUN apt-get update && apt-get install -y curl # && rm -rf /var/lib/apt/lists/*",
            "FROM a\nRUN rm -rf /var/lib/apt/lists/* && apt-get update && apt-get install -y curl",
            "FROM a\nRUN apt-get update && apt-get install -y curl && apt-get clean",
            "FROM a\nRUN apt-get update && apt-get install -y curl && rm -rf /var/cache/apt/*",
            "FROM a\nRUN apt-get update && apt-get install -y curl && echo rm -rf /var/lib/apt/lists",
            "FROM a\nRUN --mount=type=cache,target=/var/cache/apt apt-get update && apt-get install -y curl",
            "FROM a AS base\nRUN apt-get update && apt-get install -y curl\nFROM base",
            "FROM a AS base\nONBUILD RUN apt-get update && apt-get upgrade -y\nFROM base",
        ],
    );
}

#[test]
fn an_update_of_its_own_is_found_once() {
    judged(
        LISTS,
        &["apt_update_alone"],
        &[
            "FROM a\nRUN apt-get update",
            "FROM a\nRUN apt-get update\nRUN apt-get install -y curl && rm -rf /var/lib/apt/lists/*",
            "FROM a\nRUN [\"apt-get\", \"update\"]\nRUN apt-get install -y curl",
            "FROM a\nRUN apt-get update && rm -rf /var/lib/apt/lists/*",
            // The cache matters in a stage that is left behind too.
            "FROM a AS b\nRUN apt-get update\nRUN apt-get install -y gcc\nFROM a\nCOPY --from=b /x /x",
        ],
    );
    let found = findings(LISTS, &project("FROM a\nRUN apt-get update\nRUN apt-get install -y curl\n"));
    assert_eq!(found[0].place.as_ref().and_then(|place| place.line), Some(2));
}

fn install_cache(ecosystem: &str, expected: &[&str], bodies: &[&str]) {
    let check = format!("[[checks]]\ntype = \"no_install_cache\"\necosystem = \"{ecosystem}\"\n");
    for body in bodies {
        assert_eq!(codes(&check, &project(&format!("FROM a\n{body}\n"))), set(expected), "{body}");
    }
}

const KEPT: &[&str] = &["install_cache_kept"];

#[test]
fn npm_and_its_kin_keep_a_cache_unless_told_otherwise() {
    install_cache(
        "npm",
        &[],
        &[
            "RUN npm ci && npm cache clean --force",
            "RUN --mount=type=cache,target=/root/.npm npm ci",
            "USER node\nRUN --mount=type=cache,target=/home/node/.npm npm ci",
            "RUN npm ci && rm -rf ~/.npm",
            "RUN npm ci --cache /tmp/n && rm -rf /tmp/n",
            "ENV npm_config_cache=/n\nRUN --mount=type=cache,target=/n npm install",
            "RUN yarn install && yarn cache clean",
            "RUN --mount=type=cache,target=/usr/local/share/.cache/yarn yarn",
            "RUN pnpm install --store-dir=/s && rm -r /s",
            "RUN npm run build",
            "RUN echo npm ci",
        ],
    );
    install_cache(
        "npm",
        KEPT,
        &[
            "RUN npm ci",
            "RUN npm install --omit=dev express",
            "RUN npm ci && npm cache clean",
            "RUN npm ci\nRUN npm cache clean --force",
            "RUN npm cache clean --force && npm ci",
            "RUN --mount=type=cache,target=/root/.cache npm ci",
            "USER node\nRUN --mount=type=cache,target=/root/.npm npm ci",
            "RUN yarn install && npm cache clean --force",
            "RUN npm ci # && npm cache clean --force",
        ],
    );
}

#[test]
fn go_and_cargo_keep_a_cache_unless_told_otherwise() {
    install_cache(
        "go",
        &[],
        &[
            "RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build go build ./...",
            "RUN go build -o /app . && go clean -cache -modcache",
            "RUN --mount=type=cache,target=/go/pkg/mod go mod download",
            "ENV GOMODCACHE=/m GOCACHE=/c\nRUN go build . && rm -rf /m /c",
            "RUN go version",
        ],
    );
    install_cache(
        "go",
        KEPT,
        &[
            "RUN go mod download",
            "RUN go build -o /app . && go clean -modcache",
            "RUN --mount=type=cache,target=/go/pkg/mod go build .",
            "RUN go build . && go clean",
        ],
    );
    install_cache(
        "cargo",
        &[],
        &[
            "RUN --mount=type=cache,target=/usr/local/cargo/registry cargo build --release",
            "RUN cargo install ripgrep && rm -rf /usr/local/cargo/registry",
            "ENV CARGO_HOME=/c\nRUN cargo fetch && rm -rf $CARGO_HOME/registry",
        ],
    );
    install_cache("cargo", KEPT, &["RUN cargo build --release", "RUN cargo build && cargo clean"]);
}

#[test]
fn pip_and_apt_follow_the_same_rule() {
    install_cache("pip", &[], &["RUN pip install --no-cache-dir flask"]);
    install_cache("pip", KEPT, &["RUN pip install flask"]);
    install_cache(
        "apt",
        &[],
        &["RUN apt-get update && apt-get install -y curl && rm -rf /var/lib/apt/lists/*"],
    );
    install_cache(
        "apt",
        KEPT,
        &[
            "RUN apt-get update && apt-get install -y curl",
            // Without this file apt keeps the packages too.
            "RUN rm -f /etc/apt/apt.conf.d/docker-clean\nRUN apt-get update && apt-get install -y curl && rm -rf /var/lib/apt/lists/*",
        ],
    );
    install_cache(
        "apt",
        &[],
        &[
            "RUN rm -f /etc/apt/apt.conf.d/docker-clean\nRUN --mount=type=cache,target=/var/cache/apt --mount=type=cache,target=/var/lib/apt apt-get update && apt-get install -y curl",
        ],
    );
}

#[test]
fn a_cache_counts_where_it_ends_up() {
    install_cache(
        "npm",
        &[],
        &["RUN true\nFROM b AS build\nRUN npm ci\nFROM c\nCOPY --from=build /app /app"],
    );
    install_cache(
        "npm",
        KEPT,
        &["RUN true\nFROM b AS build\nRUN npm ci\nFROM c\nCOPY --from=build /root /root"],
    );
    install_cache("npm", KEPT, &["RUN true\nFROM b AS build\nRUN npm ci\nFROM build"]);
    let check = "[[checks]]\ntype = \"no_install_cache\"\necosystem = \"go\"\n";
    let found = findings(check, &project("FROM a\nRUN true\nRUN go build .\n"));
    assert!(found[0].message.contains("/go/pkg/mod, /root/.cache/go-build"), "{}", found[0].message);
    assert_eq!(found[0].place.as_ref().and_then(|place| place.line), Some(3));
}
