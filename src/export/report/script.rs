//! The one script of the page, and the policy that lets it and nothing else run.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use crate::export::markup::Page;

/// Search and order of tables: the page is whole without it.
const SCRIPT: &str = include_str!("script.js");

/// Adds the content security policy (W3C, CSP Level 3): styles of the page itself, and the script with this hash.
pub(super) fn policy(page: &mut Page) {
    page.raw("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-");
    page.text(STANDARD.encode(Sha256::digest(SCRIPT.as_bytes()))).raw("'\">\n");
}

/// Adds the script, after the tables that it is for.
pub(super) fn render(page: &mut Page) {
    page.raw("<script>").raw(SCRIPT).raw("</script>\n");
}
