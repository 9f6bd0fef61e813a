//! Terminal colours in logs, as HTML.
//!
//! Logs are text that a learner's program may write freely: everything is escaped, SGR colours become classes, every
//! other escape sequence and control character is dropped, and a carriage return shows only what came after it, as a
//! terminal would.

/// HTML of one or more lines of terminal output.
pub(crate) fn to_html(text: &str) -> String {
    text.split('\n').map(line).collect::<Vec<_>>().join("\n")
}

fn line(text: &str) -> String {
    let text = text.trim_end_matches('\r');
    let text = text.rsplit('\r').next().unwrap_or(text);
    let mut html = String::with_capacity(text.len() + 16);
    let mut style = Style::default();
    let mut open = false;
    let mut rest = text.chars().peekable();
    while let Some(letter) = rest.next() {
        match letter {
            '\u{1b}' => match rest.next() {
                Some('[') => {
                    let mut parameters = String::new();
                    let mut last = None;
                    for part in rest.by_ref() {
                        if ('\u{40}'..='\u{7e}').contains(&part) {
                            last = Some(part);
                            break;
                        }
                        parameters.push(part);
                    }
                    if last == Some('m') {
                        style.apply(&parameters);
                        if open {
                            html.push_str("</span>");
                        }
                        open = style.open(&mut html);
                    }
                }
                // Operating system commands (titles, links) run to BEL or ESC \.
                Some(']') => {
                    while let Some(part) = rest.next() {
                        if part == '\u{7}' {
                            break;
                        }
                        if part == '\u{1b}' {
                            rest.next_if_eq(&'\\');
                            break;
                        }
                    }
                }
                _ => {}
            },
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            '\t' => html.push('\t'),
            _ if letter.is_control() => {}
            _ => html.push(letter),
        }
    }
    if open {
        html.push_str("</span>");
    }
    html
}

#[derive(Default)]
struct Style {
    bold: bool,
    dim: bool,
    colour: Option<u8>,
}

impl Style {
    fn apply(&mut self, parameters: &str) {
        let mut codes = parameters.split(';').map(|code| code.parse::<u32>().unwrap_or(0));
        while let Some(code) = codes.next() {
            match code {
                0 => *self = Self::default(),
                1 => self.bold = true,
                2 => self.dim = true,
                22 => (self.bold, self.dim) = (false, false),
                30..=37 => self.colour = Some((code - 30) as u8),
                90..=97 => self.colour = Some((code - 90) as u8),
                39 => self.colour = None,
                // 256 colours and true colour: only the first sixteen have a class; the others keep the plain colour.
                38 => match codes.next() {
                    Some(5) => {
                        self.colour =
                            codes.next().filter(|colour| *colour < 16).map(|colour| (colour % 8) as u8)
                    }
                    Some(2) => {
                        codes.by_ref().take(3).for_each(drop);
                        self.colour = None;
                    }
                    _ => {}
                },
                48 => match codes.next() {
                    Some(5) => {
                        codes.next();
                    }
                    Some(2) => codes.by_ref().take(3).for_each(drop),
                    _ => {}
                },
                _ => {}
            }
        }
    }

    fn open(&self, html: &mut String) -> bool {
        let mut classes = Vec::new();
        if self.bold {
            classes.push("ansi-bold".to_owned());
        }
        if self.dim {
            classes.push("ansi-dim".to_owned());
        }
        if let Some(colour) = self.colour {
            classes.push(format!("ansi-{colour}"));
        }
        if classes.is_empty() {
            return false;
        }
        html.push_str(&format!("<span class=\"{}\">", classes.join(" ")));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_become_classes() {
        assert_eq!(to_html("\u{1b}[1;31mno\u{1b}[0m yes"), "<span class=\"ansi-bold ansi-1\">no</span> yes");
        assert_eq!(to_html("\u{1b}[38;5;2mgreen"), "<span class=\"ansi-2\">green</span>");
        assert_eq!(to_html("\u{1b}[38;2;1;2;3mplain"), "plain");
    }

    #[test]
    fn hostile_output_is_escaped_and_controls_are_dropped() {
        assert_eq!(to_html("<script>\"'&"), "&lt;script&gt;&quot;&#39;&amp;");
        assert_eq!(to_html("a\u{1b}]0;title\u{7}b\u{1b}]8;;http://x\u{1b}\\c\u{1b}[2Kd\u{8}\u{0}"), "abcd");
        assert_eq!(to_html("\u{1b}[31"), "");
        assert_eq!(to_html("\u{1b}"), "");
    }

    #[test]
    fn a_carriage_return_overwrites() {
        assert_eq!(to_html("10 %\r50 %\r100 %\r\nnext"), "100 %\nnext");
    }
}
