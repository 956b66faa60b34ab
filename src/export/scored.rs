//! Host and channel rows: fixed columns of the contract, then every feature under its own name.

use super::rita::score_values;
use super::table::{Column, ColumnKind, Schema, Value};
use crate::decode::proto;
use crate::detect::{ChannelScore, HostScore, Kind, Scores, features_of};
use crate::features::rita::RitaPair;
use crate::features::{Feature, peer_address, peer_name};

type Fixed = (&'static str, ColumnKind, &'static str, &'static str);

const CHANNEL: &[Fixed] = &[
    ("host", ColumnKind::Text, "", "The monitored host."),
    ("peer_ip", ColumnKind::Text, "", "Address of the peer; of the resolver for a domain."),
    (
        "peer_name",
        ColumnKind::Text,
        "",
        "TLS SNI, HTTP Host, DNS name, or the registered domain that is asked for.",
    ),
    ("port", ColumnKind::Int, "", "The responder's port."),
    ("proto", ColumnKind::Text, "", "Transport protocol."),
    ("service", ColumnKind::Text, "", "Application protocol, from payload."),
    ("outbound", ColumnKind::Bool, "", "Whether the host is the originator."),
    ("c2_score", ColumnKind::Float, "", "Anomaly score of the C2 model, 0 to 1."),
    ("c2_p_value", ColumnKind::Float, "", "Share of benign calibration rows that score at least as high."),
    ("c2_judged", ColumnKind::Bool, "", "Whether there is enough evidence for a C2 verdict."),
    ("exfil_score", ColumnKind::Float, "", "Anomaly score of the exfiltration model, 0 to 1."),
    ("exfil_p_value", ColumnKind::Float, "", "Share of benign calibration rows that score at least as high."),
    ("exfil_judged", ColumnKind::Bool, "", "Whether there is enough evidence for an exfiltration verdict."),
    ("flows", ColumnKind::Int, "flows", "Flows; questions for a domain."),
    ("bytes_out", ColumnKind::Int, "bytes", "IP bytes that the host sent; DNS message bytes for a domain."),
    (
        "bytes_in",
        ColumnKind::Int,
        "bytes",
        "IP bytes that the host received; DNS message bytes for a domain.",
    ),
    ("packets_out", ColumnKind::Int, "packets", "Packets that the host sent."),
    ("packets_in", ColumnKind::Int, "packets", "Packets that the host received."),
    ("first_seen", ColumnKind::Time, "", "First packet."),
    ("last_seen", ColumnKind::Time, "", "Last packet."),
    ("total_duration_s", ColumnKind::Float, "seconds", "Sum of the durations of the flows that ended."),
];

const RITA: &[Fixed] = &[
    (
        "rita_connections",
        ColumnKind::Int,
        "connections",
        "Connections that RITA counts of the pair: in the last day, on all ports.",
    ),
    ("rita_bytes", ColumnKind::Int, "bytes", "Their IP bytes, both ways."),
    ("rita_duration_s", ColumnKind::Float, "seconds", "Sum of their durations."),
    ("rita_beacon_score", ColumnKind::Float, "", "RITA's beacon score of the pair, 0 to 1: to compare with."),
    ("rita_ts_score", ColumnKind::Float, "", "RITA's score of the regularity of the intervals."),
    ("rita_ds_score", ColumnKind::Float, "", "RITA's score of the regularity of the bytes sent."),
    ("rita_dur_score", ColumnKind::Float, "", "RITA's score of duration and persistence."),
    ("rita_hist_score", ColumnKind::Float, "", "RITA's score of the flatness of the activity."),
];

const HOST: &[Fixed] = &[
    ("host", ColumnKind::Text, "", "The monitored host."),
    (
        "c2_score",
        ColumnKind::Float,
        "",
        "Worst C2 score of a channel with enough evidence that is not on the allowlist; 0 where there is none.",
    ),
    ("c2_p_value", ColumnKind::Float, "", "p-value of that channel; 1 where there is none."),
    (
        "exfil_score",
        ColumnKind::Float,
        "",
        "Worst exfiltration score of a channel with enough evidence that is not on the allowlist; 0 where there is none.",
    ),
    ("exfil_p_value", ColumnKind::Float, "", "p-value of that channel; 1 where there is none."),
    ("packets_out", ColumnKind::Int, "packets", "Packets sent."),
    ("packets_in", ColumnKind::Int, "packets", "Packets received."),
    ("bytes_out", ColumnKind::Int, "bytes", "IP bytes sent, headers included."),
    ("bytes_in", ColumnKind::Int, "bytes", "IP bytes received, headers included."),
    ("flows", ColumnKind::Int, "flows", "Flows that the host took part in."),
    ("peers", ColumnKind::Int, "peers", "Distinct peers that the host has channels with."),
    ("first_seen", ColumnKind::Time, "", "First packet."),
    ("last_seen", ColumnKind::Time, "", "Last packet."),
];

fn schema(before: &[Fixed], after: &[Fixed]) -> Schema {
    let column = |(name, kind, unit, doc): &Fixed| Column::new(*name, *kind, unit, doc);
    let feature = |f: &Feature| Column::new(f.name, ColumnKind::Float, f.unit, f.doc);
    let features = Kind::ALL.iter().flat_map(|kind| features_of(*kind)).map(feature);
    Schema::new(before.iter().map(column).chain(features).chain(after.iter().map(column)).collect())
}

/// The columns of [`channel_row`].
pub fn channel_schema() -> Schema {
    schema(CHANNEL, RITA)
}

/// The columns of [`host_row`].
pub fn host_schema() -> Schema {
    schema(HOST, &[])
}

/// A channel as a row of [`channel_schema`], with what RITA gives its pair.
pub fn channel_row(scored: &ChannelScore, rita: Option<RitaPair>) -> Vec<Value<'_>> {
    let ChannelScore { key, channel, verdicts: [c2, exfil], .. } = scored;
    let traffic = &channel.traffic;
    let mut row: Vec<Value<'_>> = vec![
        key.host.into(),
        peer_address(key, channel).into(),
        peer_name(key, channel).map(|name| &**name).into(),
        key.port.into(),
        proto::name(key.proto).into(),
        channel.service.name().into(),
        key.outbound.into(),
        c2.score.into(),
        c2.p_value.into(),
        c2.judged.into(),
        exfil.score.into(),
        exfil.p_value.into(),
        exfil.judged.into(),
        channel.flows.into(),
        traffic.bytes_out.into(),
        traffic.bytes_in.into(),
        traffic.packets_out.into(),
        traffic.packets_in.into(),
        channel.first_seen.into(),
        channel.last_seen.into(),
        channel.total_duration.as_secs_f64().into(),
    ];
    row.extend(c2.row.iter().chain(&exfil.row).map(|value| Value::Float(f64::from(*value))));
    row.push(rita.map(|pair| pair.connections).into());
    row.push(rita.map(|pair| pair.bytes).into());
    row.push(rita.map(|pair| pair.duration.as_secs_f64()).into());
    row.extend(score_values(rita.and_then(|pair| pair.scores)));
    row
}

/// A host as a row of [`host_schema`]: its features are those of the channel that gave the score, missing where none did.
pub fn host_row<'a>(scored: &HostScore, scores: &Scores) -> Vec<Value<'a>> {
    let [(c2, c2_p, _), (exfil, exfil_p, _)] = scored.worst;
    let traffic = &scored.state.traffic;
    let mut row: Vec<Value<'a>> = vec![
        scored.host.into(),
        c2.into(),
        c2_p.into(),
        exfil.into(),
        exfil_p.into(),
        traffic.packets_out.into(),
        traffic.packets_in.into(),
        traffic.bytes_out.into(),
        traffic.bytes_in.into(),
        scored.state.flows.into(),
        (scored.peers as u64).into(),
        scored.state.first_seen.into(),
        scored.state.last_seen.into(),
    ];
    for (at, (kind, (_, _, channel))) in Kind::ALL.into_iter().zip(scored.worst).enumerate() {
        let vector = channel.and_then(|index| scores.channels.get(index)?.verdicts.get(at));
        match vector {
            Some(verdict) => row.extend(verdict.row.iter().map(|v| Value::Float(f64::from(*v)))),
            None => row.extend(features_of(kind).iter().map(|_| Value::Missing)),
        }
    }
    row
}
