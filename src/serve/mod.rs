//! What a sensor shows over HTTP: metrics, health, an API, a page for people. Reads one snapshot that the sensor publishes; changes
//! nothing.

mod access;
mod api;
mod auth;
mod config;
mod negotiate;
mod page;
mod routes;
mod served;
mod server;
mod tls;
mod web_file;

pub use config::WebConfig;
pub use routes::routes;
pub use served::{Health, Served};
pub use server::{Security, ServeError, Server};
pub use web_file::{ClientAuth, HttpFile, TlsFile, TlsVersion, WebFile, WebFileError};
