//! Names of images.

/// An image's name in its parts, as `FROM` and `COPY --from` write it.
///
/// ```
/// use containrlab_domain::dockerfile::ImageName;
///
/// let image = ImageName::parse("registry.example:5000/team/python:3.13-slim");
/// assert_eq!((image.short(), image.tag), ("python", Some("3.13-slim")));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageName<'n> {
    /// Registry and path, without tag and digest.
    pub repository: &'n str,
    /// What stands behind the colon; empty when nothing follows it.
    pub tag: Option<&'n str>,
    /// What stands behind the `@`.
    pub digest: Option<&'n str>,
}

impl<'n> ImageName<'n> {
    /// Takes a name apart. A colon before the last slash belongs to the registry's port.
    pub fn parse(name: &'n str) -> Self {
        let (name, digest) = match name.split_once('@') {
            Some((name, digest)) => (name, Some(digest)),
            None => (name, None),
        };
        let path = name.rfind('/').map_or(0, |at| at + 1);
        match name[path..].split_once(':') {
            Some((last, tag)) => Self { repository: &name[..path + last.len()], tag: Some(tag), digest },
            None => Self { repository: name, tag: None, digest },
        }
    }

    /// The last part of its path: `python` for `docker.io/library/python:3.13`.
    pub fn short(&self) -> &'n str {
        self.repository.rsplit('/').next().unwrap_or(self.repository)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_ports_and_digests_are_told_apart() {
        for (name, repository, tag, digest) in [
            ("python", "python", None, None),
            ("python:3.13", "python", Some("3.13"), None),
            ("python:", "python", Some(""), None),
            ("host:5000/a/b", "host:5000/a/b", None, None),
            ("host:5000/a/b:1@sha256:00", "host:5000/a/b", Some("1"), Some("sha256:00")),
            ("a@sha256:00", "a", None, Some("sha256:00")),
            ("", "", None, None),
        ] {
            assert_eq!(ImageName::parse(name), ImageName { repository, tag, digest }, "{name}");
        }
    }
}
