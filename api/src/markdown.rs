//! Markdown of labs as HTML. Raw HTML in it is shown as text, dangerous links lead nowhere, headings can be linked to.

use comrak::options::Plugins;
use comrak::{Options, markdown_to_html_with_plugins};
use containrlab_web_templates::TrustedHtml;

/// Renders a text of a lab.
pub(crate) fn render(text: &str) -> TrustedHtml {
    let mut options = Options::default();
    options.extension.table = true;
    options.extension.strikethrough = true;
    options.extension.tasklist = true;
    options.extension.autolink = true;
    options.extension.alerts = true;
    options.extension.header_id_prefix = Some(String::new());
    options.render.escape = true;
    TrustedHtml(markdown_to_html_with_plugins(text, &options, &Plugins::default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raw_html_and_dangerous_links_are_disarmed() {
        let html = render("<script>alert(1)</script>\n\n[x](javascript:alert(1)) <b onclick=x>b</b>").0;
        assert!(!html.contains("<script"), "{html}");
        assert!(!html.contains("javascript:"), "{html}");
        assert!(!html.contains("<b "), "{html}");
    }

    #[test]
    fn headings_can_be_linked_to_and_tables_are_tables() {
        let html = render("## Layer order\n\n| a | b |\n|---|---|\n| 1 | 2 |\n").0;
        assert!(html.contains("id=\"layer-order\""), "{html}");
        assert!(html.contains("<table>"), "{html}");
    }
}
