//! Short texts with code in them: `like this` within a line, or between lines of three backticks.
//!
//! Findings quote what a learner wrote, so everything is escaped; code is all that is marked up.

const FENCE: &str = "```";

/// A text of one paragraph.
pub(crate) fn line_html(text: &str) -> String {
    let mut html = String::with_capacity(text.len() + 32);
    push_line(text.trim(), &mut html);
    html
}

/// A text of paragraphs and blocks of code.
pub(crate) fn blocks_html(text: &str) -> String {
    let mut html = String::with_capacity(text.len() + 64);
    let mut paragraph = String::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.trim_start().starts_with(FENCE) {
            end_paragraph(&mut paragraph, &mut html);
            html.push_str("<pre tabindex=\"0\"><code>");
            for code in lines.by_ref().take_while(|line| line.trim() != FENCE) {
                escape(code, &mut html);
                html.push('\n');
            }
            html.push_str("</code></pre>");
        } else if line.trim().is_empty() {
            end_paragraph(&mut paragraph, &mut html);
        } else {
            paragraph.push_str(line);
            paragraph.push('\n');
        }
    }
    end_paragraph(&mut paragraph, &mut html);
    html
}

fn end_paragraph(paragraph: &mut String, html: &mut String) {
    if !paragraph.is_empty() {
        html.push_str("<p>");
        push_line(paragraph.trim_end(), html);
        html.push_str("</p>");
        paragraph.clear();
    }
}

/// What stands between two backticks is code; one without a partner stays what it is.
fn push_line(mut text: &str, html: &mut String) {
    while let Some((before, code, after)) = next_code(text) {
        escape(before, html);
        html.push_str("<code>");
        escape(code, html);
        html.push_str("</code>");
        text = after;
    }
    escape(text, html);
}

fn next_code(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once('`')?;
    let (code, after) = rest.split_once('`')?;
    (!code.is_empty()).then_some((before, code, after))
}

fn escape(text: &str, html: &mut String) {
    for letter in text.chars() {
        match letter {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            other => html.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_marked_and_everything_is_escaped() {
        assert_eq!(line_html("at `COPY <a> .`."), "at <code>COPY &lt;a&gt; .</code>.");
        assert_eq!(line_html("`<img src=x onerror=\"a\">"), "`&lt;img src=x onerror=&quot;a&quot;&gt;");
        assert_eq!(line_html("an odd ` one"), "an odd ` one");
        assert_eq!(line_html("``"), "``");
    }

    #[test]
    fn blocks_of_code_stand_between_paragraphs() {
        assert_eq!(
            blocks_html("These two do it:\n\n```dockerfile\nFROM a\nRUN <b>\n```\nAnd `c`.\n"),
            "<p>These two do it:</p><pre tabindex=\"0\"><code>FROM a\nRUN &lt;b&gt;\n</code></pre><p>And <code>c</code>.</p>"
        );
        assert_eq!(blocks_html("```\nnever closed"), "<pre tabindex=\"0\"><code>never closed\n</code></pre>");
        assert_eq!(blocks_html(""), "");
    }
}
