//! The one page for every failure.

use askama::Template;

use crate::Shell;

/// Every failure of a page.
#[derive(Clone, Debug, Default, Template)]
#[template(path = "pages/error.html")]
pub struct ErrorPage {
    /// The frame.
    pub shell: Shell,
    /// HTTP status.
    pub status: u16,
    /// A few words: "No such lab".
    pub title: String,
    /// One sentence that says what happened.
    pub sentence: String,
    /// What to do about it.
    pub mend: Option<String>,
    /// To be named to whoever runs the installation.
    pub request_id: String,
    /// Where to go on: (path, label). `None` leads to the labs.
    pub link: Option<(String, String)>,
}
