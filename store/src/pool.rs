//! Connections to PostgreSQL.

use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use tokio_postgres::config::SslMode;
use tokio_postgres_rustls::MakeRustlsConnect;
use url::form_urlencoded;

use crate::StoreError;
use crate::tls::{self, Trust};

/// How long a caller waits for a connection before it hears that the database is away.
const WAIT: Duration = Duration::from_secs(5);

/// What every connection is opened with, in milliseconds: a statement or a forgotten transaction must not hold a row
/// that all others need.
const SESSION_OPTIONS: &str =
    "-c statement_timeout=30000 -c lock_timeout=10000 -c idle_in_transaction_session_timeout=15000";

/// What the relay's connection is opened with beside that. Its one question goes by indexes, whatever PostgreSQL's statistics of the
/// moment say; and the plan for it is made once.
const RELAY_OPTIONS: &str = "-c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off -c plan_cache_mode=force_generic_plan -c jit=off";

/// The way to a database: what its address says, and what every connection is opened with.
#[derive(Clone)]
pub(crate) struct Address {
    pub(crate) config: tokio_postgres::Config,
    pub(crate) tls: MakeRustlsConnect,
}

impl Address {
    /// Reads what `DATABASE_URL` says.
    pub(crate) fn read(database_url: &str) -> Result<Self, StoreError> {
        let encryption = Encryption::read(database_url)?;
        let mut config: tokio_postgres::Config = encryption.rest.parse().map_err(|error| {
            // The address itself may hold a password: name the fault only.
            StoreError::Setting(format!(
                "DATABASE_URL is no PostgreSQL address ({error}); it looks like postgres://user@host:5432/database"
            ))
        })?;
        config.connect_timeout(WAIT).application_name("containrlab").ssl_mode(encryption.mode);
        let tls = MakeRustlsConnect::new(tls::client_config(&encryption.trust)?);
        Ok(Self { config, tls }.with_options(SESSION_OPTIONS))
    }

    /// As the relay goes it.
    pub(crate) fn for_relay(&self) -> Self {
        self.clone().with_options(RELAY_OPTIONS)
    }

    /// What the address itself says goes first.
    fn with_options(mut self, more: &str) -> Self {
        let options = match self.config.get_options() {
            Some(given) => format!("{more} {given}"),
            None => more.to_owned(),
        };
        self.config.options(options);
        self
    }
}

/// How the connection is to be encrypted, by the words that libpq and all others know. PostgreSQL's driver knows only some
/// of them.
#[derive(Debug, PartialEq, Eq)]
struct Encryption {
    mode: SslMode,
    trust: Trust,
    /// The address without these words.
    rest: String,
}

impl Encryption {
    fn read(database_url: &str) -> Result<Self, StoreError> {
        // The address may name several hosts, or a socket: it is not taken apart as other addresses are.
        let (base, query) = database_url.split_once('?').unwrap_or((database_url, ""));
        let (mut mode, mut file) = ("prefer".to_owned(), None);
        let mut kept = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            for (name, value) in form_urlencoded::parse(pair.as_bytes()) {
                match &*name {
                    "sslmode" => mode = value.into_owned(),
                    "sslrootcert" => file = Some(value.into_owned()),
                    _ => kept.push(pair),
                }
            }
        }
        let rest = if kept.is_empty() { base.to_owned() } else { format!("{base}?{}", kept.join("&")) };
        let (mode, trust) = match (mode.as_str(), file) {
            ("disable", None) => (SslMode::Disable, Trust::Anybody),
            ("prefer", None) => (SslMode::Prefer, Trust::Anybody),
            ("require", None) => (SslMode::Require, Trust::Anybody),
            ("verify-full", None) => (SslMode::Require, Trust::System),
            ("verify-full", Some(file)) if file == "system" => (SslMode::Require, Trust::System),
            ("verify-full", Some(file)) => (SslMode::Require, Trust::File(file)),
            ("disable" | "prefer" | "require", Some(_)) => {
                return Err(StoreError::Setting(format!(
                    "DATABASE_URL names an sslrootcert, but sslmode={mode} verifies nothing; say sslmode=verify-full"
                )));
            }
            _ => {
                return Err(StoreError::Setting(format!(
                    "DATABASE_URL says sslmode={mode}; there are disable, prefer (encrypted where the server can), \
                     require (encrypted) and verify-full (encrypted, and the server has to be who it says it is)"
                )));
            }
        };
        Ok(Self { mode, trust, rest })
    }
}

/// A pool that opens connections when they are needed, so many at most.
pub(crate) fn open(address: Address, size: usize) -> Result<Pool, StoreError> {
    let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    let manager = Manager::from_config(address.config, address.tls, recycling);
    Pool::builder(manager)
        .max_size(size)
        .wait_timeout(Some(WAIT))
        .create_timeout(Some(WAIT))
        .recycle_timeout(Some(WAIT))
        .runtime(Runtime::Tokio1)
        .build()
        .map_err(|error| StoreError::Setting(format!("the connection pool cannot be made: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Result<Encryption, String> {
        Encryption::read(&format!("postgres://ada:p%3Fss@one:1,two:2/db{query}"))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn the_address_says_how_it_is_encrypted() {
        let said = |query, mode, trust, rest: &str| {
            let rest = format!("postgres://ada:p%3Fss@one:1,two:2/db{rest}");
            assert_eq!(read(query), Ok(Encryption { mode, trust, rest }), "{query}");
        };
        said("", SslMode::Prefer, Trust::Anybody, "");
        said("?sslmode=disable", SslMode::Disable, Trust::Anybody, "");
        said("?sslmode=require&connect_timeout=3", SslMode::Require, Trust::Anybody, "?connect_timeout=3");
        said("?sslmode=verify-full", SslMode::Require, Trust::System, "");
        said("?sslrootcert=system&sslmode=verify-full", SslMode::Require, Trust::System, "");
        let file = Trust::File("/etc/an authority.pem".to_owned());
        said(
            "?options=-c%20a%3Db&sslmode=verify-full&sslrootcert=%2Fetc%2Fan%20authority.pem",
            SslMode::Require,
            file,
            "?options=-c%20a%3Db",
        );
    }

    #[test]
    fn what_cannot_be_meant_is_refused_in_words() {
        let refused = read("?sslmode=verify-ca").unwrap_err();
        assert!(refused.contains("verify-ca") && refused.contains("verify-full"), "{refused}");
        let refused = read("?sslmode=require&sslrootcert=/etc/ca.pem").unwrap_err();
        assert!(refused.contains("sslmode=verify-full"), "{refused}");
        let nowhere = "postgres://ada:secret@host/db?sslmode=verify-full&sslrootcert=/nowhere/ca.pem";
        let refused = Address::read(nowhere).err().expect("there is no such file").to_string();
        assert!(refused.contains("/nowhere/ca.pem") && !refused.contains("secret"), "{refused}");
    }
}
