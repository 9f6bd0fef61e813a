//! Patterns as Go's `filepath.Match` reads them, on top of `globset`.

use globset::{GlobBuilder, GlobMatcher};

/// A pattern of `*`, `?`, `[a-z]`, `[^a]` and `\` within one part of a path. `*` never crosses a slash.
#[derive(Debug, Clone)]
pub struct GoGlob(GlobMatcher);

impl GoGlob {
    /// Reads a pattern; `None` when it is malformed, such as `[a`.
    ///
    /// ```
    /// use containrlab_domain::context::GoGlob;
    ///
    /// let glob = GoGlob::new("requirements*.txt").unwrap();
    /// assert!(glob.matches("requirements-dev.txt"));
    /// assert!(!glob.matches("a/requirements.txt"));
    /// ```
    pub fn new(pattern: &str) -> Option<Self> {
        Self::build(&translate(pattern, false))
    }

    /// Like [`GoGlob::new`], where `**` as a whole part stands for any number of folders, as in `.dockerignore`.
    pub(super) fn with_double_star(pattern: &str) -> Option<Self> {
        Self::build(&translate(pattern, true))
    }

    fn build(pattern: &str) -> Option<Self> {
        let glob = GlobBuilder::new(pattern).literal_separator(true).backslash_escape(true).build().ok()?;
        Some(Self(glob.compile_matcher()))
    }

    /// Whether it matches a whole path.
    pub fn matches(&self, path: &str) -> bool {
        self.0.is_match(path)
    }
}

/// `globset` gives braces and `!` in classes a meaning that Go does not, and reads `**` anywhere.
fn translate(pattern: &str, double_star: bool) -> String {
    let mut out = String::with_capacity(pattern.len() + 8);
    for (number, part) in pattern.split('/').enumerate() {
        if number > 0 {
            out.push('/');
        }
        if double_star && part == "**" {
            out.push_str(part);
            continue;
        }
        let mut chars = part.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '{' | '}' => {
                    out.push('\\');
                    out.push(c);
                }
                '\\' => {
                    out.push(c);
                    out.extend(chars.next());
                }
                '*' => {
                    while chars.next_if_eq(&'*').is_some() {}
                    out.push('*');
                }
                '[' => {
                    out.push('[');
                    match chars.peek() {
                        Some('^') => {
                            chars.next();
                            out.push('!');
                        }
                        // A literal `!` may not come first in a class.
                        Some('!') => {
                            chars.next();
                            let mut rest: String = chars.by_ref().take_while(|c| *c != ']').collect();
                            rest.push('!');
                            out.push_str(&rest);
                            out.push(']');
                        }
                        _ => {}
                    }
                }
                c => out.push(c),
            }
        }
    }
    out
}
