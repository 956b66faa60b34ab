//! What the first payload of a flow costs. Each bench asserts its answer.
//!
//! | date | machine | bench | ns |
//! |---|---|---|---|

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use undercurrent::decode::app::{AppInfo, Inspector, Progress, Service, parse_dns};
use undercurrent::decode::{Direction, proto};

const DNS_QUERY: &[u8] = b"\x12\x34\x01\x00\0\x01\0\0\0\0\0\0\x03www\x07example\x03com\0\0\x01\0\x01";
const HTTP_GET: &[u8] = b"GET /index.html?q=1 HTTP/1.1\r\nUser-Agent: curl/8.5.0\r\nAccept: */*\r\n\
    Accept-Encoding: gzip\r\nHost: www.example.com\r\nConnection: close\r\n\r\n";

/// Bytes behind their 16-bit length.
fn sized(content: &[u8]) -> Vec<u8> {
    let len = u16::try_from(content.len()).unwrap_or(u16::MAX);
    [&len.to_be_bytes(), content].concat()
}

/// A `ClientHello` of 517 bytes with the ciphers, extensions and algorithms of the example in the JA4 specification.
fn client_hello() -> Vec<u8> {
    let be = |values: &[u16]| values.iter().flat_map(|value| value.to_be_bytes()).collect::<Vec<u8>>();
    let ciphers = be(&[
        0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014, 0x009c,
        0x009d, 0x002f, 0x0035,
    ]);
    let algorithms = be(&[0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601]);
    let server_name = sized(&[&[0], &sized(b"www.example.com")[..]].concat());
    let kinds = [
        0x001b, 0x0000, 0x0033, 0x0010, 0x4469, 0x0017, 0x002d, 0x000d, 0x0005, 0x0023, 0x0012, 0x002b,
        0xff01, 0x000b, 0x000a, 0x0015,
    ];
    let with_padding = |padding: usize| {
        let content = |kind| match kind {
            0x0000 => server_name.clone(),
            0x000d => sized(&algorithms),
            0x0010 => b"\0\x0c\x02h2\x08http/1.1".to_vec(),
            0x002b => vec![4, 3, 4, 3, 3],
            0x0033 => vec![0x33; 38],
            0x0015 => vec![0; padding],
            _ => Vec::new(),
        };
        let extension = |kind: &u16| [kind.to_be_bytes().to_vec(), sized(&content(*kind))].concat();
        let extensions: Vec<u8> = kinds.iter().flat_map(extension).collect();
        let body =
            [&[3, 3], &[7; 32][..], &[32], &[5; 32], &sized(&ciphers), &[1, 0], &sized(&extensions)].concat();
        [&[22, 3, 1][..], &sized(&[&[1, 0], &sized(&body)[..]].concat())].concat()
    };
    let bare = with_padding(0).len();
    with_padding(517 - bare)
}

fn inspect(proto: u8, port: u16, payload: &[u8]) -> (Progress, AppInfo) {
    let mut inspector = Inspector::default();
    let progress = inspector.feed(proto, port, Direction::Orig, 1, black_box(payload));
    (progress, inspector.into_info())
}

fn first_payload(c: &mut Criterion) {
    // The first bytes of an encrypted stream; no signature begins with them.
    let random: Vec<u8> = (0..350_u32)
        .flat_map(|i| i.wrapping_mul(2_654_435_761).to_be_bytes())
        .map(|byte| byte | 0x80)
        .collect();
    let hello = client_hello();
    assert_eq!(hello.len(), 517);

    assert_eq!(inspect(proto::TCP, 9999, &random), (Progress::NeedMore, AppInfo::default()));
    c.bench_function("tcp_random", |b| b.iter(|| inspect(proto::TCP, 9999, &random)));

    assert_eq!(inspect(proto::UDP, 9999, &random), (Progress::NeedMore, AppInfo::default()));
    c.bench_function("udp_random", |b| b.iter(|| inspect(proto::UDP, 9999, &random)));

    let (progress, info) = inspect(proto::TCP, 443, &hello);
    assert_eq!((progress, info.name.as_deref()), (Progress::Done, Some("www.example.com")));
    assert_eq!(info.ja4.as_deref(), Some("t13d1516h2_8daaf6152771_e5627efa2ab1"));
    c.bench_function("tls_client_hello_517", |b| b.iter(|| inspect(proto::TCP, 443, &hello)));

    let (progress, info) = inspect(proto::TCP, 80, HTTP_GET);
    assert_eq!((progress, info.name.as_deref()), (Progress::Done, Some("www.example.com")));
    c.bench_function("http_get", |b| b.iter(|| inspect(proto::TCP, 80, HTTP_GET)));

    let (progress, info) = inspect(proto::UDP, 53, DNS_QUERY);
    assert_eq!((progress, info.service), (Progress::Done, Service::Dns));
    c.bench_function("dns_query_inspect", |b| b.iter(|| inspect(proto::UDP, 53, DNS_QUERY)));

    assert_eq!(parse_dns(DNS_QUERY).map(|message| message.name), Some("www.example.com".into()));
    c.bench_function("dns_query_parse", |b| b.iter(|| parse_dns(black_box(DNS_QUERY))));
}

criterion_group!(benches, first_payload);
criterion_main!(benches);
