//! Programs of the host that the volume store and the firewall need.

use std::ffi::OsStr;
use std::process::Stdio;

use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::SandboxError;

/// Runs a program to its end and gives its output.
pub(super) async fn run<A: AsRef<OsStr>>(program: &str, arguments: &[A]) -> Result<String, SandboxError> {
    run_with_input(program, arguments, "").await
}

/// Runs a program to its end with some input and gives its output.
pub(super) async fn run_with_input<A: AsRef<OsStr>>(
    program: &str,
    arguments: &[A],
    input: &str,
) -> Result<String, SandboxError> {
    let failed = |detail: String| SandboxError::Tool { program: program.to_owned(), detail };
    let mut child = Command::new(program)
        .args(arguments)
        .env("LC_ALL", "C")
        .env("PATH", path_with_sbin())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| failed(format!("it can't be started ({error}); is it installed?")))?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(input.as_bytes()).await.map_err(|error| failed(error.to_string()))?;
    }
    let output = child.wait_with_output().await.map_err(|error| failed(error.to_string()))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let words: Vec<_> =
        arguments.iter().map(|argument| argument.as_ref().to_string_lossy().into_owned()).collect();
    let said = String::from_utf8_lossy(&output.stderr);
    let said: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    Err(failed(format!("`{program} {}` ended with {}: {}", words.join(" "), output.status, said.join("; "))))
}

/// mkfs and mount lie where an ordinary user's PATH doesn't look.
fn path_with_sbin() -> String {
    let path = std::env::var("PATH").unwrap_or_default();
    format!("{path}:/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_program_that_fails_is_quoted() {
        let error = run("sh", &["-c", "echo oh no >&2; exit 3"]).await.unwrap_err().to_string();
        assert!(error.contains("oh no") && error.contains('3'), "{error}");
    }

    #[tokio::test]
    async fn a_program_that_is_missing_is_named() {
        let error = run("no-such-program-here", &["x"]).await.unwrap_err();
        assert_eq!(error.code(), "host_tool_failed");
        assert!(error.to_string().contains("no-such-program-here"));
    }
}
