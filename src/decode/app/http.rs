//! HTTP/1 request heads (RFC 9112): the method and the host that is asked.

use std::sync::Arc;

use crate::decode::app::tls::Extent;
use crate::decode::app::{AppInfo, name};

/// Longest method: those that are registered have at most 17 letters.
const MAX_METHOD_LEN: usize = 20;

const COMMON_METHODS: [&[u8]; 7] = [b"GET", b"POST", b"HEAD", b"PUT", b"DELETE", b"OPTIONS", b"PATCH"];

/// What a client of cleartext HTTP/2 says first, as far as it looks like a request (RFC 9113, section 3.4).
pub(super) const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n";

/// Reads the head of a request and notes method and host. The head is `Whole` as soon as the host is known; `Broken`
/// where the bytes are no HTTP/1 request.
pub(super) fn read_head(stream: &[u8], info: &mut AppInfo) -> Extent {
    let method_len = stream.iter().take_while(|&&byte| is_method_byte(byte)).count();
    if method_len > MAX_METHOD_LEN {
        return Extent::Broken;
    }
    let (method, rest) = stream.split_at(method_len);
    if rest.is_empty() {
        return Extent::Cut;
    }
    let Some(rest) = rest.strip_prefix(b" ").filter(|_| method_len >= 3) else { return Extent::Broken };
    let mut lines = whole_lines(rest);
    let line = lines.next();
    let (target, version) = split_at_last_space(line.unwrap_or(rest));
    let is_versioned = line.is_some() && version.starts_with(b"HTTP/1.");
    // A line that was cut, or one of HTTP/0.9, tells its method where there can be no doubt.
    let is_plain =
        COMMON_METHODS.contains(&method) && rest.starts_with(b"/") && (line.is_none() || version.is_empty());
    if is_versioned || is_plain {
        info.method = std::str::from_utf8(method).ok().map(Arc::from);
    }
    match line {
        None if rest.iter().copied().all(is_text_byte) => return Extent::Cut,
        Some(_) if is_versioned => {}
        Some(_) if is_plain => return Extent::Whole,
        _ => return Extent::Broken,
    }
    if let Some(authority) = authority_of(method, target) {
        note_host(authority, info);
        return Extent::Whole;
    }
    for line in lines {
        if line.is_empty() {
            return Extent::Whole;
        }
        if let Some(host) = host_field(line) {
            note_host(host, info);
            return Extent::Whole;
        }
    }
    Extent::Cut
}

const fn is_method_byte(byte: u8) -> bool {
    byte.is_ascii_uppercase() || matches!(byte, b'-' | b'_')
}

const fn is_text_byte(byte: u8) -> bool {
    byte >= b' ' || matches!(byte, b'\t' | b'\r')
}

/// The lines that are there with their end, without it.
fn whole_lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let lines = bytes.split_inclusive(|&byte| byte == b'\n');
    lines.map_while(|line| line.strip_suffix(b"\n")).map(|line| line.strip_suffix(b"\r").unwrap_or(line))
}

/// Target and version of a request line.
fn split_at_last_space(line: &[u8]) -> (&[u8], &[u8]) {
    let at = line.iter().rposition(|&byte| byte == b' ').unwrap_or(line.len());
    let (target, version) = line.split_at(at);
    (target, version.strip_prefix(b" ").unwrap_or_default())
}

/// The host that the request line names, which counts more than the Host field (RFC 9112, section 3.2.2).
fn authority_of<'a>(method: &[u8], target: &'a [u8]) -> Option<&'a [u8]> {
    if method == b"CONNECT" {
        return Some(target);
    }
    let scheme_end = target.windows(3).take(8).position(|part| part == b"://")?;
    let rest = target.get(scheme_end + 3..)?;
    rest.split(|byte| matches!(byte, b'/' | b'?' | b'#')).next()
}

fn host_field(line: &[u8]) -> Option<&[u8]> {
    let (field, value) = line.split_at_checked(5)?;
    field.eq_ignore_ascii_case(b"host:").then(|| value.trim_ascii())
}

/// Notes name and port of `user@host:port`. An IP address is no name.
fn note_host(authority: &[u8], info: &mut AppInfo) {
    let host = authority.rsplit(|&byte| byte == b'@').next().unwrap_or_default();
    if host.starts_with(b"[") {
        return;
    }
    let mut parts = host.splitn(2, |&byte| byte == b':');
    info.name = parts.next().and_then(name::host_name);
    info.name_port = info.name.as_ref().and_then(|_| std::str::from_utf8(parts.next()?).ok()?.parse().ok());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(head: &[u8], extent: Extent, method: Option<&str>, host: Option<&str>) {
        let mut info = AppInfo::default();
        assert_eq!(read_head(head, &mut info), extent, "{}", head.escape_ascii());
        assert_eq!((info.method.as_deref(), info.name.as_deref()), (method, host), "{}", head.escape_ascii());
    }

    #[test]
    fn reads_method_and_host() {
        use Extent::{Cut, Whole};
        check(b"GET / HTTP/1.1\r\nHost: Example.COM\r\n\r\n", Whole, Some("GET"), Some("example.com"));
        check(b"GET / HTTP/1.1\r\nA: b\r\nhOsT:a.example:8080 \r\n", Whole, Some("GET"), Some("a.example"));
        check(b"POST /x y HTTP/1.0\nHost:\tb.example\n", Whole, Some("POST"), Some("b.example"));
        check(b"GET / HTTP/1.1\r\nHost: 10.1.2.3:80\r\n", Whole, Some("GET"), None);
        check(b"GET / HTTP/1.1\r\nHost: [2001:db8::1]:80\r\n", Whole, Some("GET"), None);
        check(b"GET / HTTP/1.0\r\n\r\nHost: body.example\r\n", Whole, Some("GET"), None);
        check(b"CONNECT c.example:443 HTTP/1.1\r\n", Whole, Some("CONNECT"), Some("c.example"));
        check(b"GET http://u:p@d.example:81/x?y HTTP/1.1\r\n", Whole, Some("GET"), Some("d.example"));
        check(
            b"GET http://e.example?y HTTP/1.1\r\nHost: f.example\r\n",
            Whole,
            Some("GET"),
            Some("e.example"),
        );
        check(
            b"GET /?u=http://g.example/ HTTP/1.1\r\nHost: h.example\r\n",
            Whole,
            Some("GET"),
            Some("h.example"),
        );
        check(b"RPC_IN_DATA / HTTP/1.1\r\n", Cut, Some("RPC_IN_DATA"), None);
        check(b"GET / HTTP/1.1\r\nHost: a.exa", Cut, Some("GET"), None);
        check(b"GET / HTTP/1.0.8\r\n\r\n", Whole, Some("GET"), None);
        check(b"GET /\r\n", Whole, Some("GET"), None);
        check(b"GET / HT", Cut, Some("GET"), None);
        check(b"GET /a/long/pa", Cut, Some("GET"), None);
        check(b"FOO /a/long/pa", Cut, None, None);
        check(b"OPTIONS sip:x@exam", Cut, None, None);
        check(b"G", Cut, None, None);
    }

    #[test]
    fn refuses_what_is_not_http() {
        let check = |head: &[u8]| check(head, Extent::Broken, None, None);
        check(b"OPTIONS sip:x@example.com SIP/2.0\r\n");
        check(b"USER anonymous\r\n");
        check(b"GE /\r\n");
        check(b"GET / HTTP/2.0\r\n");
        check(b"GET\x00");
        check(b"GET \x00\x01\x02");
        check(b"\x00\x01\x02");
        check(&[b'A'; 21]);
    }
}
