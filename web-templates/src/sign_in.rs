//! The sign-in page.

use askama::Template;

use crate::Shell;

/// `/sign-in`. The form posts `name` and `next` to `/sign-in/local`.
#[derive(Clone, Debug, Default, Template)]
#[template(path = "pages/sign_in.html")]
pub struct SignInPage {
    /// The frame.
    pub shell: Shell,
    /// Whether signing in with just a name is on (local installations only).
    pub local: bool,
    /// Where "Sign in with GitHub" leads, or `None` while it is not set up.
    pub github_url: Option<String>,
    /// The name typed before, when the form is shown again.
    pub name: String,
    /// Why the last try failed, e.g. "Write a name of 1 to 40 characters."
    pub error: Option<String>,
    /// The path to go to after sign-in; must be a path of this site (the api checks it). Empty means the labs.
    pub next: String,
}
