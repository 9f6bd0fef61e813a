//! The checked-in schemas and the page of checks are what the types say, and everything that is a lab fits them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use containrlab_domain::ids::LabSlug;
use containrlab_domain::judge::{Check, CheckKind};
use containrlab_domain::lab::{Lab, LabFiles, checks_reference, expectation_schema, manifest_schema};
use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// What a schema says against a TOML file.
fn faults(schema: &Value, text: &str) -> Vec<String> {
    let table: toml::Table = text.parse().expect("TOML");
    let value = serde_json::to_value(table).expect("TOML fits into JSON");
    let validator = jsonschema::validator_for(schema).expect("a schema");
    validator.iter_errors(&value).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

/// A lab with these checks and nothing else of interest.
fn manifest(checks: &str) -> String {
    format!(
        "title = \"t\"\nsummary = \"s\"\nlevel = \"beginner\"\nminutes = 1\norder = 1\nimages = [\"a\"]\n\
         [[steps]]\nid = \"start\"\ntitle = \"s\"\ntext = \"s\"\n{checks}"
    )
}

fn lab(checks: &str) -> Result<Lab, String> {
    let files: LabFiles = [
        ("lab.toml", manifest(checks)),
        ("description.md", "d".to_owned()),
        ("starter/app.py", "x".to_owned()),
        ("solution/Dockerfile", "FROM a".to_owned()),
    ]
    .map(|(path, content)| (path.to_owned(), content.into_bytes()))
    .into();
    Lab::parse(LabSlug::new("example").expect("a slug"), files)
        .map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
}

/// The page's section of each type, in order.
fn sections() -> Vec<(String, String)> {
    let page = checks_reference();
    page.split("\n## ")
        .skip(1)
        .map(|section| {
            let (name, rest) = section.split_once('\n').expect("a heading");
            (name.to_owned(), rest.to_owned())
        })
        .collect()
}

/// The example that a section shows.
fn example(section: &str) -> &str {
    let start = section.find("```toml\n").expect("an example") + "```toml\n".len();
    let length = section[start..].find("```").expect("its end");
    &section[start..start + length]
}

#[test]
fn what_is_checked_in_is_current() {
    let json = |schema: Value| format!("{}\n", serde_json::to_string_pretty(&schema).expect("JSON"));
    for (path, expected, refresh) in [
        ("labs/lab.schema.json", json(manifest_schema()), "containrlab lab schema"),
        ("labs/expect.schema.json", json(expectation_schema()), "containrlab lab schema"),
        ("docs/checks.md", checks_reference(), "containrlab lab reference > docs/checks.md"),
    ] {
        assert!(read(path) == expected, "{path} is not what the types say; refresh it: {refresh}");
    }
}

#[test]
fn every_lab_fits_the_schemas() {
    let mut seen = 0;
    let (of_lab, of_answer) = (manifest_schema(), expectation_schema());
    for entry in fs::read_dir(root().join("labs")).expect("the labs") {
        let folder = entry.expect("an entry").path();
        let Ok(text) = fs::read_to_string(folder.join("lab.toml")) else { continue };
        assert_eq!(faults(&of_lab, &text), Vec::<String>::new(), "{}", folder.display());
        seen += 1;
        for answer in fs::read_dir(folder.join("wrong")).into_iter().flatten() {
            let path = answer.expect("an answer").path().join("expect.toml");
            let text = fs::read_to_string(&path).expect("its expect.toml");
            assert_eq!(faults(&of_answer, &text), Vec::<String>::new(), "{}", path.display());
        }
    }
    assert!(seen >= 3, "only {seen} labs were found");
}

#[test]
fn every_type_has_an_example_that_is_read_and_fits_the_schema() {
    let schema = manifest_schema();
    let sections = sections();
    let names: Vec<&str> = sections.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, CheckKind::TYPES);
    for (name, section) in &sections {
        let example = example(section);
        let lab = lab(example).unwrap_or_else(|problems| panic!("{name}: {problems}"));
        assert_eq!(lab.checks[0].kind.type_name(), name);
        assert_eq!(faults(&schema, &manifest(example)), Vec::<String>::new(), "{name}");
    }
}

#[test]
fn every_code_that_an_example_can_give_is_documented() {
    for (name, section) in sections() {
        let lab = lab(example(&section)).expect("an example that is read");
        let codes: BTreeSet<&str> = lab.checks.iter().flat_map(Check::codes).collect();
        assert!(!codes.is_empty(), "{name} has no code");
        for code in codes {
            assert!(section.contains(code), "the section of {name} does not name its code {code}");
        }
    }
}

#[test]
fn the_schema_refuses_what_the_reader_refuses() {
    let schema = manifest_schema();
    for checks in [
        "[[checks]]\ntype = \"htp\"\n",
        "[[checks]]\nport = 80\n",
        "[[checks]]\ntype = \"http\"\npath = \"/\"\n",
        "[[checks]]\ntype = \"http\"\nport = 80000\npath = \"/\"\n",
        "[[checks]]\ntype = \"http\"\nport = 80\npath = \"/\"\nstats = 200\n",
        "[[checks]]\ntype = \"no_install_cache\"\necosystem = \"gem\"\n",
        "[[checks]]\ntype = \"build\"\n[limits]\nbuild_second = 1\n",
        "[[checks]]\ntype = \"build\"\n[[hints]]\nstrength = 4\ntext = \"t\"\n",
        "colour = 1\n[[checks]]\ntype = \"build\"\n",
    ] {
        // A key of the top stands before the first table.
        let text = match checks.strip_prefix("colour = 1\n") {
            Some(rest) => format!("colour = 1\n{}", manifest(rest)),
            None => manifest(checks),
        };
        assert!(!faults(&schema, &text).is_empty(), "the schema takes {checks}");
        assert!(checks.starts_with("colour") || lab(checks).is_err(), "the reader takes {checks}");
    }
    assert_eq!(faults(&schema, &manifest("[[checks]]\ntype = \"build\"\n")), Vec::<String>::new());
}
