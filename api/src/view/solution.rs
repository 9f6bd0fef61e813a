//! A solution held against what was handed in.

use containrlab_domain::lab::LabFiles;
use containrlab_web_templates::{DiffKind, DiffLine, FileStanding, SolutionFile, SolutionStanding};
use similar::{ChangeTag, DiffOp, TextDiff};

use crate::services::solution::{OwnFiles, Standing};

/// Lines around a difference that are shown with it.
const CONTEXT: usize = 4;

/// How somebody stands with a solution.
pub(crate) fn solution_standing(standing: Standing) -> SolutionStanding {
    match standing {
        Standing::NotYet => SolutionStanding::NotYet,
        Standing::Offered => SolutionStanding::Offered,
        Standing::Shown => SolutionStanding::Shown,
    }
}

/// The solution's files, those that differ first.
pub(crate) fn solution_files(solution: &LabFiles, own: &OwnFiles) -> Vec<SolutionFile> {
    let mut files: Vec<_> = solution
        .iter()
        .map(|(path, bytes)| file(path, bytes, own.compared.get(path).map(|own| own.as_ref())))
        .collect();
    files.sort_by_key(|file| matches!(file.standing, FileStanding::Same | FileStanding::Binary));
    files
}

fn file(path: &str, bytes: &[u8], own: Option<&[u8]>) -> SolutionFile {
    let path = path.to_owned();
    let is_text = |bytes: &[u8]| !bytes.contains(&0);
    let Some(text) = std::str::from_utf8(bytes).ok().filter(|_| is_text(bytes)) else {
        return SolutionFile { path, standing: FileStanding::Binary, ..SolutionFile::default() };
    };
    let text = text.to_owned();
    match own {
        None => SolutionFile { path, standing: FileStanding::Missing, text, lines: Vec::new() },
        Some(own) if own == bytes => {
            SolutionFile { path, standing: FileStanding::Same, text, lines: Vec::new() }
        }
        Some(own) => {
            let lines = if is_text(own) { compare(&String::from_utf8_lossy(own), &text) } else { Vec::new() };
            SolutionFile { path, standing: FileStanding::Differs, text, lines }
        }
    }
}

/// From one text to another, line by line; longer parts that are the same are left out.
fn compare(own: &str, solution: &str) -> Vec<DiffLine> {
    let diff = TextDiff::from_lines(own, solution);
    let number = |index: Option<usize>| index.and_then(|index| u32::try_from(index + 1).ok());
    let mut lines = Vec::new();
    // Where the parts shown so far end in the learner's file.
    let mut reached = 0;
    for group in diff.grouped_ops(CONTEXT) {
        if group.first().is_some_and(|op| op.old_range().start > reached) {
            lines.push(DiffLine { kind: DiffKind::Gap, ..DiffLine::default() });
        }
        reached = group.last().map_or(reached, |op: &DiffOp| op.old_range().end);
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            lines.push(DiffLine {
                kind: match change.tag() {
                    ChangeTag::Equal => DiffKind::Both,
                    ChangeTag::Delete => DiffKind::Yours,
                    ChangeTag::Insert => DiffKind::Solution,
                },
                old: number(change.old_index()),
                new: number(change.new_index()),
                text: change.value().trim_end_matches(['\n', '\r']).to_owned(),
            });
        }
    }
    if reached < own.lines().count() && !lines.is_empty() {
        lines.push(DiffLine { kind: DiffKind::Gap, ..DiffLine::default() });
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(own: &str, solution: &str) -> Vec<(DiffKind, Option<u32>, Option<u32>, String)> {
        compare(own, solution).into_iter().map(|line| (line.kind, line.old, line.new, line.text)).collect()
    }

    #[test]
    fn a_changed_line_stands_between_its_neighbours() {
        use DiffKind::{Both, Solution, Yours};
        let line = |kind, old, new, text: &str| (kind, old, new, text.to_owned());
        assert_eq!(
            told("FROM a\r\nRUN b\nCMD c\n", "FROM a\r\nRUN d\nCMD c"),
            [
                line(Both, Some(1), Some(1), "FROM a"),
                line(Yours, Some(2), None, "RUN b"),
                line(Yours, Some(3), None, "CMD c"),
                line(Solution, None, Some(2), "RUN d"),
                line(Solution, None, Some(3), "CMD c"),
            ]
        );
    }

    #[test]
    fn long_parts_that_are_the_same_are_left_out() {
        let many: Vec<String> = (1..=40).map(|n| format!("line {n}")).collect();
        let own = many.join("\n") + "\n";
        let lines = told(&own, &own.replace("line 20\n", "line twenty\n"));
        let gaps = lines.iter().filter(|(kind, ..)| *kind == DiffKind::Gap).count();
        assert_eq!((lines.len(), gaps), (2 * CONTEXT + 2 + 2, 2));
        assert_eq!(lines[1].1, Some(16));
    }

    #[test]
    fn what_differs_comes_first_and_what_is_no_text_is_not_shown() {
        let solution: LabFiles = [("a", &b"same"[..]), ("b", b"new"), ("c", b"\0"), ("d", b"theirs")]
            .map(|(path, bytes)| (path.to_owned(), bytes.to_vec()))
            .into();
        let mut own = OwnFiles::default();
        own.compared.insert("a".to_owned(), "same".into());
        own.compared.insert("d".to_owned(), "mine".into());
        let files = solution_files(&solution, &own);
        let standings: Vec<_> = files.iter().map(|file| (file.path.as_str(), file.standing)).collect();
        assert_eq!(
            standings,
            [
                ("b", FileStanding::Missing),
                ("d", FileStanding::Differs),
                ("a", FileStanding::Same),
                ("c", FileStanding::Binary),
            ]
        );
    }
}
