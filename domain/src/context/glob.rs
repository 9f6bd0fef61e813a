//! Patterns as Docker reads them: Go's `filepath.Match`, and `**` on top of it in `.dockerignore`.
//!
//! Not on `globset`: Docker's `**` also stands within a part (`a**b`), with a meaning of its own, and braces have none.

/// A pattern of `*`, `?`, `[a-z]`, `[^a]` and `\` within one part of a path. `*` never crosses a slash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GoGlob {
    tokens: Vec<Token>,
    /// The longest text that stands in it as it is. A path without that is no match, which is quickly seen; most paths are none of
    /// most patterns.
    text: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Literal(char),
    /// `?`: any character but a slash.
    One,
    /// `*`: any number of them.
    Star,
    /// `[…]`: one character of these ranges, or none of them.
    Class {
        negated: bool,
        ranges: Vec<(char, char)>,
    },
    /// `**/`: any number of folders, none included.
    Folders,
    /// `**` at the end, or at the start of a plain word: anything, slashes too.
    Anything,
}

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
        tokens(pattern, false).map(Self::of)
    }

    /// Like [`GoGlob::new`], with `**` as `.dockerignore` has it.
    pub(super) fn with_double_star(pattern: &str) -> Option<Self> {
        tokens(pattern, true).map(Self::of)
    }

    fn of(tokens: Vec<Token>) -> Self {
        let runs = tokens.split(|token| !matches!(token, Token::Literal(_)));
        let text = runs.max_by_key(|run| run.len()).unwrap_or_default();
        let letter = |token: &Token| match token {
            Token::Literal(letter) => Some(*letter),
            _ => None,
        };
        Self { text: text.iter().filter_map(letter).collect(), tokens }
    }

    /// Whether it matches a whole path. Takes time in proportion to the pattern times the path, whatever they are.
    pub fn matches(&self, path: &str) -> bool {
        if !path.contains(self.text.as_str()) {
            return false;
        }
        let count = self.tokens.len();
        // before[n]: the path so far can be matched by the first n tokens; within[n]: token n, a run of folders, has begun.
        let mut before = vec![false; count + 1];
        let mut within = vec![false; count];
        let (mut next, mut still_within) = (before.clone(), within.clone());
        before[0] = true;
        self.skip_empty(&mut before);
        for c in path.chars() {
            next.fill(false);
            still_within.fill(false);
            for (at, token) in self.tokens.iter().enumerate() {
                if *token == Token::Folders {
                    if before[at] || within[at] {
                        still_within[at] = true;
                        next[at + 1] |= c == '/';
                    }
                    continue;
                }
                if !before[at] {
                    continue;
                }
                match token {
                    Token::Star if c != '/' => next[at] = true,
                    Token::Anything => next[at] = true,
                    token if token.takes(c) => next[at + 1] = true,
                    _ => {}
                }
            }
            self.skip_empty(&mut next);
            std::mem::swap(&mut before, &mut next);
            std::mem::swap(&mut within, &mut still_within);
            if !before.contains(&true) && !within.contains(&true) {
                return false;
            }
        }
        before[count]
    }

    /// Tokens that may match nothing are passed over.
    fn skip_empty(&self, before: &mut [bool]) {
        for (at, token) in self.tokens.iter().enumerate() {
            if before[at] && matches!(token, Token::Star | Token::Folders | Token::Anything) {
                before[at + 1] = true;
            }
        }
    }
}

impl Token {
    fn takes(&self, c: char) -> bool {
        match self {
            Self::Literal(own) => *own == c,
            Self::One => c != '/',
            Self::Class { negated, ranges } => {
                c != '/' && ranges.iter().any(|(low, high)| (*low..=*high).contains(&c)) != *negated
            }
            Self::Star | Self::Folders | Self::Anything => false,
        }
    }
}

fn tokens(pattern: &str, double_star: bool) -> Option<Vec<Token>> {
    let mut found = Vec::new();
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '*' if double_star && chars.next_if_eq(&'*').is_some() => {
                let is_start = found.is_empty();
                let had_slash = chars.next_if_eq(&'/').is_some();
                let is_plain = !chars.clone().any(|c| matches!(c, '*' | '?' | '[' | '\\'));
                let is_end = chars.peek().is_none();
                found.push(if is_end || (is_start && !had_slash && is_plain) {
                    Token::Anything
                } else {
                    Token::Folders
                });
            }
            '*' => {
                if found.last() != Some(&Token::Star) {
                    found.push(Token::Star);
                }
            }
            '?' => found.push(Token::One),
            '\\' => found.push(Token::Literal(chars.next()?)),
            '[' => {
                let negated = chars.next_if_eq(&'^').is_some();
                let mut ranges = Vec::new();
                loop {
                    let low = match chars.next()? {
                        ']' if !ranges.is_empty() => break,
                        '\\' => chars.next()?,
                        c => c,
                    };
                    let high = match chars.next_if_eq(&'-') {
                        None => low,
                        Some(_) => match chars.next()? {
                            '\\' => chars.next()?,
                            ']' => return None,
                            c => c,
                        },
                    };
                    ranges.push((low, high));
                }
                found.push(Token::Class { negated, ranges });
            }
            c => found.push(Token::Literal(c)),
        }
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::GoGlob;

    #[test]
    fn double_stars_mean_what_docker_makes_of_them() {
        let matches =
            |pattern: &str, path: &str| GoGlob::with_double_star(pattern).is_some_and(|g| g.matches(path));
        for (pattern, good, bad) in [
            ("**", &["a", "a/b"][..], &[][..]),
            ("**/a", &["a", "b/a", "c/b/a"], &["ba", "a/b"]),
            ("**a", &["a", "ba", "c/ba"], &["ab"]),
            ("a/**", &["a/b", "a/b/c"], &["a", "ab"]),
            ("a**", &["a", "ab", "a/b"], &["ba"]),
            ("a/**/b", &["a/b", "a/x/b", "a/x/y/b"], &["ab", "a/xb"]),
            ("a**b", &["ab", "ax/b", "a/x/b"], &["axb"]),
            ("**/*.md", &["a.md", "x/a.md"], &["a.mdx", "x"]),
            ("**/x/**", &["x/a", "b/x/a"], &["x", "a/x"]),
            ("[a-c]?", &["ax", "cb"], &["d", "a/"]),
        ] {
            for path in good {
                assert!(matches(pattern, path), "{pattern} should match {path}");
            }
            for path in bad {
                assert!(!matches(pattern, path), "{pattern} should not match {path}");
            }
        }
    }

    #[test]
    fn what_is_quickly_seen_is_seen_rightly() {
        for (pattern, good, bad) in [
            ("*.env.*", "a.env.b", "aenv.b"),
            ("a[x]bc?de", "axbcyde", "axbcyd"),
            ("\\*a", "*a", "ba"),
            ("*", "", "/"),
        ] {
            let glob = GoGlob::new(pattern).expect("a pattern");
            assert!(glob.matches(good) && !glob.matches(bad), "{pattern}");
        }
    }

    #[test]
    fn stars_by_the_hundred_take_no_time() {
        let glob = GoGlob::new(&"*a".repeat(200)).expect("a pattern");
        assert!(!glob.matches(&"a".repeat(190)));
        assert!(glob.matches(&"a".repeat(2000)));
    }
}
