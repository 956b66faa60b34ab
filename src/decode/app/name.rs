//! Names that peers give: made safe to print, and reduced to the domain that somebody registered.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

/// Bytes of a name at most (RFC 1035, section 2.3.4).
pub(super) const MAX_LEN: usize = 255;

/// The domain that was registered for a name, by the public suffix list: `a.b.example.co.uk` gives `example.co.uk`. The
/// whole name where there is none (a public suffix, a single label), and for an IP address.
pub fn registered_domain(name: &str) -> &str {
    if is_ip_literal(name) { name } else { psl::domain_str(name).unwrap_or(name) }
}

/// Whether a byte may stand in a name: printable ASCII without what could break out of a quoted text or a page.
pub(super) const fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\'' | b'`' | b'<' | b'>')
}

/// A host name as it is kept: lower case, without the final dot. Nothing where it is empty, too long, an IP address or has
/// bytes that a name cannot have.
pub(super) fn host_name(raw: &[u8]) -> Option<Arc<str>> {
    let raw = raw.strip_suffix(b".").unwrap_or(raw);
    let text = plain_text(raw)?;
    if is_ip_literal(text) {
        return None;
    }
    let has_upper = raw.iter().any(u8::is_ascii_uppercase);
    let lower = if has_upper { Cow::Owned(text.to_ascii_lowercase()) } else { Cow::Borrowed(text) };
    Some(Arc::from(lower))
}

/// The bytes as text where they are 1 to 255 bytes that a name may have.
pub(super) fn plain_text(raw: &[u8]) -> Option<&str> {
    let fits = (1..=MAX_LEN).contains(&raw.len()) && raw.iter().copied().all(is_name_byte);
    if fits { std::str::from_utf8(raw).ok() } else { None }
}

fn is_ip_literal(name: &str) -> bool {
    // No top-level domain ends in a digit, and no name has a colon: most names are not parsed at all.
    let may_be = name.ends_with(|c: char| c.is_ascii_digit()) || name.contains(':');
    may_be && name.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reduces_to_the_registered_domain() {
        let check = |name, domain| assert_eq!(registered_domain(name), domain);
        check("www.example.com", "example.com");
        check("example.com", "example.com");
        check("a.b.example.co.uk", "example.co.uk");
        check("implant.duckdns.org", "implant.duckdns.org");
        check("x.y.corp.lan", "corp.lan");
        check("co.uk", "co.uk");
        check("localhost", "localhost");
        check("", "");
        check("..", "..");
        check("192.168.1.20", "192.168.1.20");
        check("2001:db8::1", "2001:db8::1");
        check("??.t.example.com", "example.com");
    }

    #[test]
    fn keeps_only_safe_names() {
        let check = |raw: &[u8], name: Option<&str>| assert_eq!(host_name(raw).as_deref(), name);
        check(b"WWW.Example.COM.", Some("www.example.com"));
        check(b"_dmarc.example.com", Some("_dmarc.example.com"));
        check(b"", None);
        check(b".", None);
        check(b"a b.example", None);
        check(b"<script>.example", None);
        check(b"a\"b", None);
        check("ex\u{e4}mple.com".as_bytes(), None);
        check(b"a\0b", None);
        check(b"10.0.0.1", None);
        check(b"2001:db8::1", None);
        check(b"7.example.c0", Some("7.example.c0"));
        check(&[b'a'; 255], Some(&"a".repeat(255)));
        check(&[b'a'; 256], None);
    }
}
