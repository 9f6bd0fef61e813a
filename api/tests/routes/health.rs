//! `/api/healthz`, and what is said while the database is away.

use serde_json::json;

use crate::support::Served;

#[tokio::test]
async fn the_platform_is_well() {
    let api = Served::new().await;
    let answer = api.stranger().get("/api/healthz").await.expect(200);
    assert_eq!(answer.json(), json!({ "status": "ok", "postgres": "ok", "redis": "ok" }));
}

#[tokio::test]
async fn a_database_that_is_away_is_said_so_and_comes_back() {
    let api = Served::new().await;
    let ada = api.person("Ada").await;
    let database = api.settings().database_url.rsplit('/').next().expect("a name").to_owned();
    let admin = api.admin().await;
    // No new connections, and those that there are broken off: what a restart looks like from here.
    admin.batch_execute(&format!("alter database {database} allow_connections false")).await.expect("closed");
    admin
        .execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = $1", &[&database])
        .await
        .expect("broken off");

    let answer = api.stranger().get("/api/healthz").await;
    assert_eq!(answer.headers["retry-after"], "5");
    answer.problem(503, "unavailable");
    ada.get("/api/labs").await.problem(503, "unavailable");
    let page = ada.get("/labs").await.expect(503);
    assert!(page.text.contains("Nothing is lost"), "{}", page.text);
    assert_eq!(page.headers["retry-after"], "5");

    admin.batch_execute(&format!("alter database {database} allow_connections true")).await.expect("open");
    ada.get("/api/labs").await.expect(200);
    api.stranger().get("/api/healthz").await.expect(200);
}
