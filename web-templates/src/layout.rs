//! The frame around every page.

/// What every page needs besides its own content.
#[derive(Clone, Debug, Default)]
pub struct Shell {
    /// Title of the document, without the brand; the layout adds " · ContainrLab".
    pub title: String,
    /// The signed-in person, or `None` on the sign-in page and on errors before sign-in.
    pub viewer: Option<Viewer>,
    /// Which entry of the navigation is the current one.
    pub nav: Nav,
    /// One sentence shown above the content, e.g. "Your session in Lab 1 has ended." Escaped.
    pub notice: Option<String>,
}

impl Shell {
    /// A shell for a signed-in person's page, without a notice.
    pub fn new(title: impl Into<String>, viewer: Option<Viewer>, nav: Nav) -> Self {
        Self { title: title.into(), viewer, nav, notice: None }
    }

    /// Whether the navigation stands on the labs.
    pub(crate) fn on_labs(&self) -> bool {
        self.nav == Nav::Labs
    }

    /// Whether the navigation stands on the attempts.
    pub(crate) fn on_attempts(&self) -> bool {
        self.nav == Nav::Attempts
    }
}

/// The signed-in person.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Viewer {
    /// The name to show.
    pub name: String,
}

impl Viewer {
    /// First letter of the name for the round badge; "?" for an empty name.
    pub(crate) fn initial(&self) -> String {
        self.name
            .trim()
            .chars()
            .next()
            .map_or_else(|| "?".to_owned(), |letter| letter.to_uppercase().collect())
    }
}

/// Entries of the navigation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Nav {
    /// The labs, a lab, a session.
    #[default]
    Labs,
    /// The person's attempts.
    Attempts,
    /// None of them (sign-in, errors).
    Elsewhere,
}
