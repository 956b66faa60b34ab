//! Rows of RITA's pairs.

use super::table::{Column, ColumnKind, Schema, Value};
use crate::features::rita::{ListedPair, RitaPair, RitaScores};

/// The columns of [`pair_row`].
pub fn pair_schema() -> Schema {
    use ColumnKind::{Float, Int, Text};
    Schema::new(vec![
        Column::new("src", Text, "", "Who began the connections."),
        Column::new("dst", Text, "", "Whom they went to; empty where the pair is of a name."),
        Column::new(
            "fqdn",
            Text,
            "",
            "TLS SNI or HTTP Host, with the port that stands beside it there; empty where the pair is of an address.",
        ),
        Column::new("proxy_ip", Text, "", "The proxy that was last asked for the name (HTTP CONNECT)."),
        Column::new("connections", Int, "connections", "Connections of the last day, on all ports."),
        Column::new("open_connections", Int, "connections", "Connections that are open still."),
        Column::new("bytes", Int, "bytes", "IP bytes of both, both ways."),
        Column::new("duration_s", Float, "seconds", "Sum of the durations of both."),
        Column::new(
            "beacon_score",
            Float,
            "",
            "Beacon score, 0 to 1; empty where RITA gives none. The mean of the other four.",
        ),
        Column::new("ts_score", Float, "", "Score of the regularity of the intervals."),
        Column::new("ds_score", Float, "", "Score of the regularity of the bytes sent."),
        Column::new("dur_score", Float, "", "Score of duration and persistence."),
        Column::new("hist_score", Float, "", "Score of the flatness of the activity."),
    ])
}

/// A pair as a row of [`pair_schema`].
pub fn pair_row(pair: &ListedPair) -> Vec<Value<'_>> {
    let RitaPair { connections, open_connections, bytes, duration, scores } = pair.figures;
    let mut row: Vec<Value<'_>> = vec![
        pair.src.into(),
        pair.dst.into(),
        pair.fqdn.as_deref().into(),
        pair.proxy.into(),
        connections.into(),
        open_connections.into(),
        bytes.into(),
        duration.as_secs_f64().into(),
    ];
    row.extend(score_values(scores));
    row
}

/// The beacon score and its four parts.
pub(super) fn score_values<'a>(scores: Option<RitaScores>) -> [Value<'a>; 5] {
    scores.map_or([const { Value::Missing }; 5], |s| [s.beacon, s.ts, s.ds, s.dur, s.hist].map(Value::Float))
}
