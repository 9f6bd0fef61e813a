//! From a folder's files to a lab.

use std::collections::{BTreeMap, BTreeSet};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::manifest::{Expectation, Hint, Limits, Manifest, StepEntry, TextStep, WrongAnswer};
use super::markdown::links;
use super::problem::LabProblem;
use super::table::TableReader;
use super::{Lab, LabFiles, field_names, nearest};
use crate::ids::LabSlug;
use crate::judge::{Check, CheckKind};

const MANIFEST: &str = "lab.toml";
const DESCRIPTION: &str = "description.md";
const FOLDERS: [&str; 6] = ["starter", "solution", "wrong", "steps", "assets", "checks"];

pub(super) fn parse(slug: LabSlug, files: LabFiles) -> Result<Lab, Vec<LabProblem>> {
    let version = Lab::version_of(&files);
    let mut problems = Vec::new();
    problems.extend(unknown_places(&files));
    let Some(text) = text_of(&files, MANIFEST, &mut problems) else { return Err(problems) };
    let mut reader = TableReader::new(MANIFEST, text);
    let parts = reader.root().and_then(|root| read_manifest(&mut reader, root));
    // A check that could not be read is not there either: what refers to it would only be told twice.
    let is_whole = reader.problems.is_empty();
    problems.append(&mut reader.problems);
    let description = text_of(&files, DESCRIPTION, &mut problems).unwrap_or_default().to_owned();
    let Some(Parts { manifest, limits, steps, hints, checks }) = parts else { return Err(problems) };

    let places = steps.iter().map(|step| (step.id.clone(), step.file.clone())).collect();
    let steps = read_steps(steps, &files, &mut problems);
    check_links(&steps, &places, &description, &files, &mut problems);
    if is_whole {
        check_references(&steps, &hints, &checks, &mut problems);
    }
    let prerequisites = manifest
        .prerequisites
        .into_iter()
        .filter_map(|text| {
            let read = LabSlug::new(text.clone());
            if let Err(error) = &read {
                problems.push(LabProblem::new(
                    MANIFEST,
                    format!("prerequisites: {text} is no lab's name: {error}"),
                ));
            }
            read.ok()
        })
        .collect();
    let scripts = folder(&files, "checks/");
    check_scripts(&checks, &scripts, &mut problems);
    let starter = folder(&files, "starter/");
    let changes = folder(&files, "solution/");
    for (name, content) in [("starter", &starter), ("solution", &changes)] {
        if content.is_empty() {
            problems.push(LabProblem::new(format!("{name}/"), "the folder is missing or empty"));
        }
    }
    let mut solution = starter.clone();
    solution.extend(changes);
    let wrong = read_wrong_answers(&files, &solution, is_whole.then_some(&checks), &mut problems);
    if !problems.is_empty() {
        problems.sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
        return Err(problems);
    }
    let mut hints = hints;
    hints.sort_by_key(|hint| hint.strength);
    Ok(Lab {
        slug,
        version,
        title: manifest.title,
        summary: manifest.summary,
        level: manifest.level,
        minutes: manifest.minutes,
        tags: manifest.tags,
        order: manifest.order,
        prerequisites,
        images: manifest.images,
        limits,
        description,
        steps,
        hints,
        checks,
        starter,
        solution,
        scripts,
        wrong,
    })
}

/// The lab's own checks have a script, and each script belongs to one.
fn check_scripts(checks: &[Check], scripts: &LabFiles, problems: &mut Vec<LabProblem>) {
    let own = checks.iter().filter_map(|check| match &check.kind {
        CheckKind::Script(script) => Some((&check.id, script)),
        _ => None,
    });
    let mut used = BTreeSet::new();
    for (id, script) in own {
        match (&script.run, &script.file) {
            (Some(_), None) => {}
            (None, Some(file)) => {
                used.insert(file.as_str());
                if !scripts.contains_key(file) {
                    let meant = nearest(file, scripts.keys().map(String::as_str));
                    let what = format!("the check {id} names checks/{file}, which is not there");
                    let meant = meant.map(|meant| format!("did you mean {meant}?"));
                    problems.push(LabProblem::new(MANIFEST, what).suggest(meant));
                }
            }
            _ => problems.push(
                LabProblem::new(MANIFEST, format!("the check {id} has no script, or two"))
                    .suggest(Some("give it either run or file".to_owned())),
            ),
        }
    }
    for path in scripts.keys().filter(|path| !used.contains(path.as_str())) {
        problems.push(LabProblem::new(format!("checks/{path}"), "no check runs this file"));
    }
}

/// What stands in `lab.toml`.
struct Parts {
    manifest: Manifest,
    limits: Limits,
    steps: Vec<StepEntry>,
    hints: Vec<Hint>,
    checks: Vec<Check>,
}

fn read_manifest<'t>(reader: &mut TableReader<'t>, root: Spanned<DeTable<'t>>) -> Option<Parts> {
    let span = root.span();
    let mut root = root.into_inner();
    let mut known = field_names::<Manifest>().to_vec();
    known.extend(["limits", "steps", "hints", "checks"]);
    reader.keep_known(&mut root, &known, "a lab");
    let mut steps = Vec::new();
    for table in reader.take_tables(&mut root, "steps") {
        steps.extend(reader.read(table, "a step"));
    }
    let mut hints: Vec<Hint> = Vec::new();
    for table in reader.take_tables(&mut root, "hints") {
        let span = table.span();
        if let Some(hint) = reader.read::<Hint>(table, "a hint") {
            if !(1..=3).contains(&hint.strength) {
                reader.problem(
                    span,
                    format!("a hint has no strength {}", hint.strength),
                    Some("1 nudges, 2 explains, 3 shows".to_owned()),
                );
            }
            hints.push(hint);
        }
    }
    let mut checks: Vec<Check> = Vec::new();
    for table in reader.take_tables(&mut root, "checks") {
        let span = table.span();
        let Some(check) = Check::read(reader, table) else { continue };
        if checks.iter().any(|other| other.id == check.id) {
            reader.problem(
                span,
                format!("two checks have the id {}", check.id),
                Some("give one its own id".to_owned()),
            );
        }
        checks.push(check);
    }
    if checks.is_empty() && reader.problems.is_empty() {
        reader.problem(0..0, "the lab has no checks", Some("add [[checks]] tables".to_owned()));
    }
    let limits = match root.remove("limits") {
        None => Limits::default(),
        Some(value) => {
            let span = value.span();
            match value.into_inner() {
                DeValue::Table(table) => {
                    reader.read(Spanned::new(span, table), "[limits]").unwrap_or_default()
                }
                _ => {
                    reader.problem(span, "limits is a table", Some("write it as [limits]".to_owned()));
                    Limits::default()
                }
            }
        }
    };
    let manifest = reader.read(Spanned::new(span, root), "a lab")?;
    Some(Parts { manifest, limits, steps, hints, checks })
}

fn text_of<'f>(files: &'f LabFiles, path: &str, problems: &mut Vec<LabProblem>) -> Option<&'f str> {
    match files.get(path).map(|bytes| std::str::from_utf8(bytes)) {
        Some(Ok(text)) => Some(text),
        Some(Err(_)) => {
            problems.push(LabProblem::new(path, "the file is not valid UTF-8"));
            None
        }
        None => {
            problems.push(LabProblem::new(path, "the file is missing"));
            None
        }
    }
}

/// Files that belong to no part of a lab: a folder that is misspelt would otherwise be overlooked.
fn unknown_places(files: &LabFiles) -> Vec<LabProblem> {
    let known = [&[MANIFEST, DESCRIPTION, "README.md"][..], &FOLDERS].concat();
    let tops: BTreeSet<&str> = files.keys().map(|path| path.split('/').next().unwrap_or(path)).collect();
    tops.into_iter()
        .filter(|top| !known.contains(top))
        .map(|top| {
            let meant = nearest(top, known.iter().copied()).map(|meant| format!("did you mean {meant}?"));
            LabProblem::new(top, "no part of a lab is called so").suggest(meant)
        })
        .collect()
}

fn folder(files: &LabFiles, prefix: &str) -> LabFiles {
    files
        .range(prefix.to_owned()..)
        .take_while(|(path, _)| path.starts_with(prefix))
        .map(|(path, content)| (path[prefix.len()..].to_owned(), content.clone()))
        .collect()
}

fn read_steps(entries: Vec<StepEntry>, files: &LabFiles, problems: &mut Vec<LabProblem>) -> Vec<TextStep> {
    let mut used = BTreeSet::new();
    let mut steps: Vec<TextStep> = Vec::new();
    for entry in entries {
        let text = match (entry.text, entry.file) {
            (Some(text), None) => text,
            (None, Some(file)) => {
                let text = text_of(files, &file, problems).unwrap_or_default().to_owned();
                used.insert(file);
                text
            }
            _ => {
                let what = format!("step {} needs either text or file", entry.id);
                problems.push(LabProblem::new(MANIFEST, what));
                continue;
            }
        };
        if steps.iter().any(|step| step.id == entry.id) {
            problems.push(LabProblem::new(MANIFEST, format!("two steps have the id {}", entry.id)));
        }
        steps.push(TextStep { id: entry.id, title: entry.title, text });
    }
    if steps.is_empty() {
        problems.push(
            LabProblem::new(MANIFEST, "the lab has no text").suggest(Some("add [[steps]] tables".to_owned())),
        );
    }
    for path in files.keys().filter(|path| path.starts_with("steps/") && !used.contains(*path)) {
        problems.push(
            LabProblem::new(path, "no step shows this file").suggest(Some(format!("file = \"{path}\""))),
        );
    }
    steps
}

/// `places` names the file of each step that has one.
fn check_links(
    steps: &[TextStep],
    places: &BTreeMap<String, Option<String>>,
    description: &str,
    files: &LabFiles,
    problems: &mut Vec<LabProblem>,
) {
    let ids: Vec<&str> = steps.iter().map(|step| step.id.as_str()).collect();
    let texts = steps.iter().map(|step| {
        let file = places.get(&step.id).cloned().flatten();
        (file.unwrap_or_else(|| format!("step {}", step.id)), step.text.as_str())
    });
    for (place, text) in texts.chain([(DESCRIPTION.to_owned(), description)]) {
        for (line, target) in links(text) {
            let Some(anchor) = target.strip_prefix('#') else {
                problems.extend(
                    dead_link(&target, files)
                        .map(|what| LabProblem { line: Some(line), ..LabProblem::new(place.as_str(), what) }),
                );
                continue;
            };
            if !ids.contains(&anchor) {
                let meant =
                    nearest(anchor, ids.iter().copied()).map(|meant| format!("did you mean #{meant}?"));
                let mut problem =
                    LabProblem::new(place.as_str(), format!("the link #{anchor} leads to no step"));
                problem.line = Some(line);
                problems.push(problem.suggest(meant));
            }
        }
    }
}

/// What is wrong about a link that is no anchor: a page shows addresses and pages of the site, and no file of the lab.
fn dead_link(target: &str, files: &LabFiles) -> Option<String> {
    let path = target.split(['#', '?', ' ']).next().unwrap_or_default();
    if path.is_empty() {
        return Some("a link leads nowhere".to_owned());
    }
    if path.starts_with('/') || target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let is_there = files.contains_key(path.trim_start_matches("./"));
    Some(match is_there {
        true => format!(
            "the link {target} leads to a file of the lab, which no page shows: link to a step by #its-id"
        ),
        false => format!(
            "the link {target} leads to no file of the lab, and to no address: one begins with https://"
        ),
    })
}

fn check_references(steps: &[TextStep], hints: &[Hint], checks: &[Check], problems: &mut Vec<LabProblem>) {
    let check_ids: Vec<&str> = checks.iter().map(|check| check.id.as_str()).collect();
    let step_ids: Vec<&str> = steps.iter().map(|step| step.id.as_str()).collect();
    for check in hints.iter().filter_map(|hint| hint.check.as_deref()) {
        if !check_ids.contains(&check) {
            let meant =
                nearest(check, check_ids.iter().copied()).map(|meant| format!("did you mean {meant}?"));
            problems.push(
                LabProblem::new(MANIFEST, format!("a hint speaks of the check {check}, which is not there"))
                    .suggest(meant),
            );
        }
    }
    for check in checks {
        let Some(step) = check.read_more.as_deref() else { continue };
        if !step_ids.contains(&step) {
            let meant = nearest(step, step_ids.iter().copied()).map(|meant| format!("did you mean {meant}?"));
            let what = format!("check {} leads to the step {step}, which is not there", check.id);
            problems.push(LabProblem::new(MANIFEST, what).suggest(meant));
        }
    }
}

fn read_wrong_answers(
    files: &LabFiles,
    solution: &LabFiles,
    checks: Option<&Vec<Check>>,
    problems: &mut Vec<LabProblem>,
) -> Vec<WrongAnswer> {
    let codes: Option<BTreeSet<&str>> =
        checks.map(|checks| checks.iter().flat_map(|check| check.codes()).collect());
    let names: BTreeSet<&str> = files
        .keys()
        .filter_map(|path| path.strip_prefix("wrong/")?.split_once('/'))
        .map(|(name, _)| name)
        .collect();
    let mut answers = Vec::new();
    for name in names {
        let mut overlay = folder(files, &format!("wrong/{name}/"));
        let path = format!("wrong/{name}/expect.toml");
        let Some(text) = text_of(files, &path, problems) else { continue };
        overlay.remove("expect.toml");
        let mut reader = TableReader::new(path.as_str(), text);
        let read = reader.root().and_then(|root| reader.read::<Expectation>(root, "expect.toml"));
        problems.append(&mut reader.problems);
        let Some(Expectation { about, codes: expected, remove }) = read else { continue };
        if expected.is_empty() {
            problems.push(LabProblem::new(path.as_str(), "a wrong answer must fail with one code at least"));
        }
        let codes = codes.iter().flatten().copied();
        let unknown = |code: &&String| checks.is_some() && !codes.clone().any(|known| known == code.as_str());
        for code in expected.iter().filter(unknown) {
            let meant = nearest(code, codes.clone()).map(|meant| format!("did you mean {meant}?"));
            problems.push(
                LabProblem::new(path.as_str(), format!("no check of this lab gives the code {code}"))
                    .suggest(meant),
            );
        }
        let mut answer = solution.clone();
        for path_removed in remove {
            if answer.remove(&path_removed).is_none() {
                let meant = nearest(&path_removed, solution.keys().map(String::as_str));
                let suggestion = meant.map(|meant| format!("did you mean {meant}?"));
                problems.push(
                    LabProblem::new(path.as_str(), format!("the solution has no file {path_removed}"))
                        .suggest(suggestion),
                );
            }
        }
        answer.extend(overlay);
        answers.push(WrongAnswer { name: name.to_owned(), about, codes: expected, files: answer });
    }
    answers
}
