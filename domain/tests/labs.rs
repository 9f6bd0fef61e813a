//! The labs of this repository, held against the part of the judge that needs no engine.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use containrlab_domain::ids::LabSlug;
use containrlab_domain::judge::{Action, Check, Plan, static_findings};
use containrlab_domain::lab::{Lab, LabFiles};

fn labs_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../labs")
}

fn read_folder(folder: &Path, below: &str, files: &mut LabFiles) {
    for entry in fs::read_dir(folder).expect("the folder can be read") {
        let entry = entry.expect("the entry can be read");
        let name = entry.file_name().into_string().expect("names are UTF-8");
        let path = if below.is_empty() { name } else { format!("{below}/{name}") };
        if entry.file_type().expect("has a type").is_dir() {
            read_folder(&entry.path(), &path, files);
        } else {
            files.insert(path, fs::read(entry.path()).expect("the file can be read"));
        }
    }
}

fn all_labs() -> Vec<Lab> {
    let mut labs = Vec::new();
    for entry in fs::read_dir(labs_folder()).expect("labs/ can be read") {
        let entry = entry.expect("the entry can be read");
        if !entry.path().join("lab.toml").exists() {
            continue;
        }
        let mut files = LabFiles::new();
        read_folder(&entry.path(), "", &mut files);
        let slug = LabSlug::new(entry.file_name().into_string().expect("UTF-8"))
            .expect("the folder's name is a slug");
        match Lab::parse(slug.clone(), files) {
            Ok(lab) => labs.push(lab),
            Err(problems) => {
                let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
                panic!("{slug} has problems:\n{}", lines.join("\n"));
            }
        }
    }
    labs.sort_by_key(|lab| lab.order);
    labs
}

/// The codes that the checks of a lab can give whose plan is empty because the files tell all; the rest needs an engine.
fn static_codes(lab: &Lab) -> BTreeSet<String> {
    let needs_engine = |check: &&Check| {
        let mut alone = lab.clone();
        alone.checks = vec![(*check).clone()];
        !Plan::for_lab(&alone, &lab.solution).steps.is_empty()
    };
    let checks = lab.checks.iter().filter(|check| !needs_engine(check));
    checks.flat_map(Check::codes).map(str::to_owned).collect()
}

fn found(lab: &Lab, files: &LabFiles) -> BTreeSet<String> {
    static_findings(lab, files).into_iter().map(|finding| finding.code).collect()
}

#[test]
fn the_three_labs_of_the_original_are_there_in_order() {
    let slugs: Vec<String> = all_labs().iter().map(|lab| lab.slug.to_string()).collect();
    assert!(slugs.starts_with(&["lab1".to_owned(), "lab2".to_owned(), "lab3".to_owned()]), "{slugs:?}");
}

#[test]
fn every_solution_has_no_static_fault() {
    for lab in all_labs() {
        assert_eq!(static_findings(&lab, &lab.solution), [], "{}", lab.slug);
    }
}

// That no starter passes takes an engine to tell: `lab verify` judges each.
#[test]
fn no_starter_is_its_solution() {
    for lab in all_labs() {
        assert_ne!(lab.starter, lab.solution, "{}", lab.slug);
    }
}

#[test]
fn wrong_answers_show_just_their_codes() {
    for lab in all_labs() {
        assert!(lab.wrong.len() >= 4, "{} has too few wrong answers", lab.slug);
        let known = static_codes(&lab);
        for wrong in &lab.wrong {
            let expected: BTreeSet<String> =
                wrong.codes.iter().filter(|code| known.contains(*code)).cloned().collect();
            assert_eq!(found(&lab, &wrong.files), expected, "{}: {}", lab.slug, wrong.name);
        }
    }
}

#[test]
fn every_finding_says_why_it_matters_and_how_to_go_on() {
    for lab in all_labs() {
        let answers = lab.wrong.iter().map(|wrong| &wrong.files).chain([&lab.starter]);
        for finding in answers.flat_map(|files| static_findings(&lab, files)) {
            assert!(
                !finding.hint.is_empty() && finding.why.is_some() && finding.check.is_some(),
                "{finding:?}"
            );
        }
    }
}

#[test]
fn every_check_of_a_lab_has_a_hint_or_gives_one_itself() {
    for lab in all_labs() {
        for hint in &lab.hints {
            assert!((1..=3).contains(&hint.strength), "{}: {hint:?}", lab.slug);
        }
        assert!(lab.hints_for(None).count() > 0, "{} has no hint about the whole", lab.slug);
    }
}

#[test]
fn what_cannot_be_built_has_an_empty_plan() {
    for lab in all_labs() {
        assert!(!Plan::for_lab(&lab, &lab.solution).steps.is_empty());
        let of_nothing = Plan::for_lab(&lab, &LabFiles::new());
        // What was done with commands is there without a file.
        assert!(of_nothing.steps.iter().all(|step| step.action == Action::LookAtSession), "{}", lab.slug);
    }
}

#[test]
fn a_step_of_a_plan_stands_after_those_that_it_needs() {
    for lab in all_labs() {
        let plan = Plan::for_lab(&lab, &lab.solution);
        for (place, step) in plan.steps.iter().enumerate() {
            for need in &step.needs {
                assert!(
                    plan.steps[..place].iter().any(|earlier| earlier.id == *need),
                    "{}: {}",
                    lab.slug,
                    step.id
                );
            }
        }
    }
}
