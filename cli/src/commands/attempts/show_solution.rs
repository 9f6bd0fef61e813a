//! `containrlab attempts show-solution`.

use containrlab_domain::actor::{Actor, Provenance};
use containrlab_domain::attempt::{Attempt, AttemptCommand};
use containrlab_domain::ids::{AttemptId, RequestId};
use uuid::Uuid;

use super::ShowSolutionArgs;
use crate::commands::databases;
use crate::failure::Failure;
use crate::settings::Environment;

/// Shows the learner of an attempt the lab's solution beside it, by leave.
pub(super) async fn run(environment: &Environment, args: &ShowSolutionArgs) -> Result<u8, Failure> {
    let store = databases::connect(environment).await?;
    let id = AttemptId(args.attempt);
    let attempt = store.attempt(id).await?.ok_or_else(|| {
        let mend = "Its id stands at the end of the address of the attempt's page.";
        Failure::Usage(format!("--attempt: there is no attempt {}. {mend}", args.attempt))
    })?;
    let by = Provenance { actor: Actor::System("instructor"), request: RequestId(Uuid::now_v7()) };
    let lab = &attempt.lab.slug;
    match store.execute::<Attempt>(id.0, AttemptCommand::ShowSolution { leave: true }, &by).await {
        Ok(done) if done.events.is_empty() => println!("The solution of {lab} was shown to them before."),
        Ok(_) => println!("The solution of {lab} is shown to the learner of this attempt from now on."),
        Err(error) => return Err(Failure::Plain(format!("The solution could not be shown: {error}."))),
    }
    Ok(0)
}
