//! A stand-in for a registry: it speaks the distribution protocol as far as a pull needs it, and has one image with one file.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{Request, Response, StatusCode, header};
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

/// Something that is known by the hash of its bytes.
#[derive(Clone)]
struct Blob {
    digest: String,
    bytes: Vec<u8>,
}

impl Blob {
    fn new(bytes: Vec<u8>) -> Self {
        Self { digest: format!("sha256:{}", hex::encode(Sha256::digest(&bytes))), bytes }
    }

    fn described(&self, media_type: &str) -> serde_json::Value {
        json!({ "mediaType": media_type, "digest": self.digest, "size": self.bytes.len() })
    }
}

/// The registry. It ends with the test's runtime.
#[derive(Clone)]
pub(super) struct Registry {
    name: String,
    manifest: Blob,
    blobs: [Blob; 2],
    asked: Arc<Mutex<Vec<String>>>,
}

impl Registry {
    /// Serves Docker Hub's `<name>` with any tag, in which `/<file>` holds a text.
    pub(super) fn serve(listener: TcpListener, name: &str, file: &str, text: &str) -> Self {
        let mut archive = tar::Builder::new(Vec::new());
        let mut head = tar::Header::new_gnu();
        head.set_size(text.len() as u64);
        head.set_mode(0o644);
        archive.append_data(&mut head, file, text.as_bytes()).expect("an archive in memory");
        let layer = Blob::new(archive.into_inner().expect("an archive in memory"));
        let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
        let config = json!({
            "architecture": architecture, "os": "linux", "config": {},
            "rootfs": { "type": "layers", "diff_ids": [layer.digest] },
            "history": [{ "created_by": "a stand-in" }],
        });
        let config = Blob::new(config.to_string().into_bytes());
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST,
            "config": config.described(CONFIG), "layers": [layer.described(LAYER)],
        });
        let registry = Self {
            name: format!("/v2/library/{name}/"),
            manifest: Blob::new(manifest.to_string().into_bytes()),
            blobs: [config, layer],
            asked: Arc::default(),
        };
        let router = Router::new().fallback(answer).with_state(registry.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        registry
    }

    /// The paths that it was asked for.
    pub(super) fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("no panic under it").clone()
    }

    fn find(&self, path: &str) -> Option<(&Blob, &'static str)> {
        let rest = path.strip_prefix(&self.name)?;
        if rest.starts_with("manifests/") {
            return Some((&self.manifest, MANIFEST));
        }
        let digest = rest.strip_prefix("blobs/")?;
        Some((self.blobs.iter().find(|blob| blob.digest == digest)?, "application/octet-stream"))
    }
}

async fn answer(State(registry): State<Registry>, request: Request<Body>) -> Response<Body> {
    let path = request.uri().path();
    registry.asked.lock().expect("no panic under it").push(path.to_owned());
    let answer = Response::builder().header("docker-distribution-api-version", "registry/2.0");
    let answer = match registry.find(path) {
        Some((blob, media_type)) => answer
            .header(header::CONTENT_TYPE, media_type)
            .header("docker-content-digest", &blob.digest)
            .body(blob.bytes.clone().into()),
        None if path == "/v2/" => answer.body("{}".into()),
        None => answer
            .status(StatusCode::NOT_FOUND)
            .body(json!({ "errors": [{ "code": "MANIFEST_UNKNOWN" }] }).to_string().into()),
    };
    answer.expect("an answer")
}
