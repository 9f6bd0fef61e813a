//! The judge's hands on a real engine: what each action does and sees, and what hostile answers get for an answer. All of it
//! with busybox alone.

use std::sync::Arc;
use std::time::Instant;

use containrlab_domain::ids::LabSlug;
use containrlab_domain::lab::{Lab, LabFiles};
use containrlab_domain::verdict::{Verdict, VerdictStatus};
use containrlab_workers::judge::Workshop;
use tokio_util::sync::CancellationToken;

use crate::bed::Bed;

/// A lab with these checks and as much time for a build.
fn lab(checks: &str, build_seconds: u32) -> Arc<Lab> {
    let manifest = format!(
        "title = \"t\"\nsummary = \"s\"\nlevel = \"beginner\"\nminutes = 1\norder = 1\nimages = [\"busybox\"]\n\
         [limits]\nbuild_seconds = {build_seconds}\n[[steps]]\nid = \"s\"\ntitle = \"s\"\ntext = \"s\"\n{checks}"
    );
    let own = [
        ("lab.toml", manifest.as_str()),
        ("description.md", "d"),
        ("starter/a", "a"),
        ("solution/Dockerfile", "FROM busybox"),
    ];
    Arc::new(Lab::parse(LabSlug::new("test").expect("a slug"), files(&own)).expect("a lab"))
}

fn files(files: &[(&str, &str)]) -> LabFiles {
    files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect()
}

async fn judge(bed: &Bed, checks: &str, answer: &LabFiles) -> Verdict {
    judge_within(bed, 120, checks, answer).await
}

async fn judge_within(bed: &Bed, build_seconds: u32, checks: &str, answer: &LabFiles) -> Verdict {
    let ear = Box::new(|bytes: &[u8]| print!("{}", String::from_utf8_lossy(bytes)));
    Workshop::new(bed.sandboxes.clone(), 1, CancellationToken::new())
        .judge(lab(checks, build_seconds), answer.clone(), ear)
        .await
        .expect("the platform is fine")
}

fn codes(verdict: &Verdict) -> Vec<&str> {
    verdict.failures.iter().map(|finding| finding.code.as_str()).collect()
}

const NOTES: &str = "#!/bin/sh\n[ \"$REQUEST_METHOD\" = POST ] && cat >> /data/notes\nprintf 'Content-Type: text/plain\\r\\n\\r\\n'\ncat /data/notes\n";

const RUN: &str = "trap 'exit 0' TERM\necho ready\nhttpd -f -p ${BIND:-0.0.0.0}:8000 -h /www &\nwait\n";

const CONTAINERS: &str = r#"
[[checks]]
type = "build"
[[checks]]
id = "again"
type = "build_time"
max_seconds = 20
again = true
[[checks]]
type = "image_config"
user = "non-root"
ports = [8000]
labels = { a = "b" }
[[checks]]
type = "image_lacks"
paths = ["**/.env"]
texts = ["s3cr3t-value"]
[[checks]]
type = "http"
port = 8000
path = "/"
headers = { Content-Type = "/^text/" }
body_matches = "^h.llo"
within_seconds = 6
[[checks]]
type = "logs"
contains = "ready"
absent = "not found"
[[checks]]
type = "exit_code"
command = ["sh", "-c", "echo v1; exit 3"]
equals = 3
output_contains = "v1"
[[checks]]
type = "stops"
within_seconds = 3
exit_code = 0
[[checks]]
type = "read_only_root"
port = 8000
path = "/"
[[checks]]
type = "drops_capabilities"
port = 8000
path = "/"
[[checks]]
type = "memory"
max_mb = 50
[[checks]]
type = "restart_keeps"
port = 8000
volume = "/data"
write = { path = "/cgi-bin/notes", body = "kept-text" }
read = { path = "/cgi-bin/notes", body_contains = "kept-text" }
[[checks]]
type = "reproducible"
[[checks]]
type = "health"
[[checks]]
type = "script"
image = "busybox"
with = "container"
run = "test -f /workspace/run.sh && wget -qO- http://127.0.0.1:8000/ | grep -q hello"
code = "own_check"
message = "No."
"#;

fn containers(dockerfile: &str) -> LabFiles {
    files(&[("Dockerfile", dockerfile), ("notes", NOTES), ("run.sh", RUN)])
}

#[tokio::test(flavor = "multi_thread")]
async fn each_check_of_images_and_containers_sees_what_is_there() {
    let bed = Bed::new().await;
    let right = containers(
        "FROM busybox\nLABEL a=b\nCOPY --chmod=755 notes /www/cgi-bin/notes\nCOPY run.sh /run.sh\n\
         RUN mkdir /data && chown 1000 /data && touch /data/notes && chown 1000 /data/notes && echo hello > /www/index.html\n\
         USER 1000\nEXPOSE 8000\nHEALTHCHECK --interval=1s CMD wget -qO- http://127.0.0.1:8000/\nCMD [\"sh\", \"/run.sh\"]\n",
    );
    let verdict = judge(&bed, CONTAINERS, &right).await;
    assert!(verdict.passed, "{verdict:#?}");
    for figure in ["build_seconds", "image_bytes", "image_layers", "start_seconds", "healthy_seconds"] {
        assert!(verdict.metrics.contains_key(figure), "{figure}: {:?}", verdict.metrics);
    }

    let wrong = containers(
        "FROM busybox\nCOPY --chmod=755 notes /www/cgi-bin/notes\nCOPY run.sh /run.sh\nENV BIND=127.0.0.1\n\
         RUN mkdir /data && echo s3cr3t-value > /.env && rm /.env && date +%s%N > /stamp && echo hello > /www/index.html\n\
         CMD sh -c 'echo nothing; httpd -f -p $BIND:8000 -h /www; true'\n",
    );
    let verdict = judge(&bed, CONTAINERS, &wrong).await;
    assert_eq!(
        codes(&verdict),
        [
            "image_user_root",
            "image_port_missing",
            "image_label_missing",
            // Written and deleted in one step, it is in no layer; but the step itself tells the secret.
            "text_in_layer",
            "healthcheck_failed",
            "log_line_missing",
            "sigterm_ignored",
            "data_not_stored",
            "not_reproducible",
            "health_status_missing",
        ],
        "{verdict:#?}"
    );
    let by_code =
        |code: &str| verdict.failures.iter().find(|finding| finding.code == code).expect("the finding");
    let silent = &by_code("healthcheck_failed").message;
    assert!(silent.contains("listens on 127.0.0.1:8000 only"), "{silent}");
    assert_eq!(by_code("not_reproducible").place.as_ref().and_then(|place| place.line), Some(5));
}

const PROJECT: &str = r#"
[[checks]]
type = "compose_valid"
[[checks]]
type = "compose_up"
services = ["web", "store", "proxy"]
healthy = true
[[checks]]
type = "http"
service = "web"
port = 8000
path = "/"
body_contains = "hello"
within_seconds = 8
[[checks]]
id = "outside"
type = "http"
service = "web"
published = true
port = 8080
path = "/"
within_seconds = 8
[[checks]]
type = "reaches"
from = "web"
to = "store"
port = 9000
[[checks]]
type = "isolated"
from = "proxy"
to = "store"
port = 9000
[[checks]]
id = "closed"
type = "isolated"
from = "outside"
to = "store"
port = 9000
[[checks]]
type = "compose_keeps"
service = "store"
port = 9000
write = { path = "/cgi-bin/notes", body = "kept-text" }
read = { path = "/cgi-bin/notes", body_contains = "kept-text" }
[[checks]]
type = "service_config"
service = "store"
user = "non-root"
volume_at = "/data"
memory_limit = true
[[checks]]
type = "script"
image = "busybox"
with = "compose"
run = "wget -qO- http://web:8000/ | grep -q hello"
code = "own_check"
message = "No."
"#;

const IMAGE: &str = "FROM busybox\nARG PORT=8000\nENV PORT=$PORT\nCOPY --chmod=755 notes /www/cgi-bin/notes\n\
     RUN mkdir /data && touch /data/notes && chown -R 1000 /data && echo hello > /www/index.html\nUSER 1000\n\
     CMD exec httpd -f -p 0.0.0.0:$PORT -h /www\n";

#[tokio::test(flavor = "multi_thread")]
async fn each_check_of_compose_projects_sees_what_is_there() {
    let bed = Bed::new().await;
    let project = |compose: &str| {
        files(&[("compose.yaml", compose), ("image/Dockerfile", IMAGE), ("image/notes", NOTES)])
    };
    let right = project(
        "services:\n  web:\n    build: image\n    ports: [\"8080:8000\"]\n    networks: [front, back]\n    depends_on: [store]\n  \
         store:\n    build:\n      context: image\n      args: {PORT: 9000}\n    networks: [back]\n    mem_limit: 64m\n    volumes: [\"data:/data\"]\n    \
         healthcheck: {test: wget -qO- http://127.0.0.1:9000/, interval: 1s}\n  \
         proxy:\n    image: busybox\n    command: sleep 1000\n    stop_grace_period: 1s\n    networks: [front]\nnetworks:\n  front:\n  back:\nvolumes:\n  data:\n",
    );
    let verdict = judge(&bed, PROJECT, &right).await;
    assert!(verdict.passed, "{verdict:#?}");
    let wrong = project(
        "services:\n  web:\n    build: image\n    ports: [\"8081:8000\"]\n  store:\n    build:\n      context: image\n      args: {PORT: 9000}\n    \
         user: root\n    ports: [\"9000:9000\"]\n  proxy:\n    image: busybox\n    command: sh -c 'echo oh; exit 4'\n",
    );
    let verdict = judge(&bed, PROJECT, &wrong).await;
    assert_eq!(
        codes(&verdict),
        [
            "service_not_running",
            "service_unanswered",
            "reachable_but_should_not",
            "data_lost",
            "service_user_root",
            "service_unlimited",
            "service_volume_missing",
        ],
        "{verdict:#?}"
    );
    assert!(verdict.failures[0].message.contains("exit code 4"), "{}", verdict.failures[0].message);
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_answers_get_a_clear_finding_in_time() {
    let bed = Bed::new().await;
    let http = "[[checks]]\ntype = \"build\"\n[[checks]]\ntype = \"http\"\nport = 80\npath = \"/\"\nwithin_seconds = 4\n";
    for (dockerfile, code, said) in [
        ("FROM busybox\nRUN sleep 1000\n", "docker_build_failed", "not done after 8 seconds"),
        (
            "FROM busybox\nRUN yes 0123456789abcdef0123456789abcdef\n",
            "docker_build_failed",
            "not done after 8 seconds",
        ),
        ("FROM busybox\nRUN b() { b | b & }; b; sleep 1000\n", "docker_build_failed", "build"),
        ("FROM busybox\nCMD exit 7\n", "docker_run_failed", "exit code 7"),
        ("FROM busybox\nCMD httpd -f -p 127.0.0.1:80\n", "healthcheck_failed", "127.0.0.1:80 only"),
        ("FROM busybox\nCMD sleep 60; httpd -f -p 80\n", "healthcheck_failed", "listens on no port"),
        ("FROM busybox\nCMD yes\n", "healthcheck_failed", "listens on no port"),
        (
            "FROM busybox\nCMD b() { b | b & }; b; exec sleep 1000\n",
            "healthcheck_failed",
            "listens on no port",
        ),
    ] {
        let started = Instant::now();
        let answer = files(&[("Dockerfile", dockerfile)]);
        let verdict = judge_within(&bed, 8, http, &answer).await;
        let took = started.elapsed();
        assert_eq!(verdict.status, VerdictStatus::Failed, "{dockerfile}: {verdict:#?}");
        assert_eq!(codes(&verdict), [code], "{dockerfile}: {verdict:#?}");
        assert!(verdict.failures[0].message.contains(said), "{dockerfile}: {}", verdict.failures[0].message);
        assert!(took.as_secs() < 45, "{dockerfile}: {took:?}");
    }
}

/// A project of which one service answers and the others do what its file says.
fn beside_web(others: &str) -> LabFiles {
    let compose = format!("services:\n  web:\n    build: image\n{others}");
    files(&[("compose.yaml", &compose), ("image/Dockerfile", IMAGE), ("image/notes", NOTES)])
}

#[tokio::test(flavor = "multi_thread")]
async fn services_are_bound_whatever_their_file_says() {
    let bed = Bed::new().await;
    let checks = "[[checks]]\ntype = \"compose_up\"\nservices = [\"web\"]\n\
        [[checks]]\ntype = \"http\"\nservice = \"web\"\nport = 8000\npath = \"/\"\nwithin_seconds = 20\n";
    let greedy = "  bomb:\n    image: busybox\n    command: sh -c 'b() { b | b & }; b; sleep 1000'\n    pids_limit: -1\n    \
        mem_limit: 100g\n    oom_score_adj: -900\n    stop_grace_period: 1s\n    ulimits: {nproc: 100000}\n    logging: {driver: none}\n  \
        flood:\n    image: busybox\n    command: yes 0123456789abcdef0123456789abcdef\n    stop_grace_period: 1s\n    \
        deploy: {resources: {limits: {memory: 100g, cpus: '64'}}}\n";
    let verdict = judge(&bed, checks, &beside_web(greedy)).await;
    assert!(verdict.passed, "{verdict:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn services_that_fall_over_late_are_seen() {
    let bed = Bed::new().await;
    let checks = "[[checks]]\ntype = \"compose_up\"\nservices = [\"web\", \"late\"]\n\
        [[checks]]\ntype = \"http\"\nservice = \"late\"\nport = 8000\npath = \"/\"\nwithin_seconds = 3\n";
    for command in [
        // Works for a while before it finds out.
        "sh -c 'i=0; while [ $$i -lt 1000000 ]; do i=$$((i+1)); done; exit 4'",
        // Ends once somebody asks.
        "sh -c 'nc -l -p 8000 </dev/null; exit 4'",
    ] {
        let late =
            format!("  late:\n    image: busybox\n    command: {command}\n    stop_grace_period: 1s\n");
        let verdict = judge(&bed, checks, &beside_web(&late)).await;
        assert_eq!(codes(&verdict), ["service_not_running"], "{command}: {verdict:#?}");
        assert!(verdict.failures[0].message.contains("exit code 4"), "{}", verdict.failures[0].message);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_of_data_that_is_not_there_is_what_happened() {
    let bed = Bed::new().await;
    let checks = "[[checks]]\ntype = \"compose_keeps\"\nservice = \"store\"\nport = 9000\nwithin_seconds = 4\n\
        write = { path = \"/cgi-bin/notes\", body = \"kept-text\" }\nread = { path = \"/cgi-bin/notes\", body_contains = \"kept-text\" }\n";
    let build = "build: {context: image, args: {PORT: 9000}}";
    for (service, code, said) in [
        (format!("{build}\n    command: sh -c 'exit 5'"), "data_not_stored", "ended with exit code 5"),
        (format!("{build}\n    stop_grace_period: 1s"), "data_lost", "docker compose down and up"),
        (
            format!(
                "{build}\n    stop_grace_period: 1s\n    volumes: [\"seen:/seen\"]\n    user: root\n    \
                 command: sh -c 'mkdir /seen/once || exit 6; exec httpd -f -p 9000 -h /www'"
            ),
            "data_unreachable",
            "ended with exit code 6",
        ),
    ] {
        let verdict =
            judge(&bed, checks, &beside_web(&format!("  store:\n    {service}\nvolumes:\n  seen:\n"))).await;
        assert_eq!(codes(&verdict), [code], "{service}: {verdict:#?}");
        assert!(verdict.failures[0].message.contains(said), "{}", verdict.failures[0].message);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_author_did_in_a_session_is_looked_at() {
    let bed = Bed::new().await;
    let checks = "[[checks]]\ntype = \"session_container\"\nname = \"web\"\nimage = \"busybox\"\nnetwork = \"back\"\npublished = 80\n\
        [[checks]]\ntype = \"session_network\"\nname = \"back\"\nmembers = [\"web\"]\n\
        [[checks]]\ntype = \"session_volume\"\nname = \"data\"\nused_by = \"web\"\n\
        [[checks]]\ntype = \"session_image\"\nname = \"busybox\"\n";
    let script = "docker network create back\ndocker run -d --name web --network back -p 8080:80 -v data:/data busybox sleep 1000\n";
    let verdict = judge(&bed, checks, &files(&[("session.sh", script)])).await;
    assert!(verdict.passed, "{verdict:#?}");
    // Nothing of it is in the way of the project that is judged next.
    let both = format!("{checks}[[checks]]\ntype = \"compose_up\"\nservices = [\"web\"]\n");
    let project = "services:\n  web:\n    container_name: web\n    image: busybox\n    command: sleep 1000\n    \
        stop_grace_period: 1s\n    ports: [\"8080:80\"]\n";
    let verdict = judge(&bed, &both, &files(&[("session.sh", script), ("compose.yaml", project)])).await;
    assert!(verdict.passed, "{verdict:#?}");
    // Who did nothing has nothing.
    let verdict = judge(&bed, checks, &files(&[("notes.txt", "nothing")])).await;
    assert_eq!(codes(&verdict), ["container_missing", "network_missing", "volume_missing"], "{verdict:#?}");
    let verdict =
        judge(&bed, checks, &files(&[("session.sh", "docker run --name web busybox true\n")])).await;
    assert_eq!(
        codes(&verdict),
        [
            "container_not_running",
            "container_network_missing",
            "container_port_missing",
            "network_missing",
            "volume_missing",
        ]
    );
}
