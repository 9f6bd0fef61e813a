//! Labs of the original ContainrLab: a text, starter files, and a judge's module whose codes say what it asks for.

use std::collections::BTreeSet;

use super::draft::{Draft, quoted};
use super::{ImportKind, ImportSource, Imported};
use crate::ids::LabSlug;
use crate::lab::LabFiles;

/// Where its labs say what they are about.
const TEXTS: [&str; 5] = ["description.md", "README.md", "readme.md", "lab.md", "instructions.md"];

/// The codes of the original's three judges, for a lab whose module is not in its folder.
const JUDGES: [(&str, &[&str]); 3] = [
    (
        "lab1",
        &[
            "dockerfile_missing",
            "dockerignore_missing",
            "dockerignore_missing_entries",
            "docker_build_failed",
            "healthcheck_failed",
        ],
    ),
    (
        "lab2",
        &[
            "dockerfile_missing",
            "copy_requirements_missing",
            "layer_order_incorrect",
            "pip_cache_flag_missing",
            "docker_build_failed",
            "healthcheck_failed",
        ],
    ),
    (
        "lab3",
        &[
            "dockerfile_missing",
            "single_stage",
            "copy_from_missing",
            "docker_build_failed",
            "image_too_large",
            "healthcheck_failed",
        ],
    ),
];

/// Which codes mean which of our checks, in the order in which a lab shows them.
const CHECKS: [(&str, &[&str]); 10] = [
    ("dockerfile_exists", &["dockerfile_missing"]),
    ("dockerignore_exists", &["dockerignore_missing"]),
    ("context_excludes", &["dockerignore_missing_entries"]),
    (
        "dependencies_first",
        &["copy_requirements_missing", "pip_install_missing", "copy_source_missing", "layer_order_incorrect"],
    ),
    ("no_pip_cache", &["pip_cache_flag_missing"]),
    ("multi_stage", &["single_stage"]),
    ("copies_from_stage", &["builder_alias_missing", "copy_from_missing"]),
    ("build", &["docker_build_failed"]),
    ("image_size", &["image_too_large"]),
    ("http", &["docker_run_failed", "healthcheck_failed"]),
];

/// Paths that a build of a Python project should not send.
const LEFT_OUT: [&str; 4] = [".git/config", ".venv/bin/python", "__pycache__/app.cpython-313.pyc", ".env"];

/// `None` when the folder is no such lab.
pub(super) fn import(slug: &LabSlug, files: &LabFiles, order: u32) -> Option<Imported> {
    let (text_path, text) = TEXTS.iter().find_map(|path| Some((*path, files.get(*path)?)))?;
    let text = String::from_utf8_lossy(text).into_owned();
    let mut draft = Draft::new(ImportSource::Original, order);
    let heading = text.lines().find_map(|line| line.strip_prefix("# ")).map(str::trim);
    draft.title = heading.unwrap_or(slug.as_str()).to_owned();
    let paragraph = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'));
    draft.summary = paragraph.unwrap_or(&draft.title).to_owned();
    draft.images = vec!["python:3.13-slim".to_owned()];
    draft.step("What to do", text.clone());
    draft.note(
        ImportKind::Changed,
        text_path,
        "The text is one step: cut it where a thought ends, and show what to try.",
    );

    let module = files.iter().find(|(path, _)| is_judge(path));
    let module_text = module.map(|(_, content)| String::from_utf8_lossy(content).into_owned());
    let codes = match &module_text {
        Some(text) => named_codes(text),
        None => known_codes(slug),
    };
    match (module, codes.is_empty()) {
        (Some((path, _)), false) => draft.note(
            ImportKind::Changed,
            path,
            "Its codes say which checks the lab has; they judge by meaning, so what it took for wrong may pass, and the other way round.",
        ),
        (Some((path, _)), true) => draft.note(ImportKind::LeftOut, path, "It names none of the original's codes."),
        (None, false) => {
            let what = format!("The judge's module is not here: the checks are those of the original's {slug}.");
            draft.note(ImportKind::Changed, "judge", what);
        }
        (None, true) => {
            draft.note(ImportKind::Added, "lab.toml", "There is no judge's module: the lab only asks for a build. Say what else it should.");
        }
    }
    let has_folder = files.keys().any(|path| path.starts_with("starter/"));
    for (path, content) in files {
        let is_part = path.starts_with("starter/") || path.starts_with("solution/");
        if is_part {
            draft.files.insert(path.clone(), content.clone());
        } else if !has_folder && !TEXTS.contains(&path.as_str()) && !is_judge(path) {
            draft.files.insert(format!("starter/{path}"), content.clone());
        } else if path != text_path && !is_judge(path) {
            draft.note(ImportKind::LeftOut, path, "It is no part of a lab.");
        }
    }
    add_checks(&mut draft, &codes, module_text.as_deref().unwrap_or_default());
    if !draft.files.keys().any(|path| path.starts_with("solution/")) {
        add_solution(&mut draft, &codes);
    }
    Some(draft.finish(text))
}

/// `judge.py`, `lab1.py`, `lab1_judge.py` at the top or in a folder `judge`.
fn is_judge(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let is_module = name.ends_with(".py")
        && (name.contains("judge") || (name.starts_with("lab") && name.len() == "lab1.py".len()));
    is_module && !path.starts_with("starter/") && !path.starts_with("solution/")
}

/// The original's codes that a module's text names.
fn named_codes(text: &str) -> BTreeSet<&'static str> {
    let all = CHECKS.iter().flat_map(|(_, codes)| codes.iter().copied());
    all.filter(|code| text.contains(&format!("\"{code}\"")) || text.contains(&format!("'{code}'"))).collect()
}

fn known_codes(slug: &LabSlug) -> BTreeSet<&'static str> {
    let known = JUDGES.iter().find(|(name, _)| slug.as_str().starts_with(name));
    known.map(|(_, codes)| codes.iter().copied().collect()).unwrap_or_default()
}

fn add_checks(draft: &mut Draft, codes: &BTreeSet<&str>, module: &str) {
    for (kind, meant) in CHECKS {
        let is_asked = meant.iter().any(|code| codes.contains(code));
        if !is_asked && kind != "build" {
            continue;
        }
        let keys: Vec<(&str, String)> = match kind {
            "context_excludes" => {
                let paths: Vec<String> = LEFT_OUT.iter().map(|path| quoted(path)).collect();
                draft.note(
                    ImportKind::Added,
                    "lab.toml",
                    "context_excludes asks for the usual paths of a Python project: fit them to the app.",
                );
                vec![("paths", format!("[{}]", paths.join(", ")))]
            }
            "dependencies_first" => vec![("ecosystem", quoted("pip"))],
            "image_size" => vec![("max_mb", number_near(module, "MB").unwrap_or(250).to_string())],
            "http" => {
                let port = number_near(module, "localhost:")
                    .or_else(|| number_near(module, "127.0.0.1:"))
                    .unwrap_or(8000);
                draft.note(
                    ImportKind::Added,
                    "lab.toml",
                    format!("http asks for /health on port {port}: look whether the app answers there."),
                );
                vec![("port", port.to_string()), ("path", quoted("/health"))]
            }
            _ => Vec::new(),
        };
        draft.check(kind, &keys);
    }
}

/// The number that stands before or behind a word of a module.
fn number_near(text: &str, word: &str) -> Option<u16> {
    text.match_indices(word).find_map(|(at, _)| {
        let behind: String = text[at + word.len()..].chars().take_while(char::is_ascii_digit).collect();
        let before: String = text[..at].trim_end().chars().rev().take_while(char::is_ascii_digit).collect();
        behind.parse().or_else(|_| before.chars().rev().collect::<String>().parse()).ok()
    })
}

/// The original serves no solution with its labs: a draft that the static checks accept.
fn add_solution(draft: &mut Draft, codes: &BTreeSet<&str>) {
    let has = |name: &str| draft.files.contains_key(&format!("starter/{name}"));
    let app = ["app.py", "main.py", "server.py"].into_iter().find(|name| has(name)).unwrap_or("app.py");
    let install = "RUN pip install --no-cache-dir -r requirements.txt\n";
    let list = "COPY requirements.txt .\n";
    let dockerfile = match (codes.contains("single_stage"), has("requirements.txt")) {
        (true, true) => format!(
            "FROM python:3.13-slim AS build\nWORKDIR /app\n{list}RUN pip install --no-cache-dir --prefix=/install -r requirements.txt\n\n\
             FROM python:3.13-slim\nWORKDIR /app\nCOPY --from=build /install /usr/local\n"
        ),
        (true, false) => "FROM python:3.13-slim AS build\nWORKDIR /app\nCOPY . .\n\nFROM python:3.13-slim\nWORKDIR /app\nCOPY --from=build /app /app\n".to_owned(),
        (false, true) => format!("FROM python:3.13-slim\nWORKDIR /app\n{list}{install}"),
        (false, false) => "FROM python:3.13-slim\nWORKDIR /app\n".to_owned(),
    };
    let dockerfile = format!("{dockerfile}COPY . .\nCMD [\"python\", \"{app}\"]\n");
    let ignore = ".git\n.venv\n**/__pycache__\n.env\n";
    draft.files.insert("solution/Dockerfile".to_owned(), dockerfile.into_bytes());
    draft.files.insert("solution/.dockerignore".to_owned(), ignore.as_bytes().to_vec());
    draft.note(
        ImportKind::Added,
        "solution/",
        "There is no solution, so a draft stands there that was never built: mend it until `containrlab lab verify` passes.",
    );
}
