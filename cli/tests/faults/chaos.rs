//! Does to the system what a plan says, when it says so.

use super::house::House;
use super::plan::{Fault, Plan, TICK};

/// What is made good again, and at which tick.
struct Mend {
    tick: usize,
    what: What,
}

enum What {
    Api,
    Runner(usize),
    Resume(usize),
    Redis,
    Postgres,
    Speak,
}

/// Follows the plan from its first tick to its last.
pub(crate) async fn rage(house: &mut House, plan: &Plan) {
    let mut mends: Vec<Mend> = Vec::new();
    let mut faults = plan.faults.iter().peekable();
    let mut clock = tokio::time::interval(TICK);
    clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    for tick in 0..plan.ticks {
        clock.tick().await;
        let (due, later) = mends.into_iter().partition(|mend| mend.tick <= tick);
        mends = later;
        for mend in due {
            make_good(house, mend.what).await;
        }
        while let Some(fault) = faults.next_if(|fault| fault.tick <= tick) {
            mends.extend(strike(house, fault).await.map(|what| Mend { tick: tick + fault.ticks, what }));
        }
        // What `containrlab up` does with a process that died.
        for part in house.parts() {
            if part.has_died() {
                part.revive(None);
            }
        }
    }
}

/// Does it, and says what is to be made good later. What is down already stays so until its own time.
async fn strike(house: &mut House, fault: &Fault) -> Option<What> {
    let runner = fault.runner;
    Some(match fault.kind.as_str() {
        "kill-api" => {
            house.api.kill();
            What::Api
        }
        "kill-runner" => {
            house.runners[runner].kill();
            What::Runner(runner)
        }
        "stop-runner" => {
            if house.runners[runner].stopped || !house.runners[runner].is_alive() {
                return None;
            }
            house.runners[runner].stop();
            What::Resume(runner)
        }
        "kill-redis" => {
            house.services.redis.kill();
            What::Redis
        }
        "kill-postgres" => {
            house.services.postgres.kill();
            What::Postgres
        }
        "silence-postgres" => {
            house.wire.go_silent(true);
            What::Speak
        }
        "cut-postgres" => {
            house.wire.cut();
            return None;
        }
        "flush" => {
            // Without Redis there is nothing to empty.
            let _ = house.flush().await;
            return None;
        }
        "arm-api" | "arm-runner" => {
            let part = if fault.kind == "arm-api" { &mut house.api } else { &mut house.runners[runner] };
            part.kill();
            part.revive(Some(&fault.armed));
            return None;
        }
        other => panic!("FAULTS names {other}, which there is not"),
    })
}

async fn make_good(house: &mut House, what: What) {
    match what {
        What::Api => house.api.revive(None),
        What::Runner(runner) => house.runners[runner].revive(None),
        What::Resume(runner) => house.runners[runner].resume(),
        What::Redis => house.services.redis.revive().await,
        What::Postgres => house.services.postgres.revive().await,
        What::Speak => house.wire.go_silent(false),
    }
}
