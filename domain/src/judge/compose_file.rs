//! Where things stand in a compose file.

use crate::lab::LabFiles;
use crate::verdict::Place;

/// The names under which Docker looks for a compose file, in its order.
const NAMES: [&str; 4] = ["compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"];

/// The workspace's compose file.
pub(super) fn name(files: &LabFiles) -> Option<&'static str> {
    NAMES.into_iter().find(|name| files.contains_key(*name))
}

/// The line of a service's key, or of the service, or at least the file. The file is not parsed for that: what Docker makes of it
/// is told by Docker, and this only says where to look.
pub(super) fn place(files: &LabFiles, service: &str, key: Option<&str>) -> Option<Place> {
    let file = name(files)?;
    let text = String::from_utf8_lossy(files.get(file)?);
    let lines: Vec<&str> = text.lines().collect();
    let services = child(&lines, 0, lines.len(), None, "services");
    let of_service =
        services.and_then(|at| child(&lines, at + 1, lines.len(), Some(indent(lines[at])), service));
    let of_key = of_service
        .zip(key)
        .and_then(|(at, key)| child(&lines, at + 1, lines.len(), Some(indent(lines[at])), key));
    let at = of_key.or(of_service);
    Some(Place {
        file: file.to_owned(),
        line: at.and_then(|at| u32::try_from(at + 1).ok()),
        end_line: None,
        excerpt: at.map(|at| lines[at].to_owned()),
    })
}

/// The place that an error of `docker compose` speaks of: `yaml: line 4: …`.
pub(super) fn place_of_error(files: &LabFiles, error: &str) -> Option<Place> {
    let file = name(files)?;
    let line: Option<u32> = error
        .split_once("line ")
        .and_then(|(_, rest)| rest.chars().take_while(char::is_ascii_digit).collect::<String>().parse().ok());
    let text = String::from_utf8_lossy(files.get(file)?);
    let excerpt = line
        .and_then(|line| text.lines().nth(usize::try_from(line).ok()?.checked_sub(1)?))
        .map(str::to_owned);
    Some(Place { file: file.to_owned(), line: line.filter(|_| excerpt.is_some()), end_line: None, excerpt })
}

/// The line of a key one level below a line with this indent; at the top when there is none.
fn child(lines: &[&str], from: usize, to: usize, below: Option<usize>, key: &str) -> Option<usize> {
    let mut level = None;
    for (at, line) in lines.iter().enumerate().take(to).skip(from) {
        let text = line.trim_start();
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        let depth = indent(line);
        if below.is_some_and(|parent| depth <= parent) {
            return None;
        }
        if depth != *level.get_or_insert(depth) {
            continue;
        }
        let name = text.split(':').next().unwrap_or_default().trim().trim_matches(['"', '\'']);
        if name == key && text.contains(':') {
            return Some(at);
        }
    }
    None
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# a\nservices:\n  web:\n    build: .\n    ports:\n      - 1:1\n\n  \"db\":\n    image: x\n    environment:\n      ports: 1\nvolumes:\n  web:\n";

    fn line(service: &str, key: Option<&str>) -> Option<u32> {
        let files = [("compose.yml".to_owned(), FILE.as_bytes().to_vec())].into();
        place(&files, service, key).and_then(|place| place.line)
    }

    #[test]
    fn a_key_is_found_in_its_own_service_only() {
        assert_eq!(line("web", Some("ports")), Some(5));
        assert_eq!(line("db", Some("image")), Some(9));
        assert_eq!(line("db", Some("ports")), Some(8), "the service, when it has no such key");
        assert_eq!(line("cache", None), None);
        assert_eq!(place(&LabFiles::new(), "web", None), None);
    }

    #[test]
    fn an_errors_line_is_shown() {
        let files = [("compose.yaml".to_owned(), FILE.as_bytes().to_vec())].into();
        let found = place_of_error(&files, "yaml: line 4: mapping values are not allowed").expect("a place");
        assert_eq!((found.line, found.excerpt.as_deref()), (Some(4), Some("    build: .")));
        assert_eq!(place_of_error(&files, "no such thing").expect("a place").line, None);
    }
}
