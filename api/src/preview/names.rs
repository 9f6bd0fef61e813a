//! What a place is called from outside and from inside. The service in the sandbox believes to be `localhost:8080`, as it is for
//! the learner's own terminal; what it says of itself is put into the names that the browser knows.

use url::{Origin, Url};

use super::Place;
use super::place::domain;
use crate::Settings;

/// The names around one place.
#[derive(Clone, Debug)]
pub(super) struct Names {
    /// The place.
    pub(super) place: Place,
    /// `http` or `https`, towards the browser.
    pub(super) scheme: &'static str,
    /// The domain of previews, and the port where they are reached, as they follow a place's label.
    beneath: String,
    /// Where the platform itself is.
    pub(super) home: String,
}

impl Names {
    /// The names as a request knows them that came for this `Host`, the platform's own or a preview's: both are reached by the same port.
    pub(super) fn new(settings: &Settings, place: Place, host: &str) -> Self {
        let domain = domain(settings).unwrap_or_default();
        let port = match &settings.public_url {
            Some(url) => url.port(),
            None => host.rsplit_once(':').and_then(|(_, port)| port.parse().ok()),
        };
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        let home = match &settings.public_url {
            Some(url) => url.origin().ascii_serialization(),
            None => format!("http://127.0.0.1{port}"),
        };
        let scheme = if settings.is_https() { "https" } else { "http" };
        Self { place, scheme, beneath: format!("{domain}{port}"), home }
    }

    /// The host by which the browser reaches the place.
    pub(super) fn outside(&self) -> String {
        format!("{}.{}", self.place.label(), self.beneath)
    }

    /// The origin of a port of the same session, in the browser.
    pub(super) fn origin(&self, port: u16) -> String {
        let place = Place { port, ..self.place };
        format!("{}://{}.{}", self.scheme, place.label(), self.beneath)
    }

    /// The name of the place inside.
    pub(super) fn inside(&self) -> String {
        format!("localhost:{}", self.place.port)
    }

    /// Which port of the same session an origin of the browser is.
    pub(super) fn port_of(&self, origin: &str) -> Option<u16> {
        let label = origin.strip_prefix(self.scheme)?.strip_prefix("://")?.split('.').next()?;
        let port = label.strip_prefix("p-")?.split('-').next()?.parse().ok()?;
        (self.origin(port) == origin).then_some(port)
    }

    /// An address of the browser, as the service in the sandbox should see it: its own origin or a sister's, else as it is.
    pub(super) fn inwards(&self, address: &str) -> String {
        let Ok(url) = Url::parse(address) else { return address.to_owned() };
        match self.port_of(&url.origin().ascii_serialization()) {
            Some(port) => with_origin(address, &format!("http://localhost:{port}")),
            None => address.to_owned(),
        }
    }

    /// An address that the service in the sandbox gives, as the browser reaches it: a port of the sandbox by its preview, else as
    /// it is.
    pub(super) fn outwards(&self, address: &str) -> String {
        let Ok(url) = Url::parse(address) else { return address.to_owned() };
        let Origin::Tuple(scheme, host, port) = url.origin() else { return address.to_owned() };
        let own =
            matches!(host.to_string().as_str(), "localhost" | "127.0.0.1" | "0.0.0.0" | "[::1]" | "[::]");
        // A bare http://localhost/ is what a service says that thinks it is at port 80; it is asked here by its real one.
        let port = if port == 80 { self.place.port } else { port };
        match (own, scheme.as_str()) {
            (true, "http" | "https") => with_origin(address, &self.origin(port)),
            _ => address.to_owned(),
        }
    }
}

/// The same address with another origin; what follows that stays letter by letter.
fn with_origin(address: &str, origin: &str) -> String {
    let begin = address.find("://").map_or(0, |at| at + 3);
    match address[begin..].find(['/', '?', '#']) {
        Some(at) => format!("{origin}{}", &address[begin + at..]),
        None => origin.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use containrlab_domain::ids::SessionId;
    use uuid::Uuid;

    use super::*;
    use crate::settings::tests::settings;

    fn names() -> (Names, String) {
        let session = SessionId(Uuid::from_u128(7));
        let names = Names::new(&settings(None, true), Place { session, port: 8080 }, "127.0.0.1:8000");
        (names, session.0.simple().to_string())
    }

    #[test]
    fn what_a_service_says_of_itself_is_put_into_the_names_that_the_browser_knows() {
        let (names, id) = names();
        let own = format!("http://p-8080-{id}.localhost:8000");
        assert_eq!(names.origin(8080), own);
        for (said, meant) in [
            ("http://localhost:8080/a?b#c", format!("{own}/a?b#c")),
            ("http://127.0.0.1:8080", own.clone()),
            ("https://0.0.0.0:8080/%41//", format!("{own}/%41//")),
            ("http://localhost/login", format!("{own}/login")),
            ("http://localhost:3000/", format!("http://p-3000-{id}.localhost:8000/")),
            ("/login", "/login".to_owned()),
            ("https://docs.docker.com/", "https://docs.docker.com/".to_owned()),
            ("http://localhost.evil.example:8080/", "http://localhost.evil.example:8080/".to_owned()),
        ] {
            assert_eq!(names.outwards(said), meant, "{said}");
        }
    }

    #[test]
    fn a_service_sees_itself_and_its_sisters_as_the_terminal_does_and_others_as_they_are() {
        let (names, id) = names();
        let own = format!("http://p-8080-{id}.localhost:8000");
        assert_eq!(names.inwards(&own), "http://localhost:8080");
        assert_eq!(names.inwards(&format!("{own}/x?y")), "http://localhost:8080/x?y");
        assert_eq!(names.inwards(&format!("http://p-3000-{id}.localhost:8000")), "http://localhost:3000");
        let other = format!("http://p-8080-{}.localhost:8000", Uuid::from_u128(8).simple());
        for foreign in ["https://evil.example", "null", other.as_str()] {
            assert_eq!(names.inwards(foreign), foreign);
            assert_eq!(names.port_of(foreign), None);
        }
    }
}
