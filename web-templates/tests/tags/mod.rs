//! The tags of a page, read strictly enough to find what does not belong.

/// A tag and the text before it.
#[derive(Debug)]
pub(crate) struct Tag {
    pub(crate) name: String,
    pub(crate) closing: bool,
    pub(crate) attributes: Vec<(String, String)>,
    pub(crate) before: String,
}

impl Tag {
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(attribute, _)| attribute == name).map(|(_, value)| value.as_str())
    }
}

/// All tags in order. Panics on a tag that is not well formed, as a browser would only guess at it.
pub(crate) fn tags(html: &str) -> Vec<Tag> {
    let mut tags = Vec::new();
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        let before = rest[..start].to_owned();
        rest = &rest[start + 1..];
        if let Some(declaration) = rest.strip_prefix('!') {
            rest = declaration.split_once('>').expect("a closed declaration").1;
            continue;
        }
        let closing = rest.starts_with('/');
        rest = rest.trim_start_matches('/');
        let end = rest.find(|letter: char| !letter.is_ascii_alphanumeric()).expect("an end of the name");
        assert!(end > 0, "a bare < before {:?}", rest.chars().take(40).collect::<String>());
        let name = rest[..end].to_ascii_lowercase();
        rest = &rest[end..];
        let mut attributes = Vec::new();
        loop {
            rest = rest.trim_start();
            if let Some(after) = rest.strip_prefix("/>").or_else(|| rest.strip_prefix('>')) {
                rest = after;
                break;
            }
            let end = rest
                .find(|letter: char| letter == '=' || letter == '>' || letter.is_whitespace())
                .expect("an end of the attribute");
            let attribute = rest[..end].to_ascii_lowercase();
            assert!(
                !attribute.is_empty()
                    && attribute.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'),
                "odd attribute {attribute:?} in <{name}>"
            );
            rest = &rest[end..];
            let mut value = String::new();
            if let Some(after) = rest.strip_prefix('=') {
                let quote =
                    after.chars().next().filter(|quote| matches!(quote, '"' | '\'')).expect("a quoted value");
                let (inside, after) = after[1..].split_once(quote).expect("a closed value");
                value = inside.replace("&#34;", "\"").replace("&#38;", "&");
                rest = after;
            }
            attributes.push((attribute, value));
        }
        tags.push(Tag { name, closing, attributes, before });
    }
    tags
}
