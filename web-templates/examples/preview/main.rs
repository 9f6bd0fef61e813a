//! Renders every page with sample data into a folder, with its static files, for any static web server to show:
//! `cargo run -p containrlab-web-templates --example preview -- <folder>`.

use std::path::PathBuf;
use std::{env, fs};

use containrlab_web_templates::{asset_url, static_files};

// Data for the tests as well; they are the ones that use all of it.
#[allow(dead_code, missing_docs, unreachable_pub)]
mod samples;

fn main() -> std::io::Result<()> {
    let Some(folder) = env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("Name the folder to write to.");
        std::process::exit(2);
    };
    fs::create_dir_all(&folder)?;
    for (name, html) in samples::pages() {
        fs::write(folder.join(format!("{name}.html")), html)?;
    }
    for path in static_files::paths() {
        let file = static_files::get(path).expect("a path of the table");
        let target = folder.join(asset_url(path).trim_start_matches('/'));
        fs::create_dir_all(target.parent().expect("a folder below static"))?;
        fs::write(target, file.bytes)?;
    }
    println!("{}", folder.display());
    Ok(())
}
