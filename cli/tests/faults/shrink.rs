//! A failing plan made as short as it can be: parts of it are left out and the rest is tried again.

use std::time::{Duration, Instant};

use super::plan::Plan;

/// Leaves out as many of a plan's faults, then the time after the last of them, then as many of its commands, as it takes for it
/// to still fail; ends when nothing more can be left out or the time is over. `fails` does a plan and says whether it failed.
pub(crate) async fn shrink(
    plan: Plan,
    patience: Duration,
    mut fails: impl AsyncFnMut(&Plan) -> bool,
) -> Plan {
    let until = Instant::now() + patience;
    let mut shortest = plan;
    let faults = shortest.faults.clone();
    let frame = shortest.clone();
    shortest.faults =
        without(faults, until, async |faults| fails(&Plan { faults, ..frame.clone() }).await).await;
    if let Some(mended) = shortest.faults.iter().map(|fault| fault.tick + fault.ticks + 1).max() {
        let shorter = shortest.clone().cut(mended);
        if Instant::now() < until && shorter != shortest && fails(&shorter).await {
            shortest = shorter;
        }
    }
    let commands = shortest.commands.clone();
    let frame = shortest.clone();
    shortest.commands =
        without(commands, until, async |commands| fails(&Plan { commands, ..frame.clone() }).await).await;
    shortest
}

/// Delta debugging: leaves out halves, then quarters, and so on down to single items.
async fn without<T: Clone>(
    mut items: Vec<T>,
    until: Instant,
    mut fails: impl AsyncFnMut(Vec<T>) -> bool,
) -> Vec<T> {
    let mut parts = 2;
    while !items.is_empty() {
        let size = items.len().div_ceil(parts);
        let mut left_out = false;
        let mut at = 0;
        while at < items.len() {
            if Instant::now() >= until {
                return items;
            }
            let end = (at + size).min(items.len());
            let rest = [&items[..at], &items[end..]].concat();
            if fails(rest.clone()).await {
                items = rest;
                left_out = true;
            } else {
                at = end;
            }
        }
        if size == 1 && !left_out {
            break;
        }
        parts = if left_out { parts.max(2) } else { parts * 2 }.min(items.len().max(1));
    }
    items
}

#[tokio::test]
async fn a_failing_plan_is_made_as_short_as_it_can_be() {
    let kinds = ["kill-api", "kill-runner", "flush"].map(str::to_owned);
    let plan = Plan::of(5, Duration::from_secs(120), &kinds, 2);
    let (first, last) = (plan.faults[3].clone(), plan.faults[plan.faults.len() - 2].clone());
    let needed = plan.commands[plan.commands.len() / 2].clone();
    let mut tries = 0;
    let shrunk = shrink(plan.clone(), Duration::from_secs(60), async |plan| {
        tries += 1;
        plan.faults.contains(&first) && plan.faults.contains(&last) && plan.commands.contains(&needed)
    })
    .await;
    assert!(shrunk.faults == [first, last] && shrunk.commands.contains(&needed), "{shrunk}");
    assert!(shrunk.commands.len() <= 2, "{shrunk}");
    assert!(
        tries < 250,
        "{tries} tries for {} faults and {} commands",
        plan.faults.len(),
        plan.commands.len()
    );
    // With no time left, what fails stays what it is.
    assert_eq!(shrink(plan.clone(), Duration::ZERO, async |_| true).await, plan);
}
