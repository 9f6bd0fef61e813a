//! Labs that are read, and labs that are told what is wrong with them.

use proptest::prelude::*;

use super::*;
use crate::judge::CheckKind;

const MANIFEST: &str = r##"title = "A lab"
summary = "About something."
level = "beginner"
minutes = 10
order = 1
images = ["python:3.13-slim"]

[limits]
build_seconds = 60

[[steps]]
id = "start"
title = "Start"
file = "steps/1.md"

[[steps]]
id = "end"
title = "End"
text = "Back to [the start](#start)."

[[checks]]
type = "build"
read_more = "start"

[[checks]]
id = "answers"
type = "http"
port = 8000
path = "/health"

[[hints]]
check = "answers"
strength = 3
text = "strong"

[[hints]]
check = "answers"
strength = 1
text = "weak"
"##;

fn files(manifest: &str) -> LabFiles {
    [
        ("lab.toml", manifest),
        ("description.md", "See [the end](#end)."),
        ("steps/1.md", "One."),
        ("starter/app.py", "x"),
        ("solution/Dockerfile", "FROM a"),
        (
            "wrong/none/expect.toml",
            "about = \"It has none.\"\ncodes = [\"docker_build_failed\"]\nremove = [\"app.py\"]\n",
        ),
        ("wrong/none/Dockerfile", "FROM b"),
    ]
    .map(|(path, content)| (path.to_owned(), content.as_bytes().to_vec()))
    .into()
}

fn parse(files: LabFiles) -> Result<Lab, Vec<String>> {
    let slug = LabSlug::new("a-lab").expect("a slug");
    Lab::parse(slug, files).map_err(|problems| problems.iter().map(ToString::to_string).collect())
}

fn problems(manifest: &str) -> Vec<String> {
    parse(files(manifest)).err().unwrap_or_default()
}

#[test]
fn a_lab_is_read_with_its_overlays() {
    let lab = parse(files(MANIFEST)).expect("it is a good lab");
    assert_eq!(
        (lab.title.as_str(), lab.minutes, lab.limits.build_seconds, lab.limits.run_seconds),
        ("A lab", 10, 60, 60)
    );
    assert_eq!(lab.steps[0].text, "One.");
    assert_eq!(lab.checks[0].id, "build", "the type is the id when no other is given");
    assert!(
        matches!(&lab.checks[1].kind, CheckKind::Http(http) if http.status == 200 && http.within_seconds == 15)
    );
    assert_eq!(
        lab.solution.keys().collect::<Vec<_>>(),
        ["Dockerfile", "app.py"],
        "the solution lies on the starter"
    );
    assert_eq!(
        lab.wrong[0].files.keys().collect::<Vec<_>>(),
        ["Dockerfile"],
        "and a wrong answer on the solution"
    );
    assert_eq!(lab.wrong[0].files["Dockerfile"], b"FROM b");
    let hints: Vec<&str> = lab.hints_for(Some("answers")).map(|hint| hint.text.as_str()).collect();
    assert_eq!(hints, ["weak", "strong"]);
}

#[test]
fn a_version_changes_with_every_file_and_only_then() {
    let version = parse(files(MANIFEST)).expect("good").version;
    assert_eq!(parse(files(MANIFEST)).expect("good").version, version);
    let mut changed = files(MANIFEST);
    changed.insert("starter/app.py".into(), b"y".to_vec());
    assert_ne!(parse(changed).expect("good").version, version);
    // A content that ends like the next file's name is no other lab.
    let split = |a: &str, b: &str| Lab::version_of(&[(a.to_owned(), b.as_bytes().to_vec())].into());
    assert_ne!(split("a", "bc"), split("ab", "c"));
}

#[test]
fn unknown_keys_are_told_with_line_and_suggestion_all_at_once() {
    let manifest = MANIFEST
        .replace("title = \"A lab\"", "title = \"A lab\"\ncolour = 1")
        .replace("build_seconds", "build_second")
        .replace("path = \"/health\"", "path = \"/health\"\nstats = 200")
        .replace("strength = 3", "strenght = 3\nstrength = 3");
    assert_eq!(
        problems(&manifest),
        [
            "lab.toml:2: a lab has no key colour (a lab knows title, summary, level, minutes, tags, order, prerequisites, images, limits, steps, hints, checks)",
            "lab.toml:10: [limits] has no key build_second (did you mean build_seconds?)",
            "lab.toml:31: the check http has no key stats (did you mean status?)",
            "lab.toml:35: a hint has no key strenght (did you mean strength?)",
        ]
    );
}

#[test]
fn wrong_types_names_and_values_are_told() {
    for (from, to, told) in [
        ("minutes = 10", "minutes = \"ten\"", "lab.toml:4: invalid type: string \"ten\", expected u32"),
        ("level = \"beginner\"", "level = \"beginer\"", "did you mean beginner?"),
        ("order = 1\n", "", "missing field `order`"),
        (
            "type = \"build\"",
            "type = \"biuld\"",
            "lab.toml:22: there is no check of the type biuld (did you mean build?)",
        ),
        ("type = \"build\"", "", "the check has no type"),
        ("port = 8000\n", "", "missing field `port`"),
        ("port = 8000", "port = 80000", "lab.toml:28: invalid value: integer `80000`"),
        ("strength = 3", "strength = 4", "a hint has no strength 4 (1 nudges, 2 explains, 3 shows)"),
        ("check = \"answers\"\nstrength = 3", "check = \"answer\"\nstrength = 3", "did you mean answers?"),
        ("read_more = \"start\"", "read_more = \"strat\"", "did you mean start?"),
        ("id = \"answers\"", "id = \"build\"", "two checks have the id build"),
        ("(#start)", "(#strt)", "step end:1: the link #strt leads to no step (did you mean #start?)"),
        ("file = \"steps/1.md\"", "file = \"steps/2.md\"", "steps/1.md: no step shows this file"),
        ("[[checks]]\ntype", "[[checks]\ntype", "lab.toml:21: unclosed"),
        ("[limits]", "[[limits]]", "limits is a table"),
    ] {
        assert!(MANIFEST.contains(from), "{from}");
        let found = problems(&MANIFEST.replacen(from, to, 1));
        assert!(found.iter().any(|problem| problem.contains(told)), "{to}: {found:?}");
    }
}

#[test]
fn files_that_are_missing_or_misplaced_are_told() {
    for (remove, add, told) in [
        ("lab.toml", None, "lab.toml: the file is missing"),
        ("description.md", None, "description.md: the file is missing"),
        ("starter/app.py", None, "starter/: the folder is missing or empty"),
        (
            "solution/Dockerfile",
            Some("sollution/Dockerfile"),
            "sollution: no part of a lab is called so (did you mean solution?)",
        ),
        ("wrong/none/expect.toml", None, "wrong/none/expect.toml: the file is missing"),
    ] {
        let mut changed = files(MANIFEST);
        let content = changed.remove(remove).expect("it was there");
        changed.extend(add.map(|path| (path.to_owned(), content)));
        let found = parse(changed).err().unwrap_or_default();
        assert!(found.iter().any(|problem| problem == told), "{told}: {found:?}");
    }
    let mut changed = files(MANIFEST);
    let expect = "about = \"a\"\ncodes = [\"docker_biuld_failed\"]\nremove = [\"ap.py\"]\n";
    changed.insert("wrong/none/expect.toml".into(), expect.as_bytes().to_vec());
    assert_eq!(
        parse(changed).err().unwrap_or_default(),
        [
            "wrong/none/expect.toml: no check of this lab gives the code docker_biuld_failed (did you mean docker_build_failed?)",
            "wrong/none/expect.toml: the solution has no file ap.py (did you mean app.py?)",
        ]
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_manifest_makes_the_reader_panic(
        from in 0..MANIFEST.len(), length in 0_usize..40, piece in ".{0,20}", bytes in prop::collection::vec(any::<u8>(), 0..60),
    ) {
        let mut manifest = MANIFEST.as_bytes().to_vec();
        let to = (from + length).min(manifest.len());
        manifest.splice(from..to, piece.into_bytes());
        let mut changed = files(MANIFEST);
        changed.insert("lab.toml".into(), manifest);
        let _ = parse(changed.clone());
        changed.insert("lab.toml".into(), bytes);
        prop_assert!(parse(changed).is_err());
    }

    #[test]
    fn the_nearest_word_is_one_of_the_words(word in ".{0,80}") {
        let words = ["title", "tags", "a"];
        if let Some(found) = nearest(&word, words) {
            prop_assert!(words.contains(&found));
        }
    }
}
