//! What holds for every input.

use std::sync::LazyLock;

use containrlab_domain::context::{BuildContext, DockerIgnore};
use containrlab_domain::dockerfile::shell::commands_of;
use containrlab_domain::dockerfile::{Dockerfile, Effects, Instruction, Layout, StageGraph};
use containrlab_domain::ids::LabSlug;
use containrlab_domain::judge::{static_findings, static_notes};
use containrlab_domain::lab::{Lab, LabFiles};
use proptest::test_runner::TestCaseError;

type Held = Result<(), TestCaseError>;

const PATHS: [&str; 6] =
    ["app/main.py", "requirements.txt", ".env", "README.md", "app/__pycache__/x.pyc", "a b"];

macro_rules! hold {
    ($held:expr, $($said:tt)+) => {
        if !$held {
            return Err(TestCaseError::fail(format!($($said)+)));
        }
    };
}

/// Reading never panics; every place lies within the file; instructions do not overlap; an instruction's own lines, read
/// alone, give the same instruction; and all checks that read files give findings with places in the file.
pub(crate) fn of_dockerfile(bytes: &[u8]) -> Held {
    let file = Dockerfile::parse(bytes);
    let graph = StageGraph::new(&file);
    let count = file.lines.len().max(1) as u32;
    let mut last = 0;
    for instruction in &file.instructions {
        let span = instruction.span;
        hold!(
            last < span.first && span.first <= span.last && span.last <= count,
            "{span:?} of {count} lines, after {last}"
        );
        last = span.last;
        read_alone(&file, instruction)?;
    }
    for diagnostic in file.diagnostics.iter().chain(&graph.diagnostics) {
        let (first, last) = (diagnostic.line, diagnostic.end_line);
        hold!(1 <= first && first <= last && last <= count, "{diagnostic:?} of {count} lines");
        hold!(!diagnostic.message.is_empty(), "{diagnostic:?} says nothing");
    }
    let context: Vec<String> = PATHS.map(str::to_owned).into();
    let layout = Layout::new(&graph, &context);
    for stage in &graph.stages {
        Effects::of(&graph, stage.index);
        for step in &stage.steps {
            commands_of(&graph, stage.index, step.index);
            layout.mounted(stage.index, step.index, &context);
        }
    }
    judged(bytes, b"*.md\n", count)
}

/// Reading never panics; every rule and every fault has a line of the file; a path is left out just when a rule says so;
/// and reading the rules' own texts again decides the same.
pub(crate) fn of_dockerignore(bytes: &[u8]) -> Held {
    let ignore = DockerIgnore::read(bytes);
    let count = bytes.split(|byte| *byte == b'\n').count() as u32;
    let mut last = 0;
    for rule in ignore.rules() {
        hold!(last < rule.line && rule.line <= count, "rule at line {} of {count}, after {last}", rule.line);
        last = rule.line;
    }
    for fault in ignore.faults() {
        hold!((1..=count).contains(&fault.line), "{fault:?} of {count} lines");
    }
    let printed: Vec<&str> = ignore.rules().iter().map(|rule| rule.text.as_str()).collect();
    // A rule that begins with # or a byte order mark is one only behind blanks.
    let is_printable = |text: &&str| !text.starts_with(['#', '\u{feff}']) && !text.contains('\r');
    if printed.iter().all(is_printable) {
        let again = DockerIgnore::parse(&printed.join("\n"));
        for path in PATHS {
            hold!(
                again.excludes(path) == ignore.excludes(path),
                "{path} is decided otherwise by {printed:?}"
            );
        }
    }
    let context = BuildContext::new(ignore, "Dockerfile");
    for entry in context.explain(PATHS) {
        let left_out = context.left_out_by(&entry.path).is_some();
        hold!(entry.included != left_out, "{entry:?}");
    }
    judged(b"FROM a\nCOPY . .\n", bytes, 2)
}

fn read_alone(file: &Dockerfile, instruction: &Instruction) -> Held {
    let excerpt = file.excerpt(instruction.span);
    // A byte order mark and a lone carriage return are taken off at the start and the end of a line.
    if excerpt.contains(['\r', '\u{feff}']) {
        return Ok(());
    }
    let text = format!("# escape={}\n{excerpt}\n", file.escape);
    let again = Dockerfile::parse(text.as_bytes());
    let same = match again.instructions.as_slice() {
        [one] => {
            one.keyword == instruction.keyword
                && one.text == instruction.text
                && one.flags == instruction.flags
                && one.heredocs == instruction.heredocs
        }
        _ => false,
    };
    hold!(same, "{excerpt:?} was {instruction:?} and is {:?}", again.instructions);
    Ok(())
}

/// All checks that read files alone.
const CHECKS: &str = "\
[[checks]]\ntype = \"dockerfile_exists\"\n[[checks]]\ntype = \"dockerignore_exists\"\n\
[[checks]]\ntype = \"context_excludes\"\npaths = [\".env\"]\nkeeps = [\"app/main.py\"]\n\
[[checks]]\ntype = \"dependencies_first\"\necosystem = \"pip\"\n[[checks]]\ntype = \"no_pip_cache\"\n\
[[checks]]\ntype = \"multi_stage\"\n[[checks]]\ntype = \"copies_from_stage\"\n[[checks]]\ntype = \"lean_final_stage\"\n\
[[checks]]\ntype = \"pinned_base\"\n[[checks]]\ntype = \"non_root_user\"\n[[checks]]\ntype = \"exec_form\"\n\
[[checks]]\ntype = \"healthcheck_declared\"\n[[checks]]\ntype = \"no_secrets\"\n[[checks]]\ntype = \"apt_lists_removed\"\n\
[[checks]]\ntype = \"copy_not_add\"\n[[checks]]\ntype = \"no_install_cache\"\necosystem = \"apt\"\n";

fn judged(dockerfile: &[u8], ignore: &[u8], lines: u32) -> Held {
    let mut files: LabFiles = PATHS.map(|path| (path.to_owned(), b"x".to_vec())).into();
    files.insert("Dockerfile".to_owned(), dockerfile.to_vec());
    files.insert(".dockerignore".to_owned(), ignore.to_vec());
    for finding in static_findings(&LAB, &files) {
        hold!(!finding.message.is_empty() && !finding.hint.is_empty(), "{finding:?} is no help");
        if let Some(place) = finding.place.as_ref().filter(|place| place.file == "Dockerfile") {
            let (first, last) = (place.line.unwrap_or(1), place.end_line.or(place.line).unwrap_or(1));
            hold!(1 <= first && first <= last && last <= lines, "{finding:?} of {lines} lines");
        }
    }
    static_notes(&files);
    Ok(())
}

static LAB: LazyLock<Lab> = LazyLock::new(lab);

fn lab() -> Lab {
    let manifest = format!(
        "title = \"t\"\nsummary = \"s\"\nlevel = \"beginner\"\nminutes = 1\norder = 1\nimages = []\n\
         [[steps]]\nid = \"s\"\ntitle = \"s\"\ntext = \"s\"\n{CHECKS}"
    );
    let files: LabFiles =
        [("lab.toml", manifest.as_str()), ("description.md", "d"), ("starter/a", "x"), ("solution/b", "x")]
            .map(|(path, content)| (path.to_owned(), content.as_bytes().to_vec()))
            .into();
    Lab::parse(LabSlug::new("all").expect("a slug"), files).expect("a lab")
}
