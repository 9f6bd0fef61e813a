//! Links within a lab's texts.

/// The targets of links in a Markdown text, with their lines counted from 1. Code is left out.
pub(super) fn links(text: &str) -> Vec<(u32, String)> {
    let mut found = Vec::new();
    let mut in_fence = false;
    for (number, line) in (1..).zip(text.lines()) {
        if line.trim_start().starts_with("```") {
            in_fence = !in_fence;
            continue;
        }
        if in_fence {
            continue;
        }
        // Every second piece between backticks is code.
        for prose in line.split('`').step_by(2) {
            let mut rest = prose;
            while let Some((_, after)) = rest.split_once("](") {
                let end = after.find(')').unwrap_or(after.len());
                found.push((number, after[..end].trim().to_owned()));
                rest = &after[end..];
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::links;

    #[test]
    fn links_in_code_are_none() {
        let text = "see [here](#why) and `[not](#this)`\n```\n[nor](#that)\n```\n[there](other.md)";
        assert_eq!(links(text), [(1, "#why".to_owned()), (5, "other.md".to_owned())]);
    }
}
