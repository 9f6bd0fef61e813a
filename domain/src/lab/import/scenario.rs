//! Scenarios of Killercoda, and of Katacoda before it.

use serde_json::Value;

use super::draft::{Draft, quoted};
use super::marks::unmark;
use super::{ImportError, ImportKind, ImportSource, Imported};
use crate::context::GoGlob;
use crate::dockerfile::{Base, Dockerfile, StageGraph};
use crate::lab::LabFiles;

/// The image that an imported `verify` script runs in.
const SCRIPT_IMAGE: &str = "debian:trixie-slim";

/// Keys of `index.json` that are read.
const KNOWN: [&str; 6] = ["title", "description", "difficulty", "time", "details", "backend"];

/// Programs that a script beside the learner's files can't ask anything.
const ENGINES: [&str; 7] = ["docker", "docker-compose", "podman", "kubectl", "systemctl", "crictl", "helm"];

pub(super) fn import(files: &LabFiles, order: u32) -> Result<Imported, ImportError> {
    let index: Value = serde_json::from_slice(files.get("index.json").map(Vec::as_slice).unwrap_or_default())
        .map_err(|error| ImportError::Index(error.to_string()))?;
    let steps = index["details"]["steps"].as_array().filter(|steps| !steps.is_empty());
    let steps = steps.ok_or(ImportError::NoSteps)?;
    let mut scenario = Scenario { files, draft: Draft::new(ImportSource::Scenario, order) };
    scenario.head(&index, steps.len());
    scenario.assets(&index["details"]["assets"]);
    if !index["details"]["intro"].is_null() {
        scenario.page(&index["details"]["intro"], "Introduction", None);
    }
    for (number, step) in (1..).zip(steps) {
        scenario.page(step, &format!("Step {number}"), Some(number));
    }
    if !index["details"]["finish"].is_null() {
        scenario.page(&index["details"]["finish"], "Finish", None);
    }
    let mut draft = scenario.draft;
    draft.images.push(SCRIPT_IMAGE.to_owned());
    if !draft.has_checks() {
        draft.check(
            "script",
            &[
                ("id", quoted("done")),
                ("image", quoted(SCRIPT_IMAGE)),
                ("run", quoted("test -e /workspace/SOLUTION.md")),
                ("code", quoted("not_done")),
                ("message", quoted("The lab is not done yet.")),
                ("with", quoted("files")),
            ],
        );
        draft.note(
            ImportKind::Added,
            "lab.toml",
            "The scenario verifies nothing. A check stands there that only looks for SOLUTION.md: say in its place what a \
             learner has to have done.",
        );
    }
    let description = format!("{}\n", draft.summary);
    Ok(draft.finish(description))
}

struct Scenario<'f> {
    files: &'f LabFiles,
    draft: Draft,
}

impl Scenario<'_> {
    fn head(&mut self, index: &Value, steps: usize) {
        let draft = &mut self.draft;
        draft.title = index["title"].as_str().unwrap_or("An imported lab").to_owned();
        draft.summary = index["description"].as_str().unwrap_or(&draft.title).to_owned();
        let difficulty = index["difficulty"].as_str().unwrap_or_default().to_ascii_lowercase();
        draft.level = match difficulty.as_str() {
            word if word.contains("inter") || word.contains("medium") => "intermediate",
            word if word.contains("adv") || word.contains("hard") || word.contains("expert") => "advanced",
            _ => "beginner",
        };
        draft.minutes = minutes(index["time"].as_str().unwrap_or_default()).unwrap_or(5 * steps as u32);
        let image = index["backend"]["imageid"].as_str().unwrap_or_default();
        let is_cluster =
            ["kube", "k8s", "k3s", "openshift", "minikube"].iter().any(|word| image.contains(word));
        if is_cluster {
            let what = format!(
                "{image} is a cluster. A sandbox has a Docker engine and nothing else, so steps that need Kubernetes do not work."
            );
            draft.note(ImportKind::LeftOut, "backend.imageid", what);
        } else if !image.is_empty() {
            let what = format!(
                "In place of {image}, learners get a Debian with a Docker engine of their own, and are no root there."
            );
            draft.note(ImportKind::Changed, "backend.imageid", what);
        }
        let unknown: Vec<&String> = index
            .as_object()
            .into_iter()
            .flat_map(|top| top.keys())
            .filter(|key| !KNOWN.contains(&key.as_str()))
            .collect();
        for key in unknown {
            draft.note(ImportKind::LeftOut, key, "A lab has nothing for it.");
        }
    }

    /// One page of text, with the scripts that belong to it.
    fn page(&mut self, page: &Value, usual: &str, number: Option<u32>) {
        let title =
            page["title"].as_str().filter(|title| !title.trim().is_empty()).unwrap_or(usual).to_owned();
        let mut text = String::new();
        for (keys, how) in [
            (
                ["background", "courseData"],
                "The scenario ran this in the background before this step; run it yourself",
            ),
            (["foreground", "code"], "The scenario ran this in the terminal for you; run it yourself"),
        ] {
            let Some((place, script)) = keys.iter().find_map(|key| self.text_of(&page[*key])) else {
                continue;
            };
            text.push_str(&format!("{how}:\n\n```sh\n{}\n```\n\n", script.trim_end()));
            self.draft.note(
                ImportKind::Changed,
                &place,
                "Nothing runs on its own here: the script stands at the head of the step's text.",
            );
        }
        if let Some((place, content)) = self.text_of(&page["text"]) {
            text.push_str(&self.shown(&place, &content));
        }
        let id = self.draft.step(&title, text);
        let Some(number) = number else { return };
        let check = format!("step-{number}");
        let verified = self.text_of(&page["verify"]);
        if let Some((place, script)) = &verified {
            self.verify(number, &title, &id, place, script);
        }
        if let Some((place, answer)) = self.text_of(&page["answer"]) {
            let answer = self.shown(&place, &answer);
            if verified.is_some() {
                self.draft.answer(&check, &answer);
                self.draft.note(
                    ImportKind::Changed,
                    &place,
                    "The answer is the strongest hint for its step.",
                );
            } else {
                self.draft.note(
                    ImportKind::LeftOut,
                    &place,
                    "Hints belong to checks, and nothing verifies this step.",
                );
            }
        }
    }

    /// A `verify` script becomes a check of its own.
    fn verify(&mut self, number: u32, title: &str, step: &str, place: &str, script: &str) {
        let adapted = script
            .replace("/root/", "/workspace/")
            .replace("~/", "/workspace/")
            .replace("$HOME/", "/workspace/");
        if adapted != script {
            self.draft.note(
                ImportKind::Changed,
                place,
                "Paths below the home folder are paths below /workspace now.",
            );
        }
        let words = || adapted.split(|c: char| !(c.is_ascii_alphanumeric() || "-_./".contains(c)));
        if let Some(engine) = ENGINES.iter().find(|engine| words().any(|word| word == **engine)) {
            let what = format!(
                "It asks {engine}, which a script beside the learner's files can't reach. session_container and its kin look \
                 into the learner's sandbox."
            );
            self.draft.note(ImportKind::Changed, place, what);
        }
        let file = format!("step{number}-verify.sh");
        self.draft.files.insert(format!("checks/{file}"), adapted.into_bytes());
        self.draft.check(
            "script",
            &[
                ("id", quoted(&format!("step-{number}"))),
                ("title", quoted(title)),
                ("image", quoted(SCRIPT_IMAGE)),
                ("file", quoted(&file)),
                ("code", quoted(&format!("step_{number}_not_done"))),
                ("message", quoted(&format!("This step is not done yet: {title}."))),
                ("with", quoted("files")),
                ("read_more", quoted(step)),
            ],
        );
    }

    /// A text as our page shows it.
    fn shown(&mut self, place: &str, content: &str) -> String {
        let unmarked = unmark(content);
        let mut note = |what: String| self.draft.note(ImportKind::Changed, place, what);
        if unmarked.interrupts > 0 {
            note("A command asked for Ctrl-C before it runs: say so in the text.".to_owned());
        }
        if unmarked.ports > 0 {
            note(format!(
                "{} addresses of ports are addresses in the sandbox now, for curl.",
                unmarked.ports
            ));
        }
        for mark in &unmarked.unknown {
            note(format!("Nobody here knows the mark {{{{{mark}}}}}; it stands as it is."));
        }
        let (text, tags) = without_html(&unmarked.text);
        if tags > 0 {
            note("HTML tags are gone: the page shows Markdown only.".to_owned());
        }
        let (text, broken) = self.without_broken_links(&text);
        for target in broken {
            self.draft.note(
                ImportKind::LeftOut,
                place,
                format!("The link to {target} leads to no part of a lab, so only its text is left."),
            );
        }
        text
    }

    /// Links and pictures that lead to other files of the scenario become plain text.
    fn without_broken_links(&self, text: &str) -> (String, Vec<String>) {
        let mut out = String::new();
        let mut broken = Vec::new();
        let mut in_fence = false;
        for line in text.split_inclusive('\n') {
            in_fence ^= line.trim_start().starts_with("```");
            let mut rest = line;
            while let Some((before, after)) = rest.split_once("](").filter(|_| !in_fence) {
                let Some((target, tail)) = after.split_once(')') else { break };
                let is_elsewhere = target.contains("://") || target.starts_with("mailto:");
                match before.rfind('[').filter(|_| !is_elsewhere) {
                    Some(open) => {
                        let start = if before[..open].ends_with('!') { open - 1 } else { open };
                        out.push_str(&before[..start]);
                        out.push_str(&before[open + 1..]);
                        broken.push(target.to_owned());
                    }
                    None => {
                        out.push_str(before);
                        out.push_str(&format!("]({target})"));
                    }
                }
                rest = tail;
            }
            out.push_str(rest);
        }
        (out, broken)
    }

    fn assets(&mut self, assets: &Value) {
        for (host, entries) in assets.as_object().into_iter().flatten() {
            let is_first = matches!(host.as_str(), "host01" | "client");
            for entry in entries.as_array().into_iter().flatten() {
                let pattern = entry["file"].as_str().unwrap_or_default();
                let target = entry["target"].as_str().unwrap_or("~/");
                let place = format!("assets/{pattern}");
                let home = ["/root", "~"].iter().find_map(|home| target.strip_prefix(home));
                let home = home.filter(|rest| rest.is_empty() || rest.starts_with('/'));
                match home {
                    Some(_) if !is_first => {
                        let what = format!("It goes to {host}; a lab has one machine only.");
                        self.draft.note(ImportKind::LeftOut, &place, what);
                    }
                    Some(below) => self.asset(pattern, below.trim_matches('/'), entry["chmod"].as_str()),
                    None => {
                        let what = format!(
                            "It goes to {target}. A workspace holds what lies in its own folder only."
                        );
                        self.draft.note(ImportKind::LeftOut, &place, what);
                    }
                }
            }
        }
    }

    /// The files of one entry go into the starter.
    fn asset(&mut self, pattern: &str, below: &str, chmod: Option<&str>) {
        let place = format!("assets/{pattern}");
        let glob = GoGlob::new(pattern);
        let taken: Vec<(String, Vec<u8>)> = self
            .files
            .iter()
            .filter_map(|(path, content)| {
                let name = path.strip_prefix("assets/")?;
                let last = name.rsplit('/').next().unwrap_or(name);
                let placed = if matches!(pattern, "*" | "**" | "**/*" | ".") {
                    name
                } else if name == pattern || glob.as_ref().is_some_and(|glob| glob.matches(name)) {
                    last
                } else {
                    // A folder comes along under its own name.
                    let folder = pattern.trim_end_matches('/');
                    name.strip_prefix(folder)?.strip_prefix('/')?;
                    &name[folder.rfind('/').map_or(0, |at| at + 1)..]
                };
                let folder = if below.is_empty() { String::new() } else { format!("{below}/") };
                Some((format!("starter/{folder}{placed}"), content.clone()))
            })
            .collect();
        if taken.is_empty() {
            self.draft.note(ImportKind::LeftOut, &place, "The scenario's assets/ has no such file.");
        }
        for (path, content) in taken {
            if chmod.is_some_and(|mode| mode.contains('x') || mode.contains('7'))
                && !content.starts_with(b"#!")
            {
                self.draft.note(
                    ImportKind::Changed,
                    &place,
                    "It should be executable; here only files that begin with #! are.",
                );
            }
            if path.rsplit('/').next() == Some("Dockerfile") {
                let file = Dockerfile::parse(&content);
                for stage in StageGraph::new(&file).stages {
                    if let Base::Image(image) = stage.base
                        && !self.draft.images.contains(&image)
                    {
                        self.draft.images.push(image);
                    }
                }
            }
            self.draft.files.insert(path, content);
        }
    }

    /// The text of the file that a key names; what is missing is told.
    fn text_of(&mut self, key: &Value) -> Option<(String, String)> {
        let path = key.as_str()?.trim_start_matches("./").to_owned();
        if path.is_empty() {
            return None;
        }
        match self.files.get(&path) {
            Some(content) => Some((path, String::from_utf8_lossy(content).into_owned())),
            None => {
                self.draft.note(
                    ImportKind::LeftOut,
                    &path,
                    "index.json names this file, but it is not there.",
                );
                None
            }
        }
    }
}

/// "10 minutes", "5-10 minutes", "1 hour".
fn minutes(text: &str) -> Option<u32> {
    let mut numbers = text.split(|c: char| !c.is_ascii_digit()).filter_map(|word| word.parse::<u32>().ok());
    let last = numbers.next_back()?;
    Some(if text.to_ascii_lowercase().contains("hour") { last.saturating_mul(60) } else { last })
}

/// Removes the tags that scenarios use around hidden answers, outside of code; gives how many there were.
fn without_html(text: &str) -> (String, usize) {
    let mut out = String::new();
    let mut count = 0;
    let mut in_fence = false;
    for line in text.split_inclusive('\n') {
        in_fence ^= line.trim_start().starts_with("```");
        let mut line = line.to_owned();
        if !in_fence {
            for (tag, replacement) in [
                ("<details>", ""),
                ("</details>", ""),
                ("<summary>", "**"),
                ("</summary>", "**"),
                ("<p>", ""),
                ("</p>", ""),
                ("<br>", "\n"),
                ("<br/>", "\n"),
                ("<br />", "\n"),
            ] {
                count += line.matches(tag).count();
                line = line.replace(tag, replacement);
            }
        }
        out.push_str(&line);
    }
    (out, count)
}
