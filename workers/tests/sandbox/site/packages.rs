//! A stand-in for a company's HTTP proxy, behind which a package index and an archive lie.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{Request, Response, StatusCode, header};
use tokio::net::TcpListener;

/// The proxy. It ends with the test's runtime.
#[derive(Clone)]
pub(super) struct Proxy {
    pages: Arc<HashMap<String, Vec<u8>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    /// Serves what it has by its whole address, and knows nothing else.
    pub(super) fn serve(listener: TcpListener, pages: HashMap<String, Vec<u8>>) -> Self {
        let proxy = Self { pages: Arc::new(pages), asked: Arc::default() };
        let router = Router::new().fallback(answer).with_state(proxy.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        proxy
    }

    /// Whether it was asked for this address.
    pub(super) fn was_asked(&self, address: &str) -> bool {
        self.asked.lock().expect("no panic under it").iter().any(|asked| asked == address)
    }
}

async fn answer(State(proxy): State<Proxy>, request: Request<Body>) -> Response<Body> {
    // Whoever asks a proxy names the host too.
    let address = request.uri().to_string();
    let page = proxy.pages.get(&address).cloned();
    let kind = if address.ends_with('/') { "text/html" } else { "application/octet-stream" };
    proxy.asked.lock().expect("no panic under it").push(address);
    let status = if page.is_some() { StatusCode::OK } else { StatusCode::NOT_FOUND };
    let answer = Response::builder().status(status).header(header::CONTENT_TYPE, kind);
    answer.body(page.unwrap_or_default().into()).expect("an answer")
}
