//! Flow rows: Zeek's `conn.log` by name and meaning, and a few columns more at the end.
//!
//! As in Zeek, `duration`, `orig_bytes` and `resp_bytes` are missing for a connection of one packet.

use super::table::{Column, ColumnKind, Schema, Value};
use crate::decode::app::AppInfo;
use crate::decode::proto;
use crate::flow::{FlowRecord, Unseen};

/// The columns of [`flow_row`].
pub fn flow_schema() -> Schema {
    use ColumnKind::{Epoch, Float, Int, Text};
    let column = |name: &'static str, kind, unit, doc| Column::new(name, kind, unit, doc);
    Schema::new(vec![
        column("ts", Epoch, "seconds", "First packet, since the epoch."),
        column("uid", Text, "", "Unique id of the connection."),
        column("id.orig_h", Text, "", "Originator's address."),
        column("id.orig_p", Int, "", "Originator's port (ICMP: type)."),
        column("id.resp_h", Text, "", "Responder's address."),
        column("id.resp_p", Int, "", "Responder's port (ICMP: answering type, or code)."),
        column("proto", Text, "", "Transport protocol."),
        column("service", Text, "", "Application protocol, by Zeek's name."),
        column("duration", Float, "seconds", "First to last packet."),
        column("orig_bytes", Int, "bytes", "Payload by the originator; TCP: by sequence numbers."),
        column("resp_bytes", Int, "bytes", "Payload by the responder; TCP: by sequence numbers."),
        column("conn_state", Text, "", "Zeek's connection state."),
        column("missed_bytes", Int, "bytes", "Content gaps by sequence numbers."),
        column("history", Text, "", "Zeek's history letters, upper case by the originator."),
        column("orig_pkts", Int, "packets", "Packets by the originator."),
        column("orig_ip_bytes", Int, "bytes", "IP bytes by the originator, headers included."),
        column("resp_pkts", Int, "packets", "Packets by the responder."),
        column("resp_ip_bytes", Int, "bytes", "IP bytes by the responder, headers included."),
        column("community_id", Text, "", "Community ID flow hash, version 1, seed 0."),
        column("orig_wire_bytes", Int, "bytes", "Frame bytes by the originator, as tshark counts them."),
        column("resp_wire_bytes", Int, "bytes", "Frame bytes by the responder, as tshark counts them."),
        column("sni", Text, "", "TLS or QUIC server name, or HTTP Host."),
        column("ja4", Text, "", "JA4 fingerprint of the TLS ClientHello."),
    ])
    .of_zeek("conn")
}

/// A flow as a row of [`flow_schema`]. `community_id` is nothing where it is not defined.
pub fn flow_row<'a>(flow: &'a FlowRecord, uid: &'a str, community_id: Option<&'a str>) -> Vec<Value<'a>> {
    let FlowRecord { key, counters: c, .. } = flow;
    // Whole microseconds, the precision of Zeek's `interval`.
    let duration = ((flow.last - flow.first).as_secs_f64() * 1e6).round() / 1e6;
    let lasted = |value: Value<'a>| if duration > 0.0 { value } else { Value::Missing };
    let app = flow.app.as_deref();
    let logged = |app: &'a AppInfo| app.logged_service.as_deref();
    let service = app.and_then(|a| logged(a).or_else(|| a.service.zeek_name(key.resp_port)));
    let service = service.filter(|name| !name.is_empty());
    let seen = |what, value: u64| if flow.unseen.has(what) { Value::Missing } else { value.into() };
    vec![
        flow.first.into(),
        uid.into(),
        key.orig.into(),
        key.orig_port.into(),
        key.resp.into(),
        key.resp_port.into(),
        proto::name(key.proto).into(),
        service.into(),
        lasted(duration.into()),
        lasted(seen(Unseen::PAYLOAD, flow.orig_bytes)),
        lasted(seen(Unseen::PAYLOAD, flow.resp_bytes)),
        Some(flow.state.name()).filter(|_| !flow.unseen.has(Unseen::STATE)).into(),
        seen(Unseen::MISSED, flow.missed_bytes),
        Some(flow.history.as_str()).filter(|h| !h.is_empty()).into(),
        seen(Unseen::PACKETS, c.orig_pkts),
        seen(Unseen::IP_BYTES, c.orig_ip_bytes),
        seen(Unseen::PACKETS, c.resp_pkts),
        seen(Unseen::IP_BYTES, c.resp_ip_bytes),
        community_id.into(),
        seen(Unseen::FRAMES, c.orig_wire_bytes),
        seen(Unseen::FRAMES, c.resp_wire_bytes),
        app.and_then(|a| a.name.as_deref()).into(),
        app.and_then(|a| a.ja4.as_deref()).into(),
    ]
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::addr::Addr;
    use crate::decode::app::Service;
    use crate::export::table::TableWriter;
    use crate::flow::{ConnState, Counters, FlowKey, History};
    use crate::time::{Span, Timestamp};

    fn flow() -> FlowRecord {
        let first = Timestamp::from_secs_nanos(1_735_718_403, 120_000_400);
        let mut history = History::default();
        b"ShADadFf".iter().for_each(|&letter| history.push(letter));
        FlowRecord {
            key: FlowKey {
                orig: Addr::from_v4([10, 0, 0, 1]),
                resp: Addr::from_v4([198, 51, 100, 7]),
                orig_port: 50123,
                resp_port: 443,
                proto: proto::TCP,
            },
            first,
            last: first + Span::from_nanos(1_500_000_300),
            counters: Counters {
                orig_pkts: 9,
                resp_pkts: 8,
                orig_ip_bytes: 1200,
                resp_ip_bytes: 5600,
                orig_wire_bytes: 1326,
                resp_wire_bytes: 5712,
                ..Counters::default()
            },
            orig_bytes: 820,
            resp_bytes: 5272,
            state: ConnState::SF,
            history,
            app: Some(Arc::new(AppInfo {
                service: Service::Tls,
                name: Some("cdn.example.net".into()),
                ja4: Some("t13d1516h2_8daaf6152771_b186095e22b6".into()),
                ..AppInfo::default()
            })),
            ..FlowRecord::default()
        }
    }

    #[test]
    fn writes_conn_log_columns() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("flows.csv");
        let mut writer = TableWriter::create(&path, &flow_schema()).unwrap();
        writer.write_row(&flow_row(&flow(), "CAbc123", Some("1:LQU9qZlK+B5F3KDmev6m5PMibrg="))).unwrap();
        let ping = FlowRecord {
            key: FlowKey { proto: proto::ICMP, orig_port: 8, ..FlowKey::default() },
            ..FlowRecord::default()
        };
        writer.write_row(&flow_row(&ping, "CDef456", None)).unwrap();
        writer.finish().unwrap();
        assert_eq!(
            std::fs::read_to_string(&path).unwrap(),
            "ts,uid,id.orig_h,id.orig_p,id.resp_h,id.resp_p,proto,service,duration,orig_bytes,resp_bytes,conn_state,\
             missed_bytes,history,orig_pkts,orig_ip_bytes,resp_pkts,resp_ip_bytes,community_id,orig_wire_bytes,\
             resp_wire_bytes,sni,ja4\n\
             1735718403.120000,CAbc123,10.0.0.1,50123,198.51.100.7,443,tcp,ssl,1.5,820,5272,SF,0,ShADadFf,9,1200,8,\
             5600,1:LQU9qZlK+B5F3KDmev6m5PMibrg=,1326,5712,cdn.example.net,t13d1516h2_8daaf6152771_b186095e22b6\n\
             0.000000,CDef456,::,8,::,0,icmp,,,,,OTH,0,,0,0,0,0,,0,0,,\n",
        );
    }
}
