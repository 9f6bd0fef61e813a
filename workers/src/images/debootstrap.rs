//! A Debian root file system without any image to start from.

use std::process::Stdio;

use bollard::query_parameters::CreateImageOptions;
use futures::StreamExt;
use tokio::io::AsyncReadExt;
use tokio::process::Command;
use tokio_util::io::ReaderStream;

use super::{IMAGE_LABEL, Images};
use crate::sandbox::SandboxError;

/// What Debian's own slim images leave out: pages that nobody reads in a container.
const LEFT_OUT: [&str; 7] = [
    "path-exclude=/usr/share/doc/*",
    "path-include=/usr/share/doc/*/copyright",
    "path-exclude=/usr/share/groff/*",
    "path-exclude=/usr/share/info/*",
    "path-exclude=/usr/share/lintian/*",
    "path-exclude=/usr/share/locale/*",
    "path-exclude=/usr/share/man/*",
];

/// What Debian's own images set for apt: no downloads are left in a layer.
/// Written once the root file system is there: as an option of the bootstrap it would clean this machine's caches.
pub(super) const AS_IN_DOCKER: &str = r#"
rm -f "$1"/var/cache/apt/*.bin
cat > "$1/etc/apt/apt.conf.d/docker-clean" <<'END'
DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/archives/partial/*.deb /var/cache/apt/*.bin || true"; };
APT::Update::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/archives/partial/*.deb /var/cache/apt/*.bin || true"; };
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
END
echo 'Apt::AutoRemove::SuggestsImportant "false";' > "$1/etc/apt/apt.conf.d/docker-autoremove-suggests"
"#;

impl Images {
    /// Makes a minimal root file system and imports it as `reference`, in one stream: nothing is laid down in between.
    pub(super) async fn debootstrap(
        &self,
        name: &str,
        suite: &str,
        reference: &str,
    ) -> Result<(), SandboxError> {
        let mut command = Command::new("mmdebstrap");
        command.args([
            "--variant=minbase",
            "--format=tar",
            "--quiet",
            "--aptopt=Acquire::Languages \"none\"",
            // As Debian's own images have it: a build that dies is begun anew, so nothing has to wait for the disk.
            "--dpkgopt=force-unsafe-io",
        ]);
        command.arg(format!("--customize-hook={AS_IN_DOCKER}"));
        command.args(LEFT_OUT.map(|option| format!("--dpkgopt={option}")));
        if self.settings.mirror.as_deref().is_some_and(is_snapshot) {
            // An index of a day that is past is no longer valid, and shall be taken all the same.
            command.arg("--aptopt=Acquire::Check-Valid-Until \"false\"");
        }
        command.args([suite, "-"]).args(&self.settings.mirror);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let failed = |detail: String| SandboxError::ImageBuild { name: name.to_owned(), detail };
        let mut child = command.spawn().map_err(|source| SandboxError::Tool {
            program: "mmdebstrap".to_owned(),
            detail: source.to_string(),
        })?;
        let (Some(output), Some(mut errors)) = (child.stdout.take(), child.stderr.take()) else {
            return Err(failed("mmdebstrap gave no output".to_owned()));
        };
        let log = tokio::spawn(async move {
            let mut text = Vec::new();
            // What can't be read of the log is only missing from the message.
            let _ = errors.read_to_end(&mut text).await;
            String::from_utf8_lossy(&text).into_owned()
        });

        let (repository, tag) = reference.rsplit_once(':').unwrap_or((reference, "latest"));
        let options = CreateImageOptions {
            from_src: Some("-".to_owned()),
            repo: Some(repository.to_owned()),
            tag: Some(tag.to_owned()),
            changes: vec!["CMD [\"bash\"]".to_owned(), format!("LABEL {IMAGE_LABEL}={name}")],
            ..CreateImageOptions::default()
        };
        let body = bollard::body_try_stream(ReaderStream::with_capacity(output, 256 << 10));
        let mut import = std::pin::pin!(self.docker.create_image(Some(options), Some(body), None));
        let mut import_error = None;
        while let Some(step) = import.next().await {
            if let Err(error) = step {
                import_error = Some(error);
            }
        }
        let status = child.wait().await.map_err(|error| failed(error.to_string()))?;
        let log = log.await.unwrap_or_default();
        if !status.success() {
            // A cut-off stream may have been imported all the same.
            self.forget(reference).await;
            return Err(failed(super::build::tail(&log)));
        }
        match import_error {
            None => Ok(()),
            Some(error) => Err(failed(error.to_string())),
        }
    }
}

/// Whether a mirror serves the packages of one day: snapshot mirrors have it in the path, as in `…/20251101T000000Z/`.
fn is_snapshot(mirror: &str) -> bool {
    mirror.split('/').map(str::as_bytes).any(|part| {
        let digits = |range: std::ops::Range<usize>| part[range].iter().all(u8::is_ascii_digit);
        part.len() == 16 && part[8] == b'T' && part[15] == b'Z' && digits(0..8) && digits(9..15)
    })
}

#[cfg(test)]
mod tests {
    use super::is_snapshot;

    #[test]
    fn a_snapshot_is_told_by_its_day() {
        assert!(is_snapshot("http://mirror.example/archive/debian/20251101T000000Z/"));
        assert!(is_snapshot("http://mirror.example/archive/debian/20251101T000000Z"));
        assert!(!is_snapshot("http://mirror.example/debian"));
        assert!(!is_snapshot("http://mirror.example/ëëëëëëëë/20251101"));
    }
}
