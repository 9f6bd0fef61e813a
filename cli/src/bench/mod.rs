//! `containrlab bench`: our figures, each beside a baseline that is measured in the same run, so that a slow machine slows both.
//!
//! To add a figure: implement [`Figure`] in a file of its own, and list it in [`figures`].

mod builds;
mod figure;
mod house;
mod judgement;
mod ledger_sessions;
mod memory;
mod pickup;
mod rebuild;
mod starts;
mod static_checks;
mod table;

use crate::args::BenchArgs;
use crate::failure::Failure;
use crate::process::signals::Stops;
use crate::progress::Progress;
use crate::services::postgres::Durability;
use crate::settings::{Environment, Stack, crates, variables};
use crate::stack::{remove, start_databases, stop_all};
use crate::state::{Lock, StateDir};

use figure::{Bed, Figure};
use house::House;
use table::Row;

/// The state folder of the whole system that some figures need, beneath the main one: it has databases of its own, for what the
/// other figures have asked for in theirs would keep its runner busy.
pub(crate) const HOUSE: &str = "bench/house";

/// All figures, in the order of the table.
fn figures() -> Vec<Box<dyn Figure>> {
    let mut figures: Vec<Box<dyn Figure>> =
        vec![Box::new(ledger_sessions::Throughput), Box::new(ledger_sessions::Latency)];
    figures.extend(pickup::figures());
    figures.extend([Box::new(rebuild::Rate) as Box<dyn Figure>, Box::new(rebuild::Growth)]);
    figures.extend([Box::new(starts::Cold) as Box<dyn Figure>, Box::new(starts::WarmHalf)]);
    figures.extend([Box::new(starts::WarmMost) as Box<dyn Figure>, Box::new(memory::Idle)]);
    figures.extend([Box::new(memory::Many) as Box<dyn Figure>, Box::new(builds::Build)]);
    figures.push(Box::new(judgement::Judgement));
    figures.push(Box::new(static_checks::Promise));
    figures
}

/// Measures, prints the table, and gives 0 if every target is met.
pub(crate) async fn run(environment: &Environment, args: BenchArgs) -> Result<u8, Failure> {
    let wanted = args.only.as_deref().unwrap_or_default();
    let figures: Vec<_> = figures().into_iter().filter(|figure| figure.name().contains(wanted)).collect();
    if figures.is_empty() {
        return Err(Failure::Plain(format!("No figure's name contains \"{wanted}\".")));
    }
    let main = Stack::read(environment)?;
    let state = StateDir::open(main.state_dir.join("bench"))?;
    let house_state = StateDir::open(main.state_dir.join(HOUSE))?;
    let Some(_lock) = state.lock("bench", Lock::Alone)? else {
        return Err(Failure::Plain(
            "Another `containrlab bench` runs; two at once would measure one another.".into(),
        ));
    };
    // Databases of its own: measuring must not touch data, nor find any.
    let stack = Stack { database_url: None, redis_url: None, ..main };
    let progress = Progress::new();
    let mut stops = Stops::listen()?;
    // What an earlier run wrote, or left running, would be measured too.
    stop_all(environment, &state, &progress).await?;
    for data in ["postgres", "redis"] {
        remove(&state.path(data))?;
    }
    let house = House::new(environment.clone(), stack.clone(), house_state.clone(), progress.clone());
    let rows = tokio::select! {
        rows = measure(environment, &stack, &state, house, &figures, &progress) => rows,
        signal = stops.next() => Err(Failure::Plain(format!("Stopped by signal {signal} before it was done."))),
    };
    for state in [&house_state, &state] {
        stop_all(environment, state, &progress).await?;
    }
    let rows = rows?;
    print!("\n{}", table::text(&rows));
    if let Some(file) = args.json {
        std::fs::write(&file, table::json(&rows))
            .map_err(Failure::file(format!("write {}", file.display())))?;
    }
    Ok(u8::from(!rows.iter().all(Row::is_met)))
}

async fn measure(
    environment: &Environment,
    stack: &Stack,
    state: &StateDir,
    house: House,
    figures: &[Box<dyn Figure>],
    progress: &Progress,
) -> Result<Vec<Row>, Failure> {
    let databases = start_databases(stack, state, Durability::Kept, progress).await?;
    let mut environment = environment.clone();
    environment.set(&variables::DATABASE_URL, databases.database_url);
    environment.set(&variables::REDIS_URL, databases.redis_url);
    containrlab_store::migrate(&crates::database_url(&environment)?).await?;
    let settings = containrlab_store::Settings { pool_size: figure::WRITERS, ..crates::store(&environment)? };
    let bed = Bed { store: containrlab_store::Store::connect(settings).await?, house };
    let mut rows = Vec::new();
    for figure in figures {
        let step = progress.step(figure.name());
        // One figure's trouble is not the others': what took long to measure is not thrown away.
        rows.push(match figure.measure(&bed).await {
            Ok(measured) => {
                step.done("measured");
                Row::new(figure.as_ref(), measured)
            }
            Err(failure) => {
                step.note(&format!("{}: {failure}", figure.name()));
                Row::failed(figure.as_ref(), failure.to_string())
            }
        });
    }
    bed.house.leave().await;
    Ok(rows)
}
