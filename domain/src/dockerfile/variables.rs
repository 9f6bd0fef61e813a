//! Words, quotes and variables, by the rules of BuildKit's own small shell language.

/// Deeper than this, `${a:-${b:-…}}` is left as it stands: nobody writes it, and the stack is finite.
const MAX_DEPTH: usize = 16;

/// A value is cut at this length: `ENV A=$A$A` on many lines would otherwise fill the memory.
pub(super) const MAX_VALUE_BYTES: usize = 32 * 1024;

/// Cuts a text at blanks that are neither quoted nor escaped. The words keep their quotes.
pub(super) fn split_words(text: &str, escape: char) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quote = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match quote {
            Some(q) => {
                word.push(c);
                if c == q {
                    quote = None;
                } else if c == escape && q == '"' {
                    word.extend(chars.next());
                }
            }
            None if c.is_whitespace() => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
            }
            None => {
                word.push(c);
                if c == escape {
                    word.extend(chars.next());
                } else if c == '"' || c == '\'' {
                    quote = Some(c);
                }
            }
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// Removes quotes and escapes, and fills in nothing.
pub(super) fn unquote(word: &str, escape: char) -> String {
    Expander { escape, lookup: &|_| None, fill: false, depth: 0 }.run(&mut word.chars().peekable(), None)
}

/// Fills in `$NAME`, `${NAME}`, `${NAME:-default}`, `${NAME-default}`, `${NAME:+other}`, `${NAME+other}`,
/// `${NAME:?error}`, `${NAME#pattern}` and `${NAME%pattern}`, and removes quotes and escapes. A name that is not set
/// becomes nothing, as in a build.
///
/// ```
/// use containrlab_domain::dockerfile::expand;
///
/// let lookup = |name: &str| (name == "TAG").then(|| "3.13".to_owned());
/// assert_eq!(expand("python:${TAG:-latest}-${KIND:-slim}", '\\', &lookup), "python:3.13-slim");
/// ```
pub fn expand(word: &str, escape: char, lookup: &dyn Fn(&str) -> Option<String>) -> String {
    Expander { escape, lookup, fill: true, depth: 0 }.run(&mut word.chars().peekable(), None)
}

type Chars<'c> = std::iter::Peekable<std::str::Chars<'c>>;

struct Expander<'l> {
    escape: char,
    lookup: &'l dyn Fn(&str) -> Option<String>,
    fill: bool,
    depth: usize,
}

impl Expander<'_> {
    /// Reads to the end, or to an unquoted `end`, which is consumed.
    fn run(&self, chars: &mut Chars<'_>, end: Option<char>) -> String {
        let mut out = String::new();
        let mut in_double = false;
        while let Some(c) = chars.next() {
            if (Some(c) == end && !in_double) || out.len() > MAX_VALUE_BYTES {
                break;
            }
            if c == self.escape {
                match chars.next() {
                    // Within double quotes only these lose their escape.
                    Some(next) if in_double && !matches!(next, '"' | '$') && next != self.escape => {
                        out.push(c);
                        out.push(next);
                    }
                    Some(next) => out.push(next),
                    None => out.push(c),
                }
            } else if c == '"' {
                in_double = !in_double;
            } else if c == '\'' && !in_double {
                out.extend(chars.by_ref().take_while(|c| *c != '\''));
            } else if c == '$' && self.fill {
                self.variable(chars, &mut out);
            } else {
                out.push(c);
            }
        }
        out
    }

    fn variable(&self, chars: &mut Chars<'_>, out: &mut String) {
        let braced = chars.peek() == Some(&'{');
        if braced {
            chars.next();
        }
        let mut name = String::new();
        while let Some(c) = chars.peek().filter(|c| c.is_ascii_alphanumeric() || **c == '_') {
            name.push(*c);
            chars.next();
        }
        if !braced {
            if name.is_empty() {
                out.push('$');
            } else {
                out.push_str(&(self.lookup)(&name).unwrap_or_default());
            }
            return;
        }
        let value = (self.lookup)(&name);
        let filled = value.clone().filter(|v| !v.is_empty());
        match chars.next() {
            Some('}') | None => out.push_str(&value.unwrap_or_default()),
            Some(':') => {
                let operator = chars.next();
                let word = self.operand(chars);
                match operator {
                    Some('+') => out.push_str(if filled.is_some() { &word } else { "" }),
                    Some('-') => out.push_str(filled.as_deref().unwrap_or(&word)),
                    _ => out.push_str(filled.as_deref().unwrap_or_default()),
                }
            }
            Some('-') => {
                let word = self.operand(chars);
                out.push_str(value.as_deref().unwrap_or(&word));
            }
            Some('+') => {
                let word = self.operand(chars);
                out.push_str(if value.is_some() { &word } else { "" });
            }
            Some(cut @ ('#' | '%')) => {
                let longest = chars.next_if_eq(&cut).is_some();
                let pattern = self.operand(chars);
                let value = value.unwrap_or_default();
                out.push_str(trimmed(&value, &pattern, cut == '#', longest));
            }
            Some(_) => {
                self.operand(chars);
                out.push_str(&value.unwrap_or_default());
            }
        }
    }

    fn operand(&self, chars: &mut Chars<'_>) -> String {
        if self.depth >= MAX_DEPTH {
            return chars.by_ref().take_while(|c| *c != '}').collect();
        }
        Expander { depth: self.depth + 1, ..*self }.run(chars, Some('}'))
    }
}

/// Cuts what a pattern of `*` and `?` matches from the front or the back.
fn trimmed<'v>(value: &'v str, pattern: &str, from_front: bool, longest: bool) -> &'v str {
    if value.len() > 1024 || pattern.len() > 1024 {
        return value;
    }
    let mut cuts: Vec<usize> = value.char_indices().map(|(at, _)| at).chain([value.len()]).collect();
    // From the front the longest match ends last, from the back it starts first.
    if from_front == longest {
        cuts.reverse();
    }
    for cut in cuts {
        let (head, tail) = value.split_at(cut);
        let (tried, kept) = if from_front { (head, tail) } else { (tail, head) };
        if matches(pattern, tried) {
            return kept;
        }
    }
    value
}

/// Whether a pattern of `*` and `?` matches a whole text, in time linear in their product.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    let mut star = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(c) if *c == '?' || *c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    p = at + 1;
                    t = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(word: &str) -> String {
        expand(word, '\\', &|name| match name {
            "A" => Some("one".to_owned()),
            "EMPTY" => Some(String::new()),
            "PATHS" => Some("a/b/c".to_owned()),
            _ => None,
        })
    }

    #[test]
    fn variables_are_filled_in_as_in_a_build() {
        for (word, meant) in [
            ("$A-$B", "one-"),
            ("${A}x", "onex"),
            ("${B:-two}", "two"),
            ("${EMPTY:-two}", "two"),
            ("${EMPTY-two}", ""),
            ("${A:+set}${B:+set}", "set"),
            ("${B:-${A}}", "one"),
            ("'$A'", "$A"),
            ("\"$A b\"", "one b"),
            ("\\$A", "$A"),
            ("${PATHS#*/}", "b/c"),
            ("${PATHS##*/}", "c"),
            ("${PATHS%/*}", "a/b"),
            ("${PATHS%%/*}", "a"),
            ("cost: 5$", "cost: 5$"),
            ("${A", "one"),
        ] {
            assert_eq!(filled(word), meant, "{word}");
        }
    }

    #[test]
    fn words_end_at_blanks_outside_of_quotes() {
        assert_eq!(split_words(r#"a "b c" d\ e 'f g'"#, '\\'), ["a", "\"b c\"", "d\\ e", "'f g'"]);
        assert_eq!(unquote(r#""b c"d\ e"#, '\\'), "b cd e");
    }
}
