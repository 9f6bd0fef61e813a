//! What the network around offers and asks, by stand-ins in it: a mirror of the registry, a proxy with packages behind it, an authority
//! for certificates.

mod certificates;
mod packages;
mod registry;

use std::collections::HashMap;

use containrlab_agent::message::ExecRequest;
use containrlab_workers::sandbox::{Egress, NetworkSite, SandboxSettings};

use self::packages::Proxy;
use self::registry::Registry;
use crate::bed::{Bed, works};
use crate::outside::{Outside, PLACES};

/// A network in which sandboxes reach one address only.
fn alone(settings: &mut SandboxSettings, place: &str) {
    settings.egress = Egress::Allowlist;
    settings.egress_allow = vec![format!("{place}.2").parse().expect("an address")];
}

#[tokio::test]
async fn pulls_and_builds_ask_the_mirror() {
    let place = PLACES[2];
    // A mirror changes nothing in the golden volume, so it is the one of all tests.
    let bed = Bed::with(|settings| {
        alone(settings, place);
        settings.site.registry_mirror = Some(format!("http://{place}.2:5000"));
    })
    .await;
    let outside = Outside::new(&bed, place).await;
    let mirror = Registry::serve(outside.listen(5000), "mirrored", "proof", "from the mirror\n");
    let sandbox = bed.create().await;

    works(&bed, &sandbox, "docker pull --quiet mirrored:1").await;
    let copied = works(
        &bed,
        &sandbox,
        "docker create --name copy mirrored:1 none >/dev/null; docker cp copy:/proof - | tar -xO",
    )
    .await;
    assert_eq!(copied, "from the mirror\n");
    let pulled = mirror.asked();
    assert!(pulled.iter().any(|path| path == "/v2/library/mirrored/manifests/1"), "{pulled:?}");

    let dockerfile =
        "FROM mirrored:2 AS other\nFROM busybox\nCOPY --from=other /proof /proof\nRUN cat /proof\n";
    let build = format!("printf '{dockerfile}' > Dockerfile; docker build --progress=plain .");
    let built = works(&bed, &sandbox, &build).await;
    assert!(built.contains("from the mirror"), "{built}");
    assert!(
        mirror.asked().iter().any(|path| path == "/v2/library/mirrored/manifests/2"),
        "{:?}",
        mirror.asked()
    );
}

/// Makes a wheel, a Debian package and the archive's list of it.
const MAKE_PACKAGES: &str = r#"
docker run --rm --volume /workspace:/w --workdir /w python:3.13-slim python -c '
import zipfile
with zipfile.ZipFile("tiny-1.0-py3-none-any.whl", "w") as wheel:
    wheel.writestr("tiny.py", "print(\"from the index\")\n")
    about = "tiny-1.0.dist-info/"
    wheel.writestr(about + "METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
    wheel.writestr(about + "WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
    wheel.writestr(about + "RECORD", "tiny.py,,\n")
'
docker run --rm --volume /workspace:/w --workdir /w debian:trixie-slim sh -ec '
mkdir -p /deb/DEBIAN /deb/usr/share/tiny
printf "Package: tiny-deb\nVersion: 1.0\nArchitecture: all\nMaintainer: T <t@example.org>\nDescription: tiny\n" > /deb/DEBIAN/control
echo from the archive > /deb/usr/share/tiny/proof
dpkg-deb --root-owner-group --build /deb tiny.deb >/dev/null
cat /deb/DEBIAN/control > Packages
echo "Filename: ./tiny.deb" >> Packages
echo "Size: $(stat --format %s tiny.deb)" >> Packages
echo "SHA256: $(sha256sum tiny.deb | cut -d " " -f 1)" >> Packages
'
"#;

/// Installs both.
const DOCKERFILE: &str = "FROM python:3.13-slim
RUN pip install --no-cache-dir --index-url http://index.example/simple --trusted-host index.example tiny && python -m tiny
RUN rm -rf /etc/apt/sources.list.d && echo 'deb [trusted=yes] http://archive.example/ ./' > /etc/apt/sources.list \\
 && apt-get update && apt-get install --yes tiny-deb && cat /usr/share/tiny/proof
";

#[tokio::test]
async fn packages_come_through_the_proxy_in_shells_builds_and_containers() {
    let place = PLACES[3];
    let bed = Bed::apart_with(&["python:3.13-slim"], |settings| {
        alone(settings, place);
        let proxy = Some(format!("http://{place}.2:3128"));
        settings.site = NetworkSite { proxy, ..NetworkSite::default() };
    })
    .await;
    let outside = Outside::new(&bed, place).await;
    let sandbox = bed.create().await;
    let agent = sandbox.agent();
    works(&bed, &sandbox, MAKE_PACKAGES).await;
    let mut pages = HashMap::new();
    for (name, address) in [
        ("tiny-1.0-py3-none-any.whl", "http://index.example/files/tiny-1.0-py3-none-any.whl"),
        ("tiny.deb", "http://archive.example/./tiny.deb"),
        ("Packages", "http://archive.example/./Packages"),
    ] {
        let (_, bytes) = agent.file_read(name, 1 << 20).await.expect(name);
        pages.insert(address.to_owned(), bytes.to_vec());
    }
    let link = "<a href=\"/files/tiny-1.0-py3-none-any.whl\">tiny-1.0-py3-none-any.whl</a>";
    pages.insert("http://index.example/simple/tiny/".to_owned(), link.into());
    pages.insert("http://words.example/".to_owned(), b"from the web\n".to_vec());
    let proxy = Proxy::serve(outside.listen(3128), pages);

    // The learner's own client, and the platform's.
    agent.file_write("Dockerfile", DOCKERFILE.into(), None).await.expect("written");
    for by_platform in [false, true] {
        let argv = ["docker", "build", "--no-cache", "--progress=plain", "."].map(str::to_owned).to_vec();
        let request = ExecRequest { argv, by_platform, ..ExecRequest::default() };
        let built = agent.exec(request).await.expect("it starts").collect(1 << 20).await.expect("it ends");
        let log = String::from_utf8_lossy(&[built.stdout, built.stderr].concat()).into_owned();
        assert_eq!(built.exit.exit.code, Some(0), "{log}");
        assert!(log.contains("from the index") && log.contains("from the archive"), "{log}");
    }
    assert!(proxy.was_asked("http://index.example/simple/tiny/"));
    assert!(proxy.was_asked("http://archive.example/./tiny.deb"));

    for script in [
        "curl --silent http://words.example/",
        "docker run --rm python:3.13-slim python -c 'import urllib.request as r; print(r.urlopen(\"http://words.example/\").read().decode(), end=\"\")'",
    ] {
        let argv = ["sh", "-c", script].map(str::to_owned).to_vec();
        let said = agent.exec(ExecRequest { argv, ..ExecRequest::default() }).await.expect("it starts");
        let said = said.collect(1 << 16).await.expect("it ends");
        assert_eq!(
            String::from_utf8_lossy(&said.stdout),
            "from the web\n",
            "{script}: {}",
            String::from_utf8_lossy(&said.stderr)
        );
    }
}
