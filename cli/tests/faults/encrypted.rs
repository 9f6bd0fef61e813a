//! Somebody listens on the wire between the system and its databases.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use containrlab_domain::ids::LearnerId;
use containrlab_store::testing::{Cut, Proxy};
use containrlab_store::{Store, StoreError};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tempfile::TempDir;
use uuid::Uuid;

use super::services::Services;
use super::work::until;

/// Who certifies servers.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// Its own certificate in PEM form.
    pem: String,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = authority.self_signed(&key).expect("a certificate").pem();
        Self { issuer: Issuer::new(authority, key), pem }
    }

    /// A certificate for a host and its key, in PEM form.
    fn certify(&self, host: &str) -> (String, String) {
        let key = KeyPair::generate().expect("a key");
        let certificate = CertificateParams::new([host.to_owned()]).expect("a host");
        let certificate = certificate.signed_by(&key, &self.issuer).expect("a certificate");
        (certificate.pem(), key.serialize_pem())
    }

    /// Its certificate as a file that everybody can read.
    fn file(&self, folder: &Path, name: &str) -> PathBuf {
        readable(folder, name, &self.pem)
    }
}

fn readable(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).expect("a file");
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).expect("an open file");
    path
}

/// Databases of their own in a folder that their users can reach.
fn databases() -> (TempDir, Services) {
    let folder = tempfile::Builder::new().prefix("clt").tempdir_in("/tmp").expect("a folder");
    std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).expect("an open folder");
    let services = Services::start(folder.path());
    (folder, services)
}

/// Lets PostgreSQL speak TLS from now on, with this certificate and key.
async fn encrypt_postgres(services: &Services, (certificate, key): (String, String)) {
    let (client, connection) =
        tokio_postgres::connect(&services.database_url, tokio_postgres::NoTls).await.expect("PostgreSQL");
    // It ends with its client.
    tokio::spawn(connection);
    for (file, pem) in [("server.crt", certificate), ("server.key", key)] {
        let lines = format!("select unnest(string_to_array('{}', E'\n'))", pem.trim());
        let write = format!("copy ({lines}) to program 'umask 077; cat > {file}'");
        client.batch_execute(&write).await.expect("the server writes where its data is");
    }
    client.batch_execute("alter system set ssl = on").await.expect("a setting");
    client.batch_execute("select pg_reload_conf()").await.expect("a reload");
    let is_on = "select setting = 'on' from pg_settings where name = 'ssl'";
    until("PostgreSQL encrypts", async || {
        client.query_one(is_on, &[]).await.expect("a read").get::<_, bool>(0).then_some(())
    })
    .await;
}

async fn connect(services: &Services, database_url: String) -> Result<Store, StoreError> {
    Store::connect(containrlab_store::Settings {
        database_url,
        redis_url: services.redis_url.clone(),
        namespace: "containrlab".to_owned(),
        pool_size: 2,
    })
    .await
}

async fn refused(services: &Services, database_url: String) -> String {
    connect(services, database_url).await.err().expect("no connection").to_string()
}

/// Whether what the store asks passes the wire in words that anybody can read.
async fn can_be_read(wire: &Proxy, store: &Store) -> bool {
    wire.cut_at(b"from sessions", Cut::Before);
    // It fails if the words are seen.
    let _ = store.sessions_of(LearnerId(Uuid::now_v7())).await;
    wire.was_cut()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_on_the_wire_reads_what_postgresql_is_asked() {
    let (folder, services) = databases();
    containrlab_store::migrate(&services.database_url).await.expect("a fresh database can be migrated");
    let wire = Proxy::before(&services.database_url).await;
    let url = |how: &str| format!("{}&{how}", wire.url());

    let error = refused(&services, url("sslmode=require")).await;
    assert!(error.contains("TLS") && error.contains("DATABASE_URL"), "{error}");
    let plain = connect(&services, wire.url()).await.expect("encrypted only where the server can");
    assert!(can_be_read(&wire, &plain).await, "the test would see what is not encrypted");

    let authority = Authority::new();
    let verified =
        format!("sslmode=verify-full&sslrootcert={}", authority.file(folder.path(), "ca.pem").display());
    encrypt_postgres(&services, authority.certify("127.0.0.1")).await;
    for how in ["sslmode=prefer", "sslmode=require", &verified] {
        containrlab_store::migrate(&url(how)).await.expect("a migration");
        let store = connect(&services, url(how)).await.unwrap_or_else(|error| panic!("{how}: {error}"));
        store.sessions_of(LearnerId(Uuid::now_v7())).await.expect("an answer");
        assert!(!can_be_read(&wire, &store).await, "{how}");
    }
    let plain = connect(&services, url("sslmode=disable")).await.expect("the server would rather not");
    assert!(can_be_read(&wire, &plain).await);

    // Somebody in the server's place.
    let other = Authority::new().file(folder.path(), "other.pem");
    for how in ["sslmode=verify-full", &format!("sslmode=verify-full&sslrootcert={}", other.display())] {
        let error = refused(&services, url(how)).await;
        assert!(error.contains("certificate") && error.contains("sslrootcert"), "{how}: {error}");
    }
    encrypt_postgres(&services, authority.certify("elsewhere.example")).await;
    let error = refused(&services, url(&verified)).await;
    assert!(error.contains("certificate") && error.contains("127.0.0.1"), "{error}");
    connect(&services, url("sslmode=require")).await.expect("encrypted, whoever it is");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_is_spoken_to_in_secret_where_its_address_says_so() {
    let (folder, services) = databases();
    containrlab_store::migrate(&services.database_url).await.expect("a fresh database can be migrated");
    let authority = Authority::new();
    let trusted = authority.file(folder.path(), "ca.pem");
    let (certificate, key) = authority.certify("127.0.0.1");
    let certificate = readable(folder.path(), "redis.crt", &certificate);
    let key = readable(folder.path(), "redis.key", &key);
    let port =
        std::net::TcpListener::bind("127.0.0.1:0").and_then(|one| one.local_addr()).expect("a port").port();
    let client = redis::Client::open(services.redis_url.as_str()).expect("an address");
    let mut connection = client.get_multiplexed_async_connection().await.expect("Redis");
    redis::cmd("CONFIG")
        .arg("SET")
        .arg("tls-cert-file")
        .arg(certificate.display().to_string())
        .arg("tls-key-file")
        .arg(key.display().to_string())
        .arg("tls-ca-cert-file")
        .arg(trusted.display().to_string())
        .arg("tls-auth-clients")
        .arg("no")
        .arg("tls-port")
        .arg(port)
        .query_async::<()>(&mut connection)
        .await
        .expect("a Redis that can encrypt");
    let mut address: url::Url = services.redis_url.parse().expect("an address");
    address.set_port(Some(port)).expect("a port");
    let address = address.as_str().replacen("redis://", "rediss://", 1);
    let jobs = |authority: Option<&Path>| -> Output {
        Command::new(env!("CARGO_BIN_EXE_containrlab"))
            .arg("jobs")
            .env("DATABASE_URL", &services.database_url)
            .env("REDIS_URL", &address)
            .env("RUNNER_TOKEN", Uuid::new_v4().simple().to_string())
            .env("STATE_DIR", folder.path().join("operator"))
            .envs(authority.map(|file| ("SSL_CERT_FILE", file)))
            .output()
            .expect("the program starts")
    };
    let trusting = jobs(Some(&trusted));
    assert!(trusting.status.success(), "{}", String::from_utf8_lossy(&trusting.stderr));
    let other = Authority::new().file(folder.path(), "other.pem");
    for distrusting in [jobs(Some(&other)), jobs(None)] {
        let said = String::from_utf8_lossy(&distrusting.stderr);
        assert!(!distrusting.status.success());
        assert!(said.contains("REDIS_URL") && said.contains("certificate"), "{said}");
    }
}
