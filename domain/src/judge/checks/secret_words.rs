//! What looks like a secret: names of variables, values, files.

use crate::context::DockerIgnore;

/// Words of a variable's name that mean a secret.
const WORDS: [&str; 15] = [
    "apikey",
    "auth",
    "credential",
    "credentials",
    "passphrase",
    "passwd",
    "password",
    "pat",
    "pass",
    "pw",
    "pword",
    "secret",
    "secrets",
    "token",
    "tokens",
];

/// Words before `KEY` that make it one to keep; a cache's or a table's key is none.
const KEYS: [&str; 12] = [
    "access",
    "account",
    "api",
    "app",
    "deploy",
    "encryption",
    "master",
    "private",
    "secret",
    "session",
    "signing",
    "ssh",
];

/// Words that, at the end of such a name, say that it is about a secret without being one.
const ABOUT: [&str; 34] = [
    "algo",
    "algorithm",
    "audience",
    "bits",
    "days",
    "dir",
    "disabled",
    "domain",
    "enabled",
    "endpoint",
    "expires",
    "expiry",
    "file",
    "header",
    "host",
    "id",
    "issuer",
    "length",
    "method",
    "minutes",
    "mode",
    "name",
    "path",
    "port",
    "provider",
    "public",
    "required",
    "scheme",
    "seconds",
    "size",
    "ttl",
    "type",
    "url",
    "user",
];

/// Files that hold secrets, as patterns of `.dockerignore`.
const FILES: [&str; 43] = [
    "**/.env",
    "**/.env.*",
    "**/*.env",
    "!**/*example*.env",
    "!**/*sample*.env",
    "!**/.env.example",
    "!**/.env.*.example",
    "!**/.env.sample",
    "!**/.env.template",
    "!**/.env.dist",
    "!**/.env.defaults",
    "**/id_rsa",
    "**/id_dsa",
    "**/id_ecdsa",
    "**/id_ed25519",
    "**/*.key",
    "**/*key.pem",
    "**/*.p12",
    "**/*.pfx",
    "**/*.jks",
    "**/.netrc",
    "**/.pgpass",
    "**/.pypirc",
    "**/.git-credentials",
    "**/.htpasswd",
    "**/.aws/credentials",
    "**/.docker/config.json",
    "**/.kube/config",
    "**/credentials.json",
    "**/service-account*.json",
    "**/secrets/*.txt",
    "**/secret.json",
    "**/secret.txt",
    "**/secret.y*ml",
    "**/secrets.json",
    "**/secrets.toml",
    "**/secrets.txt",
    "**/secrets.y*ml",
    "**/*_secret.txt",
    "**/*password.txt",
    "**/*token.txt",
    "**/terraform.tfstate",
    "**/.vault-token",
];

/// The built-in patterns with those of the lab behind them.
pub(super) fn secret_files(own: &[String]) -> DockerIgnore {
    let patterns: Vec<&str> = FILES.iter().copied().chain(own.iter().map(String::as_str)).collect();
    DockerIgnore::parse(&patterns.join("\n"))
}

/// Whether a file that is often harmless holds a secret after all: `.npmrc` mostly names a registry.
pub(super) fn holds_secret(path: &str, content: &[u8]) -> bool {
    let text = String::from_utf8_lossy(&content[..content.len().min(64 * 1024)]);
    let name = path.rsplit('/').next().unwrap_or(path);
    match name {
        ".npmrc" | ".yarnrc" | ".yarnrc.yml" => text.lines().any(|line| {
            let marks = ["_authToken", "_password", "_auth=", "npmAuthToken"];
            // A token that comes from a variable is not in the file.
            marks.iter().any(|mark| line.contains(mark)) && !line.contains("${")
        }),
        _ => is_private_key(&text),
    }
}

/// Whether a variable of this name is there to hold a secret.
pub(super) fn names_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let words: Vec<&str> = name.split(['_', '-', '.']).filter(|word| !word.is_empty()).collect();
    let is_about = words.last().is_some_and(|last| ABOUT.contains(last)) || words.contains(&"public");
    let is_key = words.windows(2).any(|pair| KEYS.contains(&pair[0]) && matches!(pair[1], "key" | "keys"));
    // PWD alone is the working folder.
    let is_word = |word: &&str| {
        WORDS.contains(word)
            || word.ends_with("password")
            || word.ends_with("apikey")
            || (*word == "pwd" && words.len() > 1)
    };
    !is_about && (is_key || words.iter().any(is_word))
}

/// Whether a value only switches something on or off.
pub(super) fn is_switch(value: &str) -> bool {
    matches!(value.to_ascii_lowercase().as_str(), "true" | "false" | "yes" | "no" | "on" | "off" | "0" | "1")
}

/// Whether a value is a secret whatever its variable is called: a token of a known make, a key, a password in an
/// address.
pub(super) fn is_secret(value: &str) -> bool {
    let makes = [
        ("AKIA", 16),
        ("ASIA", 16),
        ("ghp_", 30),
        ("gho_", 30),
        ("ghs_", 30),
        ("github_pat_", 20),
        ("glpat-", 16),
        ("xoxb-", 16),
        ("xoxp-", 16),
        ("sk_live_", 16),
        ("sk-ant-", 16),
        ("npm_", 30),
        ("pypi-", 40),
        ("AIza", 30),
    ];
    let of_known_make = makes.iter().any(|(start, length)| {
        let Some(rest) = value.trim().strip_prefix(start) else { return false };
        rest.len() >= *length && rest.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
    });
    of_known_make || is_private_key(value) || has_password_in_address(value)
}

fn is_private_key(text: &str) -> bool {
    text.contains("-----BEGIN ") && text.contains("PRIVATE KEY-----")
}

/// `postgres://user:password@host/db`.
fn has_password_in_address(value: &str) -> bool {
    let Some((_, rest)) = value.split_once("://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let Some((user, _)) = authority.rsplit_once('@') else { return false };
    user.split_once(':').is_some_and(|(_, password)| !password.is_empty() && !password.contains('$'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_word_by_word() {
        for name in [
            "PASSWORD",
            "db_password",
            "POSTGRES_PASSWORD",
            "PGPASSWORD",
            "API_KEY",
            "APIKEY",
            "GITHUB_TOKEN",
            "NPM_AUTH",
            "AWS_SECRET_ACCESS_KEY",
            "JWT_SECRET",
            "SMTP_PASS",
            "DB_PWD",
        ] {
            assert!(names_secret(name), "{name}");
        }
        for name in [
            "POSTGRES_PASSWORD_FILE",
            "TOKEN_TTL",
            "JWT_SECRET_LENGTH",
            "AUTHOR",
            "KEYBOARD",
            "PUBLIC_KEY",
            "TOKENIZER",
            "PASSENGER_PORT",
            "PWD",
            "CACHE_KEY",
            "AUTH_ENABLED",
            "PATH",
            "AWS_ACCESS_KEY_ID",
            "MONKEY",
            "COMPASS",
            "AUTH_URL",
            "SECRETARY",
        ] {
            assert!(!names_secret(name), "{name}");
        }
    }

    #[test]
    fn values_are_known_by_their_make() {
        for value in [
            "AKIAIOSFODNN7EXAMPLE",
            "ghp_0123456789abcdefghijklmnopqrstuvwxyz",
            "postgres://app:hunter2@db/app",
            "-----BEGIN RSA PRIVATE KEY-----\nx",
        ] {
            assert!(is_secret(value), "{value}");
        }
        for value in [
            "AKIA",
            "https://example.com/a:b@c",
            "postgres://app@db/app",
            "postgres://app:$PW@db",
            "ghp",
            "1.2.3",
        ] {
            assert!(!is_secret(value), "{value}");
        }
    }

    #[test]
    fn files_are_known_by_name_or_by_what_they_hold() {
        let files = secret_files(&["conf/prod.yaml".to_owned()]);
        for path in [
            ".env",
            "a/.env.production",
            "deploy/id_rsa",
            "tls/server.key",
            "tls/privkey.pem",
            "conf/prod.yaml",
        ] {
            assert!(files.excludes(path), "{path}");
        }
        for path in [
            ".env.example",
            "id_rsa.pub",
            "tls/cert.pem",
            "keys.py",
            "environment.py",
            "src/secrets.py",
            "token.py",
        ] {
            assert!(!files.excludes(path), "{path}");
        }
        assert!(holds_secret(".npmrc", b"//r.example/:_authToken=abc"));
        assert!(!holds_secret(
            ".npmrc",
            b"registry=https://r.example/\n//r.example/:_authToken=${NPM_TOKEN}"
        ));
        assert!(holds_secret("deploy", b"-----BEGIN OPENSSH PRIVATE KEY-----"));
    }
}
