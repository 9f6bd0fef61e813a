//! The embedded static files: styles, scripts and vendored libraries.
//!
//! All of `static/` is in the binary; `build.rs` makes the table. Pages name files by [`asset_url`], whose path carries
//! a hash over the whole tree (`/static/v1f0c…/js/session.js`): relative imports between modules stay within one version,
//! and the browser may keep what it has for ever. The api serves `/static/{path}` with [`get`].

/// One embedded file and what to say of it in the response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StaticFile {
    /// Its bytes.
    pub bytes: &'static [u8],
    /// `Content-Type`.
    pub content_type: &'static str,
    /// `ETag`, with its quotes. The same as `If-None-Match` means 304.
    pub etag: &'static str,
    /// `Cache-Control`: for ever under the current tree's hash, else ask again each time.
    pub cache_control: &'static str,
}

struct Entry {
    path: &'static str,
    bytes: &'static [u8],
    etag: &'static str,
}

include!(concat!(env!("OUT_DIR"), "/static_table.rs"));

const FOR_EVER: &str = "public, max-age=31536000, immutable";
const ASK_AGAIN: &str = "no-cache";

/// The file at a path below `/static/`, e.g. `css/base.css` or `v1f0c…/css/base.css`; `None` if there is none.
///
/// A page from before an update may ask under an old tree's hash: it gets the file as it is now, not to be kept.
pub fn get(path: &str) -> Option<StaticFile> {
    let (version, path) = match path.split_once('/') {
        Some((first, rest)) if is_version(first) => (Some(first), rest),
        _ => (None, path),
    };
    let entry = &FILES[FILES.binary_search_by(|entry| entry.path.cmp(path)).ok()?];
    Some(StaticFile {
        bytes: entry.bytes,
        content_type: content_type(path),
        etag: entry.etag,
        cache_control: if version == Some(TREE) { FOR_EVER } else { ASK_AGAIN },
    })
}

/// The URL path of a static file: `asset_url("css/base.css")` is `/static/v1f0c…/css/base.css`.
pub fn asset_url(path: &str) -> String {
    debug_assert!(get(path).is_some(), "no static file {path}");
    format!("/static/{TREE}/{path}")
}

/// The paths of all files, sorted.
pub fn paths() -> impl Iterator<Item = &'static str> {
    FILES.iter().map(|entry| entry.path)
}

fn is_version(segment: &str) -> bool {
    segment.len() == TREE.len()
        && segment.starts_with('v')
        && segment[1..].bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "css" => "text/css; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "json" | "map" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "html" => "text/html; charset=utf-8",
        _ => "text/plain; charset=utf-8",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_found_under_its_url_and_kept_for_ever() {
        assert!(paths().count() > 0);
        for path in paths() {
            let url = asset_url(path);
            let file = get(url.strip_prefix("/static/").expect("a static URL")).expect("the file");
            assert_eq!(file.cache_control, FOR_EVER, "{path}");
            assert!(file.etag.starts_with('"') && file.etag.ends_with('"'));
        }
    }

    #[test]
    fn an_old_version_gets_the_new_file_but_may_not_keep_it() {
        let file = get("v0123456789ab/css/base.css").expect("the file");
        assert_eq!(file.cache_control, ASK_AGAIN);
        assert_eq!(file.content_type, "text/css; charset=utf-8");
        assert_eq!(Some(file.bytes), get("css/base.css").map(|file| file.bytes));
    }

    #[test]
    fn nothing_else_is_served() {
        for path in
            ["", "/", "../Cargo.toml", "css/base.css/", "v0123456789ab/", "js/../app.css", "CSS/BASE.CSS"]
        {
            assert_eq!(get(path), None, "{path}");
        }
    }
}
