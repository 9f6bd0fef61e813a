//! A learner's own page, seen through the platform and kept apart from it.

use serde_json::json;

use crate::page::Page;
use crate::session::{terminal_shows, type_command, until_ready};

/// A web service that tells which cookies it was sent, and sends back what comes over a WebSocket.
const SERVICE: &str = r#"
import base64, hashlib, http.server

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        key = self.headers.get("Sec-WebSocket-Key")
        if key:
            return self.echo(key)
        body = f"<title>mine</title><h1>My own page</h1><p id=sent>{self.headers.get('Cookie')}</p>".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Set-Cookie", "mine=1; Path=/")
        self.end_headers()
        self.wfile.write(body)

    def echo(self, key):
        accept = hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", base64.b64encode(accept).decode())
        self.end_headers()
        head = self.rfile.read(2)
        length = head[1] & 127
        mask, data = self.rfile.read(4), self.rfile.read(length)
        text = bytes(byte ^ mask[place % 4] for place, byte in enumerate(data))
        self.wfile.write(bytes([129, length]) + text)
        self.close_connection = True

http.server.ThreadingHTTPServer(("0.0.0.0", 8080), Handler).serve_forever()
"#;

/// Publishes a port, opens it, and comes back to the session.
pub(crate) async fn a_port_of_ones_own(page: &Page) {
    let session = page.path().await;
    let id = session.trim_start_matches("/sessions/").to_owned();
    let body = json!({ "content": SERVICE }).to_string();
    let saved = page
        .look(&format!(
            "document.cookie = 'mark=of-the-platform';
             return fetch('/api/files?session={id}&path=service.py', {{
               method: 'PUT', headers: {{ 'content-type': 'application/json' }}, body: {body:?}
             }}).then((answer) => answer.status)"
        ))
        .await;
    assert_eq!(saved, 200);
    page.sees(".node[data-path='service.py']").await;
    let run =
        "docker run -d --name page -p 8080:8080 -v /workspace:/w:ro python:3.13-slim python /w/service.py";
    type_command(page, &format!("{run} && echo up-$((1 + 1))")).await;
    terminal_shows(page, "up-2").await;

    // It shows by itself, and as long as it is there.
    let link = format!("a.port[href='{session}/ports/8080']");
    page.sees(&link).await;
    page.picture("port").await;
    let opens = page
        .look(&format!(
            "const {{ target, rel }} = document.querySelector({link:?}); return `${{target}} ${{rel}}`"
        ))
        .await;
    assert_eq!(opens, "_blank noopener");

    // In this very window, so that the test can look at it.
    page.go(&format!("{session}/ports/8080")).await;
    page.reads("h1", "My own page").await;
    let host = page.look("return location.host").await;
    let name = format!("p-8080-{}.localhost:", id.replace('-', ""));
    assert!(host.as_str().is_some_and(|host| host.starts_with(&name)), "{host}");
    page.picture("preview").await;
    // Neither the page nor the service behind it has anything of the platform's.
    assert_eq!(page.texts("#sent").await, ["None"]);
    page.reload().await;
    page.reads("#sent", "mine=1").await;
    assert_eq!(page.texts("#sent").await, ["mine=1"], "its own cookie and no other");
    assert_eq!(page.look("return document.cookie").await, "mine=1");
    let platform = page.base().to_owned();
    let stolen = page
        .look(&format!(
            "return fetch('{platform}/api/auth/me', {{ credentials: 'include' }}).then((answer) => answer.text(), () => 'refused')"
        ))
        .await;
    assert_eq!(stolen, "refused");
    let echo = page
        .look(
            "return new Promise((done) => {
               const socket = new WebSocket(`ws://${location.host}/socket`);
               socket.onopen = () => socket.send('grüße');
               socket.onmessage = ({ data }) => done(data);
               socket.onerror = () => done('failed');
             })",
        )
        .await;
    assert_eq!(echo, "grüße");

    page.go(&session).await;
    until_ready(page).await;
    assert_eq!(
        page.look("return document.cookie").await,
        "mark=of-the-platform",
        "nor has the platform of the page's"
    );
    page.sees(&link).await;
    type_command(page, "docker rm -f page").await;
    page.until("the port to be gone", &format!("return !document.querySelector({link:?})")).await;
    // What is open in another tab says so.
    page.go(&format!("{session}/ports/8080")).await;
    page.reads("main", "Nothing listens there").await;
    page.picture("preview-gone").await;
    page.go(&session).await;
    until_ready(page).await;
}
