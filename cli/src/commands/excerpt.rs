//! Messages about places in files, as a compiler prints them.

use std::fmt;

/// Lines of an excerpt that are shown.
const MOST_LINES: usize = 12;

/// One message.
#[derive(Debug)]
pub(crate) struct Message<'a> {
    /// `error` or `warning`.
    pub(crate) kind: &'a str,
    /// Its stable code.
    pub(crate) code: Option<&'a str>,
    /// What is wrong.
    pub(crate) what: &'a str,
    /// The file, as the reader would open it.
    pub(crate) file: Option<String>,
    /// First line, counted from 1.
    pub(crate) first: Option<u32>,
    /// Last line.
    pub(crate) last: Option<u32>,
    /// The text of these lines.
    pub(crate) excerpt: Option<&'a str>,
    /// What else there is to say, each under a name.
    pub(crate) notes: Vec<(&'a str, &'a str)>,
}

impl fmt::Display for Message<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = self.code.map(|code| format!("[{}]", plain(code))).unwrap_or_default();
        writeln!(f, "{}{code}: {}", self.kind, plain(self.what))?;
        let width = self.last.or(self.first).unwrap_or(1).to_string().len();
        let gutter = " ".repeat(width);
        if let Some(file) = &self.file {
            let line = self.first.map(|line| format!(":{line}")).unwrap_or_default();
            writeln!(f, "{gutter}--> {}{line}", plain(file))?;
        }
        if let (Some(first), Some(excerpt)) = (self.first, self.excerpt) {
            writeln!(f, "{gutter} |")?;
            let lines: Vec<&str> = excerpt.lines().collect();
            // One line is underlined, several are marked at their beginning.
            let mark = if lines.len() > 1 { '>' } else { ' ' };
            for (number, line) in (first..).zip(lines.iter().take(MOST_LINES)) {
                writeln!(f, "{number:>width$} |{mark}{}", plain(line).replace('\t', "    "))?;
            }
            if let [line] = lines.as_slice() {
                let line = line.replace('\t', "    ");
                let indent = line.chars().take_while(|c| c.is_whitespace()).count();
                let length = line.trim().chars().count().max(1);
                writeln!(f, "{gutter} | {}{}", " ".repeat(indent), "^".repeat(length))?;
            } else if lines.len() > MOST_LINES {
                writeln!(f, "{gutter} |> … {} lines more", lines.len() - MOST_LINES)?;
            }
            writeln!(f, "{gutter} |")?;
        }
        for (name, note) in &self.notes {
            let note = plain(note.trim_end());
            if note.contains('\n') {
                writeln!(f, "{gutter} = {name}:")?;
                for line in note.lines() {
                    writeln!(f, "{gutter}   | {line}")?;
                }
            } else {
                writeln!(f, "{gutter} = {name}: {note}")?;
            }
        }
        Ok(())
    }
}

/// Text of somebody else's, without the characters that would steer the terminal.
pub(crate) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' && c != '\t' { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_underlined_and_nothing_steers_the_terminal() {
        let message = Message {
            kind: "error",
            code: Some("x_y"),
            what: "this is \u{1b}[31mwrong",
            file: Some("a/Dockerfile".to_owned()),
            first: Some(10),
            last: Some(10),
            excerpt: Some("  RUM ls"),
            notes: vec![("hint", "look again")],
        };
        assert_eq!(
            message.to_string(),
            "error[x_y]: this is \u{fffd}[31mwrong\n  --> a/Dockerfile:10\n   |\n10 |   RUM ls\n   |   ^^^^^^\n   |\n   = hint: look again\n"
        );
    }
}
