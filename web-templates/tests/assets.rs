//! What must be true of the static files.

use std::collections::HashMap;

use containrlab_web_templates::static_files;

fn text(path: &str) -> &'static str {
    std::str::from_utf8(static_files::get(path).unwrap_or_else(|| panic!("{path} is there")).bytes)
        .expect("UTF-8")
}

#[test]
fn every_vendored_file_has_a_licence() {
    let mut seen = 0;
    for path in static_files::paths().filter(|path| path.starts_with("vendor/")) {
        let folder = path.rsplit_once('/').expect("a folder").0;
        let licence = text(&format!("{folder}/LICENSE"));
        assert!(licence.len() > 200, "{folder}: its licence is cut");
        seen += 1;
    }
    assert!(seen >= 12, "only {seen} vendored files");
}

#[test]
fn vendored_versions_are_pinned() {
    let manifest = include_str!("../vendoring/package.json");
    let (_, dependencies) = manifest.split_once("\"dependencies\"").expect("dependencies");
    for line in dependencies.lines().filter(|line| line.contains("\": \"")) {
        let version = line.rsplit("\": \"").next().expect("a version");
        assert!(version.starts_with(|letter: char| letter.is_ascii_digit()), "not pinned: {line}");
    }
    // The lock names no host, so that it works with whatever registry npm is set up for.
    assert!(!include_str!("../vendoring/package-lock.json").contains("\"resolved\""));
}

/// Our own modules import by relative path only, and only what is there.
#[test]
fn every_import_leads_to_a_file() {
    for path in static_files::paths().filter(|path| path.starts_with("js/")) {
        for line in
            text(path).lines().filter(|line| line.starts_with("import ") || line.starts_with("} from "))
        {
            let Some(target) = line.split('\'').nth(1) else { continue };
            let resolved = match target.strip_prefix("../") {
                Some(above) => above.to_owned(),
                None => format!(
                    "js/{}",
                    target.strip_prefix("./").unwrap_or_else(|| panic!("{path}: {target} is not relative"))
                ),
            };
            assert!(static_files::get(&resolved).is_some(), "{path} imports {target}");
        }
    }
}

#[test]
fn our_own_files_load_nothing_from_elsewhere_and_evaluate_nothing() {
    for path in static_files::paths().filter(|path| !path.starts_with("vendor/") && !path.ends_with(".svg")) {
        let text = text(path);
        for word in
            ["http://", "https://", "eval(", "new Function", "javascript:", "@import", "insertAdjacentHTML"]
        {
            assert!(!text.contains(word), "{path} has {word}");
        }
    }
}

/// WCAG AA: 4.5 : 1 for text, in light and in dark.
#[test]
fn text_can_be_read() {
    let css = text("css/base.css");
    let (light, dark) = css.split_once("@media (prefers-color-scheme: dark)").expect("a dark scheme");
    let light = colours(light);
    let mut dark_all = light.clone();
    dark_all.extend(colours(dark.split("\n}\n").next().expect("its end")));
    let pairs = [
        ("ink", "bg"),
        ("ink", "surface"),
        ("ink", "sunken"),
        ("muted", "bg"),
        ("muted", "surface"),
        ("muted", "sunken"),
        ("accent", "bg"),
        ("accent", "surface"),
        ("accent", "accent-soft"),
        ("accent", "sunken"),
        ("on-accent", "accent"),
        ("on-accent", "accent-hover"),
        ("good", "good-soft"),
        ("good", "surface"),
        ("bad", "bad-soft"),
        ("bad", "surface"),
        ("warn", "warn-soft"),
        ("warn", "surface"),
        ("ink", "warn-soft"),
        ("ink", "bad-soft"),
        ("muted", "bad-soft"),
        ("muted", "good-soft"),
        ("ink", "accent-soft"),
        ("ink", "code-bg"),
        ("surface", "bad"),
    ];
    for (scheme, colours) in [("light", light), ("dark", dark_all)] {
        for (front, back) in pairs {
            let ratio = contrast(colours[front], colours[back]);
            assert!(ratio >= 4.5, "{scheme}: {front} on {back} is {ratio:.2} : 1");
        }
    }
}

fn colours(css: &str) -> HashMap<&str, [u8; 3]> {
    css.lines()
        .filter_map(|line| {
            let (name, value) = line.trim().strip_prefix("--")?.split_once(": #")?;
            let value = u32::from_str_radix(value.trim_end_matches(';'), 16).ok()?;
            let [_, red, green, blue] = value.to_be_bytes();
            Some((name, [red, green, blue]))
        })
        .collect()
}

fn contrast(one: [u8; 3], other: [u8; 3]) -> f64 {
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

fn luminance(colour: [u8; 3]) -> f64 {
    let [red, green, blue] = colour.map(|part| {
        let part = f64::from(part) / 255.0;
        if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
    });
    0.2126 * red + 0.7152 * green + 0.0722 * blue
}
