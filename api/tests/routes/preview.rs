//! Previews: what a learner's container serves, at an origin of its own, through a stand-in runner.

use containrlab_api::Settings;
use containrlab_domain::ids::SessionId;
use futures::{SinkExt, StreamExt};
use reqwest::{Client, Method, RequestBuilder, Response, redirect};
use serde_json::Value;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::support::served::settings;
use crate::support::{Gateway, Person, Runner, Served, Service};

/// A browser at the origin of a port.
struct Preview {
    client: Client,
    /// Where the api listens.
    address: String,
    /// What the browser asks for.
    host: String,
    cookie: Option<String>,
}

impl Preview {
    fn new(api: &Served, session: SessionId, port: u16) -> Self {
        let client = Client::builder().redirect(redirect::Policy::none()).build().expect("a client");
        let at = api.address.rsplit(':').next().expect("a port");
        let host = format!("p-{port}-{}.localhost:{at}", session.0.simple());
        Self { client, address: api.address.clone(), host, cookie: None }
    }

    /// Enters as a person does: from the page of the session.
    async fn enter(mut self, person: &Person, session: SessionId, port: u16) -> Self {
        let ticket = self.ticket(person, session, port).await;
        let answer = self.request(Method::GET, &ticket).send().await.expect("an answer");
        assert_eq!((answer.status().as_u16(), location(&answer)), (303, "/".to_owned()));
        let cookie = answer.headers()["set-cookie"].to_str().expect("text").to_owned();
        for part in ["HttpOnly", "SameSite=Lax", "Path=/"] {
            assert!(cookie.contains(part), "{cookie}");
        }
        assert!(!cookie.contains("Domain"), "of this host alone: {cookie}");
        self.cookie = cookie.split(';').next().map(str::to_owned);
        self
    }

    /// The path with a ticket to which the session's page leads.
    async fn ticket(&self, person: &Person, session: SessionId, port: u16) -> String {
        let answer = person.get(&format!("/sessions/{session}/ports/{port}")).await.expect(303);
        let leads = answer.location().to_owned();
        let path = leads.strip_prefix(&format!("http://{}", self.host));
        path.unwrap_or_else(|| panic!("{leads} leads to {}", self.host)).to_owned()
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request =
            self.client.request(method, format!("http://{}{path}", self.address)).header("host", &self.host);
        match &self.cookie {
            Some(cookie) => request.header("cookie", cookie),
            None => request,
        }
    }

    async fn get(&self, path: &str) -> Response {
        self.request(Method::GET, path).send().await.expect("an answer")
    }

    /// The code of the problem that is said in place of a preview.
    async fn refusal(&self, request: RequestBuilder) -> (u16, String) {
        let answer = request.send().await.expect("an answer");
        let status = answer.status().as_u16();
        let problem: Value = answer.json().await.expect("JSON");
        (status, problem["code"].as_str().expect("a code").to_owned())
    }
}

fn location(answer: &Response) -> String {
    answer.headers()["location"].to_str().expect("text").to_owned()
}

/// A session in which a service listens on port 8080.
async fn house() -> (Served, Gateway, Service, Person, SessionId) {
    let api = Served::new().await;
    let (gateway, service) = (Gateway::open().await, Service::open().await);
    gateway.publish(8080, service.address);
    let ada = api.person("Ada").await;
    let id = ada.start("lab1").await;
    Runner::at(&api, &gateway.address).await.provision(id).await;
    (api, gateway, service, ada, id)
}

#[tokio::test]
async fn requests_pass_with_everything_but_who_is_between() {
    let (api, _gateway, service, ada, id) = house().await;
    let preview = Preview::new(&api, id, 8080).enter(&ada, id, 8080).await;
    let own = format!("http://{}", preview.host);
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"] {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        let request = preview
            .request(method.clone(), "/ask?a=%2F&b")
            .header("origin", &own)
            .header("x-mine", "1")
            .header("x-forwarded-for", "10.9.9.9")
            .body("grüße");
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.status(), 200);
        let policies: Vec<_> = answer.headers().get_all("content-security-policy").iter().collect();
        assert_eq!(policies, ["frame-ancestors 'self'"], "nothing of the platform's own headers");
        let asked: Value = answer.json().await.expect("JSON");
        assert_eq!(asked["method"], method.as_str());
        assert_eq!(asked["target"], "/ask?a=%2F&b");
        assert_eq!(asked["body"], "grüße");
        let headers = &asked["headers"];
        assert_eq!(headers["host"], "localhost:8080");
        assert_eq!(headers["origin"], "http://localhost:8080");
        assert_eq!(headers["x-mine"], "1");
        assert_eq!(headers["x-forwarded-host"], preview.host.as_str());
        for gone in ["cookie", "x-forwarded-for"] {
            assert!(headers.get(gone).is_none(), "{gone}: {headers}");
        }
    }

    let moved = preview.get("/moved").await;
    assert_eq!((moved.status().as_u16(), location(&moved)), (302, format!("{own}/ask?there")));
    let baked = preview.get("/cookies").await;
    let set: Vec<_> = baked.headers().get_all("set-cookie").iter().collect();
    assert_eq!(set, ["own=1; Path=/"]);
    assert!(!baked.headers().contains_key("clear-site-data"));
    assert_eq!(preview.get("/nowhere").await.status(), 404, "the service's own 404");

    // What is said first comes first.
    let mut slow = preview.get("/slow").await;
    assert_eq!(slow.chunk().await.expect("a chunk").expect("a chunk"), "first ");
    service.go_on.notify_one();
    assert_eq!(slow.chunk().await.expect("a chunk").expect("a chunk"), "second");

    // More than any buffer holds, on the way up and down at once.
    let sent: Vec<u8> = (0..3_000_000_u32).flat_map(u32::to_be_bytes).collect();
    let answer = preview.request(Method::POST, "/large").body(sent.clone()).send().await.expect("an answer");
    let back = answer.bytes().await.expect("a body");
    assert!(back == sent, "{} of {} bytes came back", back.len(), sent.len());
}

#[tokio::test]
async fn web_sockets_pass_for_pages_of_the_same_session_only() {
    let (api, gateway, service, ada, id) = house().await;
    gateway.publish(3000, service.address);
    let preview = Preview::new(&api, id, 8080).enter(&ada, id, 8080).await;
    let at = api.address.rsplit(':').next().expect("a port");
    let connect = |origin: String| {
        let mut request =
            format!("ws://{}/socket", preview.address).into_client_request().expect("a request");
        let headers = request.headers_mut();
        headers.insert("host", preview.host.parse().expect("a header"));
        headers.insert("origin", origin.parse().expect("a header"));
        headers.insert("cookie", preview.cookie.as_deref().expect("a pass").parse().expect("a header"));
        headers.insert("sec-websocket-protocol", "chat".parse().expect("a header"));
        tokio_tungstenite::connect_async(request)
    };
    let sister = format!("http://p-3000-{}.localhost:{at}", id.0.simple());
    for origin in [format!("http://{}", preview.host), sister] {
        let (mut socket, response) = connect(origin).await.expect("a socket");
        assert_eq!(response.headers()["sec-websocket-protocol"], "chat");
        for message in [Message::text("grüße"), Message::binary(vec![0; 200_000])] {
            socket.send(message.clone()).await.expect("sent");
            assert_eq!(socket.next().await.expect("a message").expect("a message"), message);
        }
    }
    let strange = format!("http://p-8080-{}.localhost:{at}", uuid::Uuid::nil().simple());
    for origin in ["https://evil.example".to_owned(), "null".to_owned(), api.url(""), strange] {
        assert!(connect(origin.clone()).await.is_err(), "{origin}");
        let request = preview.request(Method::POST, "/ask").header("origin", &origin);
        assert_eq!(preview.refusal(request).await, (403, "foreign_origin".to_owned()));
    }
}

#[tokio::test]
async fn only_its_learner_gets_in_and_only_by_a_ticket_that_counts_once() {
    let (api, gateway, service, ada, id) = house().await;
    gateway.publish(9000, service.address);
    let closed = (403, "preview_closed".to_owned());
    let stranger = Preview::new(&api, id, 8080);
    assert_eq!(stranger.refusal(stranger.request(Method::GET, "/ask")).await, closed);
    let bob = api.person("Bob").await;
    bob.get(&format!("/sessions/{id}/ports/8080")).await.expect(404);
    let nobody = api.stranger().get(&format!("/sessions/{id}/ports/8080")).await.expect(303);
    assert!(nobody.location().starts_with("/sign-in"), "{}", nobody.location());

    // The platform's own cookie opens nothing, and the pass nothing of the platform.
    let request = stranger.request(Method::GET, "/ask").header("cookie", &ada.cookie);
    assert_eq!(stranger.refusal(request).await, closed);
    let preview = Preview::new(&api, id, 8080).enter(&ada, id, 8080).await;
    let pass = preview.cookie.clone().expect("a pass");
    let with_pass = ada.with_cookie(&pass);
    with_pass.get("/api/auth/me").await.problem(401, "not_signed_in");
    let token = pass.split('=').nth(1).expect("a token");
    let as_login = ada.with_cookie(&format!("containrlab_login={token}"));
    as_login.get("/api/auth/me").await.problem(401, "not_signed_in");
    // No route of the platform is at a preview's name.
    let request = preview.request(Method::GET, "/api/auth/me").header("cookie", &ada.cookie);
    assert_eq!(request.send().await.expect("an answer").status(), 404, "the service's own");

    // A ticket is for one port and counts once.
    let ticket = preview.ticket(&ada, id, 8080).await;
    let other = Preview { cookie: None, ..Preview::new(&api, id, 9000) };
    assert_eq!(other.refusal(other.request(Method::GET, &ticket)).await, closed);
    assert_eq!(stranger.get(&ticket).await.status(), 303);
    assert_eq!(stranger.refusal(stranger.request(Method::GET, &ticket)).await, closed);
    let other = Preview { cookie: Some(pass), ..other };
    assert_eq!(other.refusal(other.request(Method::GET, "/ask")).await, closed, "nor is a pass for another");
    // A ticket is no pass.
    let ticket = preview.ticket(&ada, id, 8080).await;
    let token = ticket.split("ticket=").nth(1).and_then(|rest| rest.split('&').next()).expect("a ticket");
    let bare =
        Preview { cookie: Some(format!("containrlab_preview={token}")), ..Preview::new(&api, id, 8080) };
    assert_eq!(bare.refusal(bare.request(Method::GET, "/ask")).await, closed);

    // A person is told so, with the way in.
    let page =
        stranger.request(Method::GET, "/").header("accept", "text/html").send().await.expect("an answer");
    assert!(page.headers()["content-security-policy"].to_str().expect("text").contains("default-src 'none'"));
    let page = page.text().await.expect("a body");
    assert!(page.contains(&format!("/sessions/{id}/ports/8080")) && !page.contains("Ada"), "{page}");

    // It ends with the sign-in.
    assert_eq!(preview.get("/ask").await.status(), 200);
    ada.poke("/api/auth/sign-out").await.expect(204);
    assert_eq!(preview.refusal(preview.request(Method::GET, "/ask")).await, closed);
}

#[tokio::test]
async fn what_is_not_there_is_said_so() {
    let (api, gateway, _service, ada, id) = house().await;
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    gateway.publish(5432, silent.local_addr().expect("an address"));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = silent.accept().await {
            let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, b"\x00\x01 no HTTP\n").await;
        }
    });
    let refusal = async |port| {
        let preview = Preview::new(&api, id, port).enter(&ada, id, port).await;
        preview.refusal(preview.request(Method::GET, "/")).await
    };
    assert_eq!(refusal(8081).await, (502, "nothing_listens".to_owned()));
    assert_eq!(refusal(5432).await, (502, "not_http".to_owned()));
    ada.get(&format!("/sessions/{id}/ports/0")).await.expect(404);
    ada.get(&format!("/sessions/{id}/ports/65536")).await.expect(404);

    let preview = Preview::new(&api, id, 8080).enter(&ada, id, 8080).await;
    let waiting = ada.start("lab2").await;
    let early = Preview::new(&api, waiting, 8080).enter(&ada, waiting, 8080).await;
    assert_eq!(early.refusal(early.request(Method::GET, "/")).await, (409, "not_ready".to_owned()));
    ada.delete(&format!("/api/sessions/{id}")).await.expect(202);
    assert_eq!(
        preview.refusal(preview.request(Method::GET, "/ask")).await,
        (409, "session_ended".to_owned())
    );
    let page =
        preview.request(Method::GET, "/").header("accept", "text/html").send().await.expect("an answer");
    let page = page.text().await.expect("a body");
    assert!(page.contains("The session has ended") && page.contains(&format!("/sessions/{id}")), "{page}");
}

#[tokio::test]
async fn open_ports_are_listed_as_they_come_and_go() {
    let (api, gateway, service, ada, id) = house().await;
    let listed = ada.get(&format!("/api/sessions/{id}/ports")).await.expect(200).json();
    assert_eq!(listed["ports"][0]["port"], 8080);
    assert_eq!(listed["ports"][0]["preview"], format!("/sessions/{id}/ports/8080"));
    api.person("Bob").await.get(&format!("/api/sessions/{id}/ports")).await.problem(404, "no_such_session");

    let mut stream = ada.listen(&format!("/sessions/{id}/live?after=")).await;
    let link = |port: u16| format!("href=\"/sessions/{id}/ports/{port}\"");
    stream.until(|event| event.name == "ports" && event.data.contains(&link(8080))).await;
    gateway.publish(3000, service.address);
    let both = stream.until(|event| event.name == "ports" && event.data.contains(&link(3000))).await;
    assert!(both.data.contains(&link(8080)));
    gateway.close(8080);
    stream.until(|event| event.name == "ports" && !event.data.contains(&link(8080))).await;
    ada.delete(&format!("/api/sessions/{id}")).await.expect(202);
    stream
        .until(|event| event.name == "ports" && !event.data.contains("href") && !event.data.is_empty())
        .await;
}

#[tokio::test]
async fn on_a_network_previews_are_beneath_their_own_domain_or_off() {
    let public = Settings {
        public_url: Some("https://labs.example".parse().expect("a URL")),
        local_sign_in: false,
        ..settings()
    };
    let off = Served::with(public.clone()).await;
    let stranger = Preview {
        host: "p-8080-00000000000000000000000000000000.localhost".to_owned(),
        ..Preview::new(&off, SessionId(uuid::Uuid::nil()), 8080)
    };
    // No preview's name: the platform's own page, which leads to the sign-in.
    assert_eq!(stranger.get("/labs").await.status(), 303);

    let on = Served::with(Settings { preview_domain: Some("view.example".to_owned()), ..public }).await;
    let at = |host: &str| Preview {
        host: host.to_owned(),
        ..Preview::new(&on, SessionId(uuid::Uuid::nil()), 8080)
    };
    let preview = at("p-8080-00000000000000000000000000000000.view.example");
    assert_eq!(
        preview.refusal(preview.request(Method::GET, "/labs")).await,
        (403, "preview_closed".to_owned())
    );
    let other = at("labs.view.example");
    assert_eq!(other.refusal(other.request(Method::GET, "/labs")).await, (421, "strange_host".to_owned()));
    assert_eq!(at("labs.example").get("/labs").await.status(), 303);
}
