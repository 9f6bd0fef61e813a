//! The labs' own answers, judged for real beside a system that runs: every answer of lab1, starters and solutions of all others.

mod support;

use support::{Parts, System};

#[tokio::test]
async fn answers_of_labs_come_out_as_they_should() {
    let system = System::start(Parts::All).await;
    for arguments in [&["lab1"][..], &["lab2", "lab3", "--quick"]] {
        let output = tokio::process::Command::new(env!("CARGO_BIN_EXE_containrlab"))
            .args(["lab", "verify"])
            .args(arguments)
            .envs(system.environment())
            .output()
            .await
            .expect("the program starts");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
        let answers = said.lines().filter(|line| line.contains("as it should: ")).count();
        assert!(answers >= 4 && said.contains(&format!("{answers} of {answers} answers")), "{said}");
    }
}
