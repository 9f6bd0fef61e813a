//! `containrlab attempts`.

mod rejudge;
mod report;
mod show_solution;
mod target;

use clap::Subcommand;
use uuid::Uuid;

use crate::failure::Failure;
use crate::settings::Environment;

/// What to do with attempts.
#[derive(Debug, Subcommand)]
pub(crate) enum AttemptsCommand {
    /// Judge the stored attempts of a lab again, and say what changed and why
    ///
    /// Each attempt whose newest verdict rests on another version of the lab, of the judge or of the lab's base images than a
    /// judgement would now gets a further verdict, beside those that it has. What a learner has passed stays passed. Learners
    /// who submit meanwhile come first. Can be broken off and run again, also twice at once: nothing is done twice.
    ///
    /// Exit code: 0 every attempt has its verdict, whatever it says; 1 trouble; 2 the platform could not judge some of them, run
    /// it again; 64 there is no such lab or version.
    Rejudge(RejudgeArgs),
    /// Show a learner the solution of a lab though they have not passed: an instructor's leave
    ///
    /// It stands beside this attempt from now on, and the timeline says by whose leave.
    ShowSolution(ShowSolutionArgs),
}

/// Options of `attempts rejudge`.
#[derive(Debug, clap::Args)]
pub(crate) struct RejudgeArgs {
    /// The lab whose attempts are judged
    #[arg(long)]
    lab: String,
    /// The version of the lab to judge by, or its first letters [default: the one in LABS_DIR, else the newest that is kept]
    #[arg(long)]
    version: Option<String>,
    /// Only say which attempts would be judged again, and why
    #[arg(long)]
    dry_run: bool,
    /// For programs
    #[arg(long)]
    json: bool,
}

/// Options of `attempts show-solution`.
#[derive(Debug, clap::Args)]
pub(crate) struct ShowSolutionArgs {
    /// The attempt of theirs beside which it is shown: the id at the end of the address of the attempt's page
    #[arg(long)]
    attempt: Uuid,
}

/// Does it.
pub(crate) async fn run(environment: &Environment, what: AttemptsCommand) -> Result<u8, Failure> {
    match what {
        AttemptsCommand::Rejudge(args) => rejudge::run(environment, &args).await,
        AttemptsCommand::ShowSolution(args) => show_solution::run(environment, &args).await,
    }
}
