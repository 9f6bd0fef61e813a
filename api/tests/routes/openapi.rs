//! The description of the API.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Map, Value};

use crate::support::Served;

/// Every route of the API. A new one is added here, in the description and in the router, or this fails.
const ROUTES: &[&str] = &[
    "DELETE /api/files",
    "DELETE /api/sessions/{id}",
    "GET /api/attempts",
    "GET /api/attempts/{id}",
    "GET /api/attempts/{id}/log",
    "GET /api/auth/me",
    "GET /api/files",
    "GET /api/files/raw",
    "GET /api/healthz",
    "GET /api/labs",
    "GET /api/labs/{slug}",
    "GET /api/labs/{slug}/active",
    "GET /api/labs/{slug}/solution",
    "GET /api/openapi.json",
    "GET /api/sessions",
    "GET /api/sessions/{id}",
    "GET /api/sessions/{id}/events",
    "GET /api/sessions/{id}/hints",
    "GET /api/sessions/{id}/jobs",
    "GET /api/sessions/{id}/jobs/{job}",
    "GET /api/sessions/{id}/jobs/{job}/log",
    "GET /api/sessions/{id}/ports",
    "GET /api/sessions/{id}/terminal/ws",
    "GET /api/sessions/{id}/timeline",
    "POST /api/auth/local",
    "POST /api/auth/sign-out",
    "POST /api/files",
    "POST /api/files/rename",
    "POST /api/judge/{slug}",
    "POST /api/labs/{slug}/solution",
    "POST /api/labs/{slug}/start",
    "POST /api/sessions/{id}/build",
    "POST /api/sessions/{id}/exec",
    "POST /api/sessions/{id}/extend",
    "POST /api/sessions/{id}/hints",
    "POST /api/sessions/{id}/run",
    "PUT /api/files",
];

fn operations(document: &Value) -> Vec<(String, String, &Map<String, Value>)> {
    let paths = document["paths"].as_object().expect("paths");
    paths
        .iter()
        .flat_map(|(path, item)| {
            item.as_object().expect("operations").iter().filter_map(|(method, operation)| {
                Some((method.to_uppercase(), path.clone(), operation.as_object()?))
            })
        })
        .collect()
}

#[tokio::test]
async fn every_route_is_described_and_every_description_has_its_route() {
    let api = Served::new().await;
    let document = api.stranger().get("/api/openapi.json").await.expect(200).json();
    let described: BTreeSet<String> =
        operations(&document).iter().map(|(method, path, _)| format!("{method} {path}")).collect();
    assert_eq!(described, ROUTES.iter().map(|route| (*route).to_owned()).collect());

    let ada = api.person("Ada").await;
    for (method, path, _) in operations(&document) {
        let address = path.replace("{id}", "none").replace("{slug}", "none").replace("{job}", "none");
        let method: Method = method.parse().expect("a method");
        let answer = ada.send(ada.request(method.clone(), &address)).await;
        assert_ne!(answer.status, 405, "{method} {path}");
        if answer.status == 404 {
            assert_ne!(answer.json()["code"], "not_found", "{method} {path} leads nowhere");
        }
    }
}

#[tokio::test]
async fn the_description_is_whole() {
    let document = serde_json::to_value(containrlab_api::openapi()).expect("JSON");
    let text = document.to_string();
    for reference in text.split("\"$ref\":\"#/components/schemas/").skip(1) {
        let name = reference.split('"').next().expect("a name");
        assert!(document["components"]["schemas"].get(name).is_some(), "{name} is not described");
    }
    for (method, path, operation) in operations(&document) {
        let words = operation.get("summary").and_then(Value::as_str).unwrap_or_default();
        assert!(words.len() > 5, "{method} {path} lacks words");
        assert!(operation["responses"].get("default").is_some(), "{method} {path} does not say how it fails");
        for part in path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')) {
            let named = operation["parameters"].as_array().expect("parameters").iter();
            assert!(
                named.filter(|one| one["name"] == part && one["in"] == "path").count() == 1,
                "{method} {path}: {part}"
            );
        }
    }
}
