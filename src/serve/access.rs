//! What every answer goes through: who may ask, how long it may take, and the headers that keep browsers from mischief.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, WWW_AUTHENTICATE,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};

use super::auth::Users;

/// Nothing from elsewhere, no frames, no forms; the page's own script by its digest.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'self'; connect-src 'self'; \
                      img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Users, and headers that the web configuration adds.
#[derive(Debug)]
pub(super) struct Access {
    users: Users,
    headers: HeaderMap,
}

impl Access {
    pub(super) fn new(
        users: BTreeMap<String, String>,
        headers: BTreeMap<String, String>,
        key: [u8; 32],
    ) -> Self {
        let own = [
            (CONTENT_SECURITY_POLICY, POLICY),
            (X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (X_FRAME_OPTIONS, "DENY"),
            (REFERRER_POLICY, "no-referrer"),
            (CACHE_CONTROL, "no-store"),
        ];
        let mut all: HeaderMap =
            own.into_iter().map(|(name, value)| (name, HeaderValue::from_static(value))).collect();
        for (name, value) in headers {
            if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), value.parse::<HeaderValue>()) {
                all.insert(name, value);
            }
        }
        Self { users: Users::new(users, key), headers: all }
    }

    /// Puts it around all routes.
    pub(super) fn guard(self: &Arc<Self>, app: Router, limit: Duration) -> Router {
        app.layer(from_fn_with_state((Arc::clone(self), limit), answer))
    }
}

async fn answer(
    State((access, limit)): State<(Arc<Access>, Duration)>,
    request: Request,
    next: Next,
) -> Response {
    let answered = tokio::time::timeout(limit, admitted(&access, request, next)).await;
    let mut response = answered.unwrap_or_else(|_| StatusCode::SERVICE_UNAVAILABLE.into_response());
    for (name, value) in &access.headers {
        response.headers_mut().insert(name, value.clone());
    }
    response
}

async fn admitted(access: &Access, request: Request, next: Next) -> Response {
    let authorization = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let authorization = authorization.map(str::to_owned);
    if access.users.admit(authorization.as_deref()).await {
        next.run(request).await
    } else {
        let challenge = [(WWW_AUTHENTICATE, "Basic realm=\"undercurrent\", charset=\"UTF-8\"")];
        (StatusCode::UNAUTHORIZED, challenge, "Unauthorized\n").into_response()
    }
}
