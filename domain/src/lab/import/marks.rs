//! The marks of scenarios' Markdown, which a page of ours shows without them.

/// A text without its marks, and how many of each were changed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Unmarked {
    pub(super) text: String,
    /// `{{exec}}`, `{{execute T2}}`, `{{copy}}`, `{{open}}` and their kin behind a piece of code.
    pub(super) commands: usize,
    /// Of these, the ones that press Ctrl-C first.
    pub(super) interrupts: usize,
    /// Addresses of a port of the scenario's machine.
    pub(super) ports: usize,
    /// Marks that nobody here knows; they stay as they are.
    pub(super) unknown: Vec<String>,
}

/// Takes the marks out of a text: code stays as code, and the address of a port becomes one on the learner's own
/// machine.
pub(super) fn unmark(text: &str) -> Unmarked {
    let mut out = Unmarked::default();
    let mut rest = text;
    while let Some(start) = rest.find(['{', '[', '<']) {
        out.text.push_str(&rest[..start]);
        rest = &rest[start..];
        let taken = braces(rest, &mut out).or_else(|| host(rest, &mut out)).or_else(|| file(rest, &mut out));
        match taken {
            Some(length) => rest = &rest[length..],
            None => {
                let length = rest.chars().next().map_or(1, char::len_utf8);
                out.text.push_str(&rest[..length]);
                rest = &rest[length..];
            }
        }
    }
    out.text.push_str(rest);
    out
}

/// `{{…}}`: its length, when there is one here.
fn braces(rest: &str, out: &mut Unmarked) -> Option<usize> {
    let inner = rest.strip_prefix("{{")?;
    let end = inner.find("}}").filter(|end| !inner[..*end].contains('\n'))?;
    let mark = inner[..end].trim();
    let words: Vec<&str> = mark.split_whitespace().collect();
    match words.as_slice() {
        ["exec" | "execute" | "copy" | "open", options @ ..] if out.text.ends_with('`') => {
            out.commands += 1;
            out.interrupts += usize::from(options.contains(&"interrupt"));
        }
        [one] if one.starts_with("TRAFFIC_") => {
            let port = one.rsplit('_').next().filter(|port| port.parse::<u16>().is_ok());
            match port {
                Some(port) => return Some(2 + end + 2 + address(port, &inner[end + 2..], out)),
                // TRAFFIC_SELECTOR: a page that asks for the port.
                None => {
                    out.unknown.push(mark.to_owned());
                    return None;
                }
            }
        }
        _ => {
            // Templates of Go and of docker's --format look the same and are none of these.
            if words.first().is_some_and(|word| matches!(*word, "exec" | "execute" | "copy" | "open")) {
                out.unknown.push(mark.to_owned());
            }
            return None;
        }
    }
    Some(2 + end + 2)
}

/// Katacoda's `https://[[HOST_SUBDOMAIN]]-80-[[KATACODA_HOST]].environments.katacoda.com`, and `[[HOST_IP]]`.
fn host(rest: &str, out: &mut Unmarked) -> Option<usize> {
    if rest.starts_with("[[HOST_IP]]") {
        out.ports += 1;
        out.text.push_str("localhost");
        return Some("[[HOST_IP]]".len());
    }
    let inner = rest.strip_prefix("[[HOST_SUBDOMAIN]]-")?;
    let (port, tail) = inner.split_once("-[[KATACODA_HOST]]")?;
    port.parse::<u16>().ok()?;
    let tail = tail.strip_prefix(".environments.katacoda.com").unwrap_or(tail);
    let scheme = out.text.trim_end_matches("https://").trim_end_matches("http://").len();
    out.text.truncate(scheme);
    Some(rest.len() - tail.len() + address(port, tail, out))
}

/// Writes the address of a port, and gives how much of what follows it belongs to it. A link becomes text: from the
/// browser it would lead to the reader's own machine.
fn address(port: &str, tail: &str, out: &mut Unmarked) -> usize {
    out.ports += 1;
    let label = out.text.strip_suffix("](").and_then(|before| Some((before.rfind('[')?, before.len())));
    let (Some((open, close)), Some(end)) = (label, tail.find([')', '\n'])) else {
        out.text.push_str(&format!("http://localhost:{port}"));
        return 0;
    };
    let label = out.text[open + 1..close].to_owned();
    out.text.truncate(open);
    out.text.push_str(&format!("{label} (`http://localhost:{port}{}`)", &tail[..end]));
    end + 1
}

/// Katacoda's `<pre class="file" data-filename="app.js" …>…</pre>`: a block of code with the file's name above it.
fn file(rest: &str, out: &mut Unmarked) -> Option<usize> {
    let inner = rest.strip_prefix("<pre class=\"file\"")?;
    let (attributes, inner) = inner.split_once('>')?;
    let (content, tail) = inner.split_once("</pre>")?;
    let name = attributes.split_once("data-filename=\"").and_then(|(_, rest)| rest.split_once('"'));
    if let Some((name, _)) = name {
        out.text.push_str(&format!("`{name}`:\n\n"));
    }
    out.text.push_str(&format!("```\n{}\n```", content.trim_matches('\n')));
    out.commands += 1;
    Some(rest.len() - tail.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_go_and_code_stays() {
        let found = unmark(
            "Run `ls -a`{{exec}} or `top`{{execute interrupt T2}}.\n\n```\ndocker ps\n```{{exec}}\n`x`{{copy}} `a.py`{{open}}\n",
        );
        assert_eq!(found.text, "Run `ls -a` or `top`.\n\n```\ndocker ps\n```\n`x` `a.py`\n");
        assert_eq!((found.commands, found.interrupts, found.ports), (5, 1, 0));
    }

    #[test]
    fn ports_are_those_of_the_learners_own_machine() {
        let found = unmark(
            "[Open]({{TRAFFIC_HOST1_8080}}/health), https://[[HOST_SUBDOMAIN]]-80-[[KATACODA_HOST]].environments.katacoda.com/x, curl [[HOST_IP]]:80",
        );
        assert_eq!(
            found.text,
            "Open (`http://localhost:8080/health`), http://localhost:80/x, curl localhost:80"
        );
        assert_eq!(found.ports, 3);
    }

    #[test]
    fn what_only_looks_like_a_mark_stays() {
        let text = "`docker ps --format '{{.Names}}'` {{ .Values.x }} [[a]] <pre>x</pre> {{exec";
        assert_eq!(unmark(text), Unmarked { text: text.to_owned(), ..Unmarked::default() });
        let found = unmark("{{TRAFFIC_SELECTOR}} {{exec}}");
        assert_eq!(found.unknown, ["TRAFFIC_SELECTOR", "exec"]);
    }

    #[test]
    fn a_file_to_write_becomes_a_block_with_its_name() {
        let found =
            unmark("<pre class=\"file\" data-filename=\"app.js\" data-target=\"replace\">var x\n</pre>\n");
        assert_eq!(found.text, "`app.js`:\n\n```\nvar x\n```\n");
    }
}
