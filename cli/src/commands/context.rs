//! `containrlab context`.

use std::io::Read;
use std::path::{Path, PathBuf};

use containrlab_domain::context::{BuildContext, ContextPath, DockerIgnore, IgnoreFault};
use containrlab_domain::judge::{DOCKERFILE, DOCKERIGNORE};
use serde::Serialize;

use super::excerpt::plain;
use crate::failure::Failure;
use crate::folder;

/// Bytes of a Dockerfile or a .dockerignore that are read.
const MOST_BYTES: u64 = 1 << 20;

/// Options of `context`.
#[derive(Debug, clap::Args)]
pub(crate) struct ContextArgs {
    /// The folder that would be built
    folder: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    paths: Vec<ContextPath>,
    sent: usize,
    left_out: usize,
    sent_bytes: u64,
    /// Lines of .dockerignore that mean nothing.
    faults: Vec<IgnoreFault>,
}

/// Says of each path whether a build would send it, and which rule decided.
pub(crate) fn run(args: &ContextArgs) -> Result<u8, Failure> {
    let entries = folder::list(&args.folder, &|_| true)?;
    let has_ignore = entries.iter().any(|entry| entry.path == DOCKERIGNORE);
    let ignore = if has_ignore { read(&args.folder.join(DOCKERIGNORE))? } else { Vec::new() };
    let context = BuildContext::new(DockerIgnore::read(&ignore), DOCKERFILE);
    let paths = context.explain(entries.iter().map(|entry| entry.path.as_str()));
    let sent = paths.iter().filter(|path| path.included).count();
    let sizes = entries.iter().zip(&paths).filter(|(_, path)| path.included);
    let sent_bytes = sizes.map(|(entry, _)| entry.size).sum();
    let faults = context.ignore().faults().to_vec();
    let report = Report { left_out: paths.len() - sent, sent, sent_bytes, paths, faults };
    if args.json {
        println!("{}", super::json(&report)?);
        return Ok(0);
    }
    for path in &report.paths {
        let word = if path.included { "sent    " } else { "left out" };
        let rule = path.rule.as_deref().map(|rule| format!("   ({})", plain(rule))).unwrap_or_default();
        println!("{word}  {}{rule}", plain(&path.path));
    }
    for fault in &report.faults {
        println!("warning: {DOCKERIGNORE}:{}: {}", fault.line, fault.message);
    }
    println!(
        "{} paths are sent ({} bytes), {} are left out",
        report.sent, report.sent_bytes, report.left_out
    );
    Ok(0)
}

/// A small file that a person named.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let name = path.display();
    if path.is_dir() {
        return Err(Failure::Usage(format!("{name} is a folder, not a file.")));
    }
    let unreadable = |error| Failure::Usage(format!("{name} can't be read: {error}."));
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(unreadable)?;
    file.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(Failure::Usage(format!("{name} has more than {MOST_BYTES} bytes.")));
    }
    Ok(bytes)
}
