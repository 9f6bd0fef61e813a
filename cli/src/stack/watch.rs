//! Watches over what was started, and starts it again when it dies.

use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use crate::failure::Failure;
use crate::process::Running;
use crate::progress::Progress;
use crate::services::Service;

/// Pauses before each new start of something that keeps dying; after the last of them the system gives up.
const PAUSES: [Duration; 5] = [
    Duration::from_millis(200),
    Duration::from_secs(1),
    Duration::from_secs(3),
    Duration::from_secs(6),
    Duration::from_secs(12),
];

/// A process that lived this long was well: its next death counts as the first.
const WELL: Duration = Duration::from_secs(60);

/// Runs until it is aborted, or until the service has died once too often: then it says so through `given_up`.
pub(crate) async fn watch(
    service: Service,
    mut running: Running,
    progress: Progress,
    given_up: mpsc::Sender<Failure>,
) {
    let mut deaths = 0;
    let mut since = Instant::now();
    loop {
        running.ended().await;
        loop {
            if since.elapsed() > WELL {
                deaths = 0;
            }
            let Some(pause) = PAUSES.get(deaths) else {
                let failure =
                    service.failed(format!("died {} times in a row, so everything is stopped", deaths + 1));
                // Nobody listens any more only when everything is being stopped already.
                let _ = given_up.send(failure).await;
                return;
            };
            deaths += 1;
            progress.say(&format!(
                "  ! {} ended on its own; starting it again (see {})",
                service.name,
                service.launch.log.display()
            ));
            tokio::time::sleep(*pause).await;
            since = Instant::now();
            match service.start().await {
                Ok(started) => {
                    progress.say(&format!("  ✓ {} runs again", service.name));
                    running = started;
                    break;
                }
                Err(failure) => progress.say(&format!("  ! {failure}")),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::Launch;
    use crate::services::Ready;
    use crate::state::StateDir;
    use rustix::process::Signal;

    #[tokio::test]
    async fn what_dies_is_started_again_under_a_new_number() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateDir::open(folder.path().join("state")).unwrap();
        let ready = folder.path().join("ready");
        let service = Service {
            name: "The test service",
            launch: Launch::new("sh", state.log("test"))
                .arguments(["-c", &format!(": > {}; exec sleep 60", ready.display())]),
            ready: Ready::File(ready),
            patience: Duration::from_secs(20),
            stop: Signal::KILL,
            grace: Duration::from_secs(20),
            pid_file: state.pid_file("test"),
        };
        let first = service.start().await.unwrap();
        let (given_up, _listens) = mpsc::channel(1);
        let watcher = tokio::spawn(watch(service.clone(), first.clone(), Progress::new(), given_up));
        first.signal(Signal::KILL);
        let deadline = Instant::now() + Duration::from_secs(30);
        let second = loop {
            match service.pid_file.living() {
                Some(identity) if identity != first.identity => break identity,
                _ => tokio::time::sleep(Duration::from_millis(20)).await,
            }
            assert!(Instant::now() < deadline, "it was not started again");
        };
        watcher.abort();
        service.end(&Running::open(second).unwrap()).await;
    }
}
