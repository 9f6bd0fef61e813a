//! The name of a session's port.

use containrlab_domain::ids::SessionId;
use uuid::Uuid;

use crate::{Error, Settings};

/// The domain of previews on one machine: browsers take every name beneath it for the machine itself.
const LOCAL_DOMAIN: &str = "localhost";

/// A port of a session's sandbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Whose sandbox.
    pub(crate) session: SessionId,
    /// The port there.
    pub(crate) port: u16,
}

/// The domain beneath which previews have their names; `None` when previews are off, since a network's names are for whoever runs
/// it to give.
pub(super) fn domain(settings: &Settings) -> Option<&str> {
    match (&settings.preview_domain, &settings.public_url) {
        (Some(domain), _) => Some(domain),
        (None, None) => Some(LOCAL_DOMAIN),
        (None, Some(_)) => None,
    }
}

impl Place {
    /// The place that a `Host` names, `None` if it is no preview's name at all.
    ///
    /// # Errors
    /// [`Error::StrangeHost`] for a name beneath a domain that is for previews alone, and is none of a preview.
    pub(super) fn named(settings: &Settings, host: &str) -> Result<Option<Self>, Error> {
        let Some(domain) = domain(settings) else { return Ok(None) };
        let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
        let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        let Some(label) = name.strip_suffix(domain).and_then(|rest| rest.strip_suffix('.')) else {
            return Ok(None);
        };
        match Self::of_label(label) {
            Some(place) => Ok(Some(place)),
            None if domain == LOCAL_DOMAIN => Ok(None),
            None => Err(Error::StrangeHost(host.chars().take(100).collect())),
        }
    }

    /// Reads what [`Place::label`] wrote, and nothing else: one place has one name, and so one origin.
    fn of_label(label: &str) -> Option<Self> {
        let (port, session) = label.strip_prefix("p-")?.split_once('-')?;
        let place = Self { session: SessionId(Uuid::try_parse(session).ok()?), port: port.parse().ok()? };
        (place.port != 0 && place.label() == label).then_some(place)
    }

    /// The first part of its name.
    pub(super) fn label(self) -> String {
        format!("p-{}-{}", self.port, self.session.0.simple())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::tests::settings;

    const ID: &str = "0192f3a47bcd7e00800000000000abcd";

    #[test]
    fn one_place_has_one_name() {
        let local = settings(None, true);
        let name = format!("p-8080-{ID}.localhost:8000");
        let place = Place::named(&local, &name).expect("fine").expect("a place");
        assert_eq!((place.port, place.session.0.simple().to_string().as_str()), (8080, ID));
        assert_eq!(format!("{}.localhost:8000", place.label()), name);
        for other in [
            "localhost:8000".to_owned(),
            "127.0.0.1:8000".to_owned(),
            "a.localhost".to_owned(),
            format!("p-08080-{ID}.localhost"),
            format!("p-0-{ID}.localhost"),
            format!("p-65536-{ID}.localhost"),
            format!("p-+80-{ID}.localhost"),
            format!("x.p-8080-{ID}.localhost"),
            format!("p-8080-{ID}.localhost.evil.example"),
            format!("p-8080-{ID}localhost"),
            format!("p-8080-{}.localhost", &ID[1..]),
            "p-8080-0192f3a4-7bcd-7e00-8000-00000000abcd.localhost".to_owned(),
        ] {
            assert_eq!(Place::named(&local, &other).expect("fine"), None, "{other}");
        }
    }

    #[test]
    fn on_a_network_previews_have_the_domain_that_was_given_them_or_none() {
        let mut public = settings(Some("https://labs.example"), false);
        assert_eq!(Place::named(&public, &format!("p-8080-{ID}.localhost")).expect("fine"), None);
        public.preview_domain = Some("view.example".to_owned());
        assert!(Place::named(&public, &format!("P-8080-{ID}.View.Example.")).expect("fine").is_some());
        assert_eq!(Place::named(&public, "labs.example").expect("fine"), None);
        assert_eq!(Place::named(&public, &format!("p-8080-{ID}.localhost")).expect("fine"), None);
        assert!(Place::named(&public, "other.view.example").is_err(), "the platform has no name there");
    }
}
