//! A network whose services have certificates of its own authority: builds and containers trust them once the images do.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use bollard::query_parameters::RemoveImageOptions;
use containrlab_workers::images::Images;
use containrlab_workers::sandbox::Egress;

use crate::bed::{Bed, learner, works};
use crate::names;
use crate::outside::{Outside, PLACES};

/// An authority, a certificate of it for `words.example`, and what is served there, all in a folder.
const MAKE: &str = "
openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj '/CN=a stand-in for an authority' \\
    -addext keyUsage=critical,keyCertSign,cRLSign
openssl req -newkey rsa:2048 -nodes -keyout key.pem -out request.pem -subj /CN=words.example
printf '%s\\n' subjectAltName=DNS:words.example authorityKeyIdentifier=keyid subjectKeyIdentifier=hash > names
openssl x509 -req -in request.pem -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out certificate.pem
echo 'from behind a certificate' > words
";

/// Lets another image of a list stand where the sandbox's own does, which then is not made.
fn mark_as_sandbox(folder: &Path, name: &str) {
    let list = folder.join("images.toml");
    let text = std::fs::read_to_string(&list).expect("images.toml");
    let (head, images) = text.split_once("[[image]]").expect("images");
    let kept = images.split("[[image]]").filter(|image| !image.contains("sandbox = true"));
    let marked: String = kept
        .map(|image| {
            let mark = if image.contains(&format!("name = \"{name}\"")) { "\nsandbox = true" } else { "" };
            format!("[[image]]{}{mark}\n", image.trim_end())
        })
        .collect();
    std::fs::write(&list, format!("{head}{marked}")).expect("images.toml");
}

/// A web server with that certificate, out there.
struct Server(Child);

impl Server {
    fn start(outside: &Outside, folder: &Path) -> Self {
        let mut command = Command::new("nsenter");
        command
            .arg(format!("--net=/proc/{}/ns/net", outside.pid()))
            .args(["openssl", "s_server", "-quiet", "-WWW", "-cert", "certificate.pem", "-key", "key.pem"])
            .args(["-accept", &format!("{}:443", outside.address)])
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        Self(command.spawn().expect("nsenter, of util-linux, and openssl"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Images that only this test needs; they go with it.
struct OwnImages<'a>(&'a Bed);

impl Drop for OwnImages<'_> {
    fn drop(&mut self) {
        let (docker, settings) = (self.0.docker.clone(), self.0.settings.images.clone());
        let remover = std::thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().expect("a runtime");
            runtime.block_on(async {
                let images = Images::new(docker.clone(), settings).present().await.ok().flatten();
                let labs = images.iter().flat_map(|images| &images.labs).map(|image| &image.reference);
                // Those that are built on others come last.
                let all: Vec<_> = labs.chain(images.iter().map(|images| &images.sandbox)).collect();
                for reference in all.into_iter().rev() {
                    let force = RemoveImageOptions { force: true, ..RemoveImageOptions::default() };
                    if let Err(error) = docker.remove_image(reference, Some(force), None).await {
                        eprintln!("the test leaves the image {reference} behind: {error}");
                    }
                }
            });
        });
        let _ = remover.join();
    }
}

#[tokio::test]
async fn builds_and_containers_trust_a_further_authority() {
    let place = PLACES[4];
    let folder = tempfile::tempdir().expect("a folder");
    let made = Command::new("sh").args(["-ec", MAKE]).current_dir(folder.path()).output().expect("a shell");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let authority = std::fs::read_to_string(folder.path().join("ca.pem")).expect("the authority");
    let usual = Images::new(Bed::docker().await, Bed::settings().images).present().await.expect("asked");
    let sandbox_image = usual.expect("the usual images").sandbox;

    let bed = Bed::apart_with(&["python:3.13-slim"], |settings| {
        settings.egress = Egress::Allowlist;
        settings.egress_allow = vec![format!("{place}.2").parse().expect("an address")];
        settings.dns = vec![format!("{place}.2").parse().expect("an address")];
        let known = settings.images.site.extra_ca_certs.take().unwrap_or_default();
        settings.images.site.extra_ca_certs = Some(format!("{known}\n{authority}"));
        // The sandbox's own image would take minutes to make, and trusts whom it trusts.
        settings.sandbox_image = Some(sandbox_image);
        mark_as_sandbox(&settings.images.folder, "busybox:latest");
    })
    .await;
    let _images = OwnImages(&bed);
    let outside = Outside::new(&bed, place).await;
    names::answer(
        outside.datagrams(53),
        vec![("words.example", format!("{place}.2").parse().expect("an address"))],
    );
    let _server = Server::start(&outside, folder.path());
    let sandbox = bed.create().await;

    let fetch = "import urllib.request as r; print(r.urlopen(\"https://words.example/words\").read().decode(), end=\"\")";
    let until_it_listens = "curl --silent --insecure --output /dev/null --retry 50 --retry-all-errors --retry-delay 0 \
                            --retry-max-time 20 https://words.example/words";
    works(&bed, &sandbox, until_it_listens).await;
    let said = works(&bed, &sandbox, &format!("docker run --rm python:3.13-slim python -c '{fetch}'")).await;
    assert_eq!(said, "from behind a certificate\n");
    let dockerfile = format!("FROM python:3.13-slim\nRUN python -c '{fetch}'\n");
    sandbox.agent().file_write("Dockerfile", dockerfile.into(), None).await.expect("written");
    let built = works(&bed, &sandbox, "docker build --progress=plain .").await;
    assert!(built.contains("from behind a certificate"), "{built}");
    // Whoever trusts nobody does not get it: it is the certificate that is looked at.
    let mistrust = format!(
        "docker run --rm --env SSL_CERT_FILE=/dev/null --env SSL_CERT_DIR=/nowhere python:3.13-slim python -c '{fetch}'"
    );
    let refused = learner(&bed, &sandbox, &mistrust).await;
    assert!(refused.code != 0 && refused.output.contains("CERTIFICATE_VERIFY_FAILED"), "{refused:?}");
}
