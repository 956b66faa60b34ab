//! What is served where.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::sync::watch;

use super::negotiate::Format;
use super::served::{Health, Served};
use super::{api, page};
use crate::addr::Addr;
use crate::export::metrics::{render_open_metrics, render_text};
use crate::time::Timestamp;

const JSON: &str = "application/json";
const HTML: &str = "text/html; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";

/// Where answers come from.
#[derive(Clone)]
struct Source {
    served: watch::Receiver<Arc<Served>>,
    clock: fn() -> Timestamp,
}

impl Source {
    fn now(&self) -> Arc<Served> {
        Arc::clone(&self.served.borrow())
    }
}

/// All routes, over what a sensor publishes. `clock` tells the time of a request.
pub fn routes(served: watch::Receiver<Arc<Served>>, clock: fn() -> Timestamp) -> Router {
    Router::new()
        .route("/", get(index))
        .route("/hosts/{ip}", get(host))
        .route("/update.js", get(script))
        .route("/metrics", get(metrics))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/api/v1/findings", get(findings))
        .route("/api/v1/hosts", get(hosts))
        .route("/api/v1/hosts/{ip}", get(host_json))
        .route("/api/v1/status", get(status))
        .with_state(Source { served, clock })
}

async fn metrics(State(source): State<Source>, headers: HeaderMap) -> Response {
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let format = Format::of_accept(accept);
    let served = source.now();
    let rendered = match format {
        Format::Text => render_text(&served.metrics),
        Format::OpenMetrics => Ok(render_open_metrics(&served.metrics)),
    };
    match rendered {
        Ok(text) => ([(CONTENT_TYPE, format.content_type())], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}

async fn healthz(State(source): State<Source>) -> Response {
    health(source.now().healthy((source.clock)()))
}

async fn readyz(State(source): State<Source>) -> Response {
    health(source.now().ready((source.clock)()))
}

fn health(health: Health) -> Response {
    let (status, why) = match health {
        Ok(why) => (StatusCode::OK, why),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, why),
    };
    (status, [(CONTENT_TYPE, TEXT)], format!("{why}\n")).into_response()
}

async fn findings(State(source): State<Source>) -> Response {
    json(api::findings(&source.now()))
}

async fn hosts(State(source): State<Source>) -> Response {
    json(api::hosts(&source.now()))
}

async fn host_json(State(source): State<Source>, Path(ip): Path<String>) -> Response {
    match ip.parse::<IpAddr>().ok().and_then(|ip| api::host(&source.now(), Addr::from(ip))) {
        Some(body) => json(body),
        None => {
            (StatusCode::NOT_FOUND, [(CONTENT_TYPE, JSON)], "{\"error\":\"no such host\"}\n").into_response()
        }
    }
}

async fn status(State(source): State<Source>) -> Response {
    json(api::status(&source.now(), (source.clock)()))
}

async fn index(State(source): State<Source>) -> Response {
    html(page::index(&source.now(), (source.clock)()))
}

async fn host(State(source): State<Source>, Path(ip): Path<String>) -> Response {
    match ip.parse::<IpAddr>().ok().and_then(|ip| page::host(&source.now(), Addr::from(ip))) {
        Some(body) => html(body),
        None => (StatusCode::NOT_FOUND, [(CONTENT_TYPE, HTML)], page::no_such_host()).into_response(),
    }
}

async fn script() -> Response {
    ([(CONTENT_TYPE, "text/javascript; charset=utf-8")], page::SCRIPT).into_response()
}

fn json(body: String) -> Response {
    ([(CONTENT_TYPE, JSON)], body).into_response()
}

fn html(body: String) -> Response {
    ([(CONTENT_TYPE, HTML)], body).into_response()
}
