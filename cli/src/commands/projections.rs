//! `containrlab projections`.

use super::databases;
use crate::args::Projections;
use crate::failure::Failure;
use crate::settings::Environment;

/// Says where the projections stand, or builds them anew.
pub(crate) async fn run(environment: &Environment, what: Projections) -> Result<(), Failure> {
    let store = databases::connect(environment).await?;
    match what {
        Projections::Status => {
            println!(
                "{:<20} {:>6} {:>8} {:>9} {:>12} {:>15} {:>15}",
                "projection", "build", "version", "state", "events", "behind (events)", "behind (s)"
            );
            for one in store.projection_status().await? {
                println!(
                    "{:<20} {:>6} {:>8} {:>9} {:>12} {:>15} {:>15.1}",
                    one.name,
                    one.build,
                    one.version,
                    if one.live { "live" } else { "building" },
                    one.events,
                    one.behind_events,
                    one.behind_seconds
                );
            }
        }
        Projections::Rebuild { name } => {
            for one in store.rebuild_projections(name.as_deref()).await? {
                let seconds = one.took.as_secs_f64();
                println!("{}: built anew from {} events in {seconds:.1} s", one.name, one.events);
            }
        }
    }
    Ok(())
}
