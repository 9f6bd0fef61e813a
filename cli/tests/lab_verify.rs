//! The labs' own answers, judged for real beside a system that runs: starter, solution and every wrong answer of each.

mod support;

use support::{Parts, System};

#[tokio::test]
async fn answers_of_labs_come_out_as_they_should() {
    let system = System::start(Parts::All).await;
    let output = tokio::process::Command::new(env!("CARGO_BIN_EXE_containrlab"))
        .args(["lab", "verify"])
        .envs(system.environment())
        .output()
        .await
        .expect("the program starts");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    // The table with its times, for whoever reads the log of a run.
    println!("{said}");
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    let answers = said.lines().filter(|line| line.contains("as it should: ")).count();
    // Ten labs, each with a starter, a solution and four wrong answers or more.
    assert!(answers >= 60 && said.contains(&format!("{answers} of {answers} answers")), "{said}");
}
