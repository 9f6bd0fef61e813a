//! What stands in place of a preview that can't be shown.

use askama::Template;

/// A page by itself at a preview's own origin: it loads nothing, for nothing of the platform is there.
#[derive(Clone, Debug, Default, Template)]
#[template(path = "pages/preview_notice.html")]
pub struct PreviewNotice {
    /// The port that was asked for.
    pub port: u16,
    /// A few words.
    pub title: String,
    /// What happened.
    pub sentence: String,
    /// How to mend it; empty hides it.
    pub mend: String,
    /// Where it leads on, on the platform: (address, label).
    pub link: Option<(String, String)>,
    /// Whether the same address may answer in a moment.
    pub looks_again: bool,
}
