//! What will be done, all of it known before anything is: a seed and the number of a step decide, never the time that something
//! took. So the same seed gives the same plan, and a part of a plan can be done again without the rest.

use std::fmt;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// Everything that can be done to the system; `FAULTS=kill-api,flush` leaves the others out.
pub(crate) const ALL: &[&str] = &[
    "kill-api",
    "kill-runner",
    "stop-runner",
    "kill-redis",
    "flush",
    "kill-postgres",
    "cut-postgres",
    "silence-postgres",
    "arm-api",
    "arm-runner",
    "arm-runner",
];

/// Where a process may die or stall; the last three only in a runner.
const POINTS: [&str; 8] = [
    "append_written",
    "append_committed",
    "relay_marked",
    "relay_pushed",
    "relay_committed",
    "started",
    "acted",
    "recorded",
];

/// The steps in which time goes on.
pub(crate) const TICK: Duration = Duration::from_millis(300);

/// How many learners there are.
pub(crate) const LEARNERS: usize = 6;

const LABS: [&str; 2] = ["lab1", "lab2"];

/// All that is done in one run.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Plan {
    /// How long it goes on.
    pub(crate) ticks: usize,
    /// What is done to the system, in order.
    pub(crate) faults: Vec<Fault>,
    /// What learners do; each of them does their own in order.
    pub(crate) commands: Vec<Command>,
}

/// Something that is done to the system.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Fault {
    /// When.
    pub(crate) tick: usize,
    /// What.
    pub(crate) kind: String,
    /// To which runner, if it is about one.
    pub(crate) runner: usize,
    /// After how many ticks it is made good again.
    pub(crate) ticks: usize,
    /// What is armed: point, effect, and at which visit.
    pub(crate) armed: String,
}

/// Something that a learner does.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Command {
    /// Who.
    pub(crate) learner: usize,
    /// How long they pause before it.
    pub(crate) pause: Duration,
    /// In which lab, where there is none yet.
    pub(crate) lab: &'static str,
    /// What.
    pub(crate) act: Act,
}

/// What a learner who has a session does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Act {
    /// Runs a command that takes so many tenths of a second.
    Exec(u32),
    Build,
    /// Writes a file that nobody writes again.
    Save,
    Submit,
    Extend,
    End,
    Look,
}

impl Plan {
    /// The plan of a seed.
    pub(crate) fn of(seed: u64, duration: Duration, kinds: &[String], runners: usize) -> Self {
        let ticks = duration.as_millis().div_ceil(TICK.as_millis()) as usize;
        let mut faults = Vec::new();
        let mut tick = 0;
        for step in 0.. {
            // A step is drawn by its number alone: with another one added or left out, it stays what it is.
            let mut random = drawn(seed, 1, step);
            tick += random.random_range(2..9);
            if tick >= ticks {
                break;
            }
            faults.push(Fault::draw(&mut random, tick, kinds, runners));
        }
        let mut commands = Vec::new();
        for learner in 0..LEARNERS {
            let mut time = Duration::ZERO;
            for step in 0.. {
                let command = Command::draw(&mut drawn(seed, 2 + learner as u64, step), learner);
                time += command.pause;
                if time > duration {
                    break;
                }
                commands.push(command);
            }
        }
        Self { ticks, faults, commands }
    }

    /// As it is, but over after so many ticks, if it was not before; without what nobody would come to in that time.
    pub(crate) fn cut(mut self, ticks: usize) -> Self {
        self.ticks = self.ticks.min(ticks);
        let end = TICK * u32::try_from(self.ticks).expect("a plan of hours at most");
        let mut times = [Duration::ZERO; LEARNERS];
        self.faults.retain(|fault| fault.tick < ticks);
        self.commands.retain(|command| {
            times[command.learner] += command.pause;
            times[command.learner] <= end
        });
        self
    }
}

/// Chance for one step of one who acts.
fn drawn(seed: u64, who: u64, step: u64) -> StdRng {
    let mut bytes = [0; 32];
    for (place, number) in bytes.chunks_mut(8).zip([seed, who, step]) {
        place.copy_from_slice(&number.to_le_bytes());
    }
    StdRng::from_seed(bytes)
}

impl Fault {
    fn draw(random: &mut StdRng, tick: usize, kinds: &[String], runners: usize) -> Self {
        let runner = random.random_range(0..runners);
        let (ticks, points) = (random.random_range(1..8), random.random_range(0..8));
        let effect = if random.random_bool(0.8) { "abort" } else { "stall" };
        let visit = random.random_range(1..6);
        let kind = kinds[random.random_range(0..kinds.len())].clone();
        let point = POINTS[if kind == "arm-api" { points % 5 } else { points }];
        // A runner is stopped for shorter than a lease as well as for much longer; what is silent for too long is only dead.
        let ticks = match kind.as_str() {
            "stop-runner" => 3 * ticks,
            _ => ticks,
        };
        Self { tick, kind, runner, ticks, armed: format!("{point}:{effect}:{visit}") }
    }
}

impl Command {
    fn draw(random: &mut StdRng, learner: usize) -> Self {
        let pause = Duration::from_millis(random.random_range(20..400));
        let lab = LABS[random.random_range(0..LABS.len())];
        let act = match random.random_range(0..100) {
            0..30 => Act::Exec(random.random_range(0..15)),
            30..40 => Act::Build,
            40..70 => Act::Save,
            70..80 => Act::Submit,
            80..84 => Act::Extend,
            84..92 => Act::End,
            _ => Act::Look,
        };
        Self { learner, pause, lab, act }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tick, kind, runner, ticks, armed } = self;
        write!(f, "tick {tick}: {kind}")?;
        if kind.ends_with("runner") {
            write!(f, " {runner}")?;
        }
        if kind.starts_with("arm") {
            return write!(f, " with {armed}");
        }
        if kind != "flush" && kind != "cut-postgres" {
            write!(f, ", for {ticks} ticks")?;
        }
        Ok(())
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "learner {} in {} after {:?}: {:?}", self.learner, self.lab, self.pause, self.act)
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count =
            |number: usize, what: &str| format!("{number} {what}{}", if number == 1 { "" } else { "s" });
        writeln!(
            f,
            "{} of {TICK:?}, {}, {}",
            count(self.ticks, "tick"),
            count(self.faults.len(), "fault"),
            count(self.commands.len(), "command")
        )?;
        for fault in &self.faults {
            writeln!(f, "  {fault}")?;
        }
        // Hundreds of commands say nothing to anybody; a few are what a failure is about.
        if self.commands.len() <= 60 {
            for command in &self.commands {
                writeln!(f, "  {command}")?;
            }
        }
        Ok(())
    }
}

#[test]
fn the_same_seed_gives_the_same_plan() {
    let kinds: Vec<String> = ALL.iter().map(|kind| (*kind).to_owned()).collect();
    let plan = |seed, seconds| Plan::of(seed, Duration::from_secs(seconds), &kinds, 2);
    assert_eq!(plan(7, 60), plan(7, 60));
    assert_ne!(plan(7, 60), plan(8, 60));
    // A longer one begins as the shorter one does.
    let (short, long) = (plan(7, 20), plan(7, 60));
    assert_eq!(short.faults, long.faults[..short.faults.len()]);
    let of = |plan: &Plan, learner| -> Vec<Command> {
        plan.commands.iter().filter(|command| command.learner == learner).cloned().collect()
    };
    for learner in 0..LEARNERS {
        let (short, long) = (of(&short, learner), of(&long, learner));
        assert!(!short.is_empty());
        assert_eq!(short, long[..short.len()]);
    }
    for kind in ALL {
        assert!(long.faults.iter().chain(&plan(9, 200).faults).any(|fault| fault.kind == *kind), "{kind}");
    }
}
