//! HTML that is already safe.

/// HTML that its maker vouches for: rendered from Markdown with raw HTML off or sanitised.
///
/// It is the only type that a template prints without escaping. Never wrap what a learner wrote.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedHtml(pub String);
