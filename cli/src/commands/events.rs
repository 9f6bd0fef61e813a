//! `containrlab events`.

use std::path::Path;

use containrlab_store::VerifyReport;
use tokio::fs::File;
use tokio::io::{AsyncWriteExt, BufReader, BufWriter, stdin, stdout};

use super::databases;
use crate::args::Events;
use crate::failure::Failure;
use crate::settings::Environment;

/// Lines are gathered to portions of this size.
const BUFFER: usize = 256 * 1024;

/// Moves the ledger to or from a file, or looks it through; a damaged one gives a code other than 0.
pub(crate) async fn run(environment: &Environment, what: Events) -> Result<u8, Failure> {
    match what {
        Events::Export { file } => export(environment, &file).await?,
        Events::Import { file } => import(environment, &file).await?,
        Events::Verify => return verify(environment).await,
    }
    Ok(0)
}

async fn export(environment: &Environment, file: &Path) -> Result<(), Failure> {
    let store = databases::connect(environment).await?;
    let moved = if file.as_os_str() == "-" {
        store.export_ledger(&mut BufWriter::with_capacity(BUFFER, stdout())).await?
    } else {
        // Beside its place until it is whole: a file with this name is a whole one.
        let failure = |doing| Failure::file(format!("{doing} {}", file.display()));
        let unfinished = file.with_added_extension("unfinished");
        let opened = File::create(&unfinished).await.map_err(failure("write"))?;
        let mut writer = BufWriter::with_capacity(BUFFER, opened);
        let moved = store.export_ledger(&mut writer).await?;
        writer.flush().await.map_err(failure("write"))?;
        writer.into_inner().sync_all().await.map_err(failure("write"))?;
        tokio::fs::rename(&unfinished, file).await.map_err(failure("write"))?;
        moved
    };
    // Standard output may be the file itself.
    eprintln!("exported: {moved}");
    Ok(())
}

async fn import(environment: &Environment, file: &Path) -> Result<(), Failure> {
    let store = databases::connect(environment).await?;
    containrlab_store::migrate(&store.settings().database_url).await?;
    let moved = if file.as_os_str() == "-" {
        store.import_ledger(&mut BufReader::with_capacity(BUFFER, stdin())).await?
    } else {
        let opened = File::open(file).await.map_err(Failure::file(format!("read {}", file.display())))?;
        store.import_ledger(&mut BufReader::with_capacity(BUFFER, opened)).await?
    };
    println!("imported: {moved}; jobs that were open are owed again");
    Ok(())
}

async fn verify(environment: &Environment) -> Result<u8, Failure> {
    let store = databases::connect(environment).await?;
    let report = store.verify_ledger(|damage| println!("{damage}")).await?;
    let VerifyReport { events, streams, labs, damages } = report;
    println!("{events} events in {streams} streams, {labs} versions of labs: {damages} damaged places");
    Ok(u8::from(report.damages > 0))
}
