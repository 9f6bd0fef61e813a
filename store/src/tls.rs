//! How connections to PostgreSQL are encrypted, and whom they trust. Redis' own client does the same for `rediss://` addresses.

use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use crate::StoreError;

/// Whom a connection trusts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Trust {
    /// Whoever answers: nobody on the way can read along, but somebody may sit in the server's place.
    Anybody,
    /// A server whose name is certified by an authority that this machine trusts (`SSL_CERT_FILE` names others).
    System,
    /// A server whose name is certified by an authority in this file.
    File(String),
}

/// Makes one implementation of the ciphers the process' own, for those who do not ask which, as Redis' client.
pub(crate) fn install_ciphers() {
    // Somebody else in this process may have chosen already; theirs is as good.
    let _ = ring::default_provider().install_default();
}

/// What a connection is made with.
pub(crate) fn client_config(trust: &Trust) -> Result<ClientConfig, StoreError> {
    let ciphers = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&ciphers))
        .with_safe_default_protocol_versions()
        .map_err(|error| StoreError::Setting(format!("TLS cannot be set up: {error}")))?;
    let authorities = match trust {
        Trust::Anybody => {
            let anybody = Arc::new(Anybody(ciphers));
            let builder = builder.dangerous().with_custom_certificate_verifier(anybody);
            return Ok(builder.with_no_client_auth());
        }
        Trust::System => of_this_machine()?,
        Trust::File(path) => in_file(Path::new(path))?,
    };
    Ok(builder.with_root_certificates(authorities).with_no_client_auth())
}

fn of_this_machine() -> Result<RootCertStore, StoreError> {
    let found = rustls_native_certs::load_native_certs();
    let mut authorities = RootCertStore::empty();
    // Single certificates that nobody can read are usual on old machines.
    authorities.add_parsable_certificates(found.certs);
    if authorities.is_empty() {
        let why = found.errors.first().map_or_else(|| "there are none".to_owned(), ToString::to_string);
        return Err(StoreError::Setting(format!(
            "DATABASE_URL says sslmode=verify-full, but this machine's certificate authorities cannot be read ({why}); \
             install ca-certificates, or name a file of them with sslrootcert"
        )));
    }
    Ok(authorities)
}

fn in_file(path: &Path) -> Result<RootCertStore, StoreError> {
    let cannot = |why: String| {
        StoreError::Setting(format!(
            "sslrootcert in DATABASE_URL names {}, but {why}; it has to be a file of certificates in PEM form",
            path.display()
        ))
    };
    let mut authorities = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|error| cannot(error.to_string()))? {
        let certificate = certificate.map_err(|error| cannot(error.to_string()))?;
        authorities.add(certificate).map_err(|error| cannot(error.to_string()))?;
    }
    if authorities.is_empty() {
        return Err(cannot("there is no certificate in it".to_owned()));
    }
    Ok(authorities)
}

/// Takes every certificate, as `sslmode=require` means it everywhere: encrypted, but not verified.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
