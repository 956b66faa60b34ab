//! Which log a file is.

use std::path::Path;

use super::column::Column;

/// The logs that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogKind {
    /// Connections.
    Conn,
    /// DNS questions and answers.
    Dns,
    /// TLS handshakes.
    Ssl,
    /// HTTP requests.
    Http,
    /// QUIC handshakes.
    Quic,
    /// Connections that are still open.
    OpenConn,
}

/// What the name of a file tells of the log that it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ByFileName {
    Log(LogKind),
    /// One of which nothing is read.
    NotRead,
    Nothing,
}

impl ByFileName {
    /// The log; what its columns tell where the name tells nothing.
    pub(super) fn or_by(self, columns: impl FnOnce() -> Option<LogKind>) -> Option<LogKind> {
        match self {
            Self::Log(kind) => Some(kind),
            Self::NotRead => None,
            Self::Nothing => columns(),
        }
    }
}

impl LogKind {
    /// Zeek's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Conn => "conn",
            Self::Dns => "dns",
            Self::Ssl => "ssl",
            Self::Http => "http",
            Self::Quic => "quic",
            Self::OpenConn => "open_conn",
        }
    }

    /// The log of a name, as it is in the header or in `_path`.
    pub(super) fn by_name(name: &str) -> Option<Self> {
        // What is told of the names of open connections is what is told of others'.
        let name = match name {
            "open_ssl" => "ssl",
            "open_http" => "http",
            other => other,
        };
        [Self::Conn, Self::Dns, Self::Ssl, Self::Http, Self::Quic, Self::OpenConn]
            .into_iter()
            .find(|kind| kind.name() == name)
    }

    /// What the name of a file tells, where its columns may be those of `conn.log`.
    pub(super) fn by_file_name(path: &Path) -> ByFileName {
        let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
        match name.split('.').next() {
            Some("open_conn") => ByFileName::Log(Self::OpenConn),
            Some("conn_long") => ByFileName::NotRead,
            _ => ByFileName::Nothing,
        }
    }

    /// The log that has such columns, where nothing names it.
    pub(super) fn by_columns(has: impl Fn(Column) -> bool) -> Option<Self> {
        use Column::{
            ClientDcid, ConnState, Established, OrigPkts, Qtype, Query, Rcode, TransDepth, TransId,
        };
        let ends = has(Column::Ts) && has(Column::OrigH) && has(Column::RespH);
        // Columns that are never unset: JSON leaves out those that are.
        let telling: [(Self, &[Column]); 8] = [
            (Self::Conn, &[ConnState]),
            (Self::Conn, &[OrigPkts]),
            (Self::Dns, &[Query, TransId]),
            (Self::Dns, &[Query, Qtype]),
            (Self::Dns, &[Query, Rcode]),
            (Self::Ssl, &[Established]),
            (Self::Quic, &[ClientDcid]),
            (Self::Http, &[TransDepth]),
        ];
        let found = telling.into_iter().find(|(_, columns)| columns.iter().all(|column| has(*column)));
        found.map(|(kind, _)| kind).filter(|_| ends)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_are_told_by_name_or_columns() {
        assert_eq!(LogKind::by_name("conn"), Some(LogKind::Conn));
        assert_eq!(LogKind::by_name("open_conn"), Some(LogKind::OpenConn));
        assert_eq!(LogKind::by_name("open_http"), Some(LogKind::Http));
        assert_eq!(LogKind::by_name("conn_long"), None, "it repeats open connections");
        let of_file = |name: &str| LogKind::by_file_name(Path::new(name));
        assert_eq!(of_file("a/open_conn.10:00:00-11:00:00.log.gz"), ByFileName::Log(LogKind::OpenConn));
        assert_eq!(
            (of_file("conn_long.log"), of_file("conn.log")),
            (ByFileName::NotRead, ByFileName::Nothing)
        );
        let by = |names: &[&str]| {
            LogKind::by_columns(|column| {
                ["ts", "id.orig_h", "id.resp_h"].contains(&column.name()) || names.contains(&column.name())
            })
        };
        assert_eq!(by(&["proto", "conn_state"]), Some(LogKind::Conn));
        assert_eq!(by(&["query", "trans_id"]), Some(LogKind::Dns));
        assert_eq!(by(&["server_name", "client_initial_dcid"]), Some(LogKind::Quic));
        assert_eq!(by(&["host", "trans_depth"]), Some(LogKind::Http));
        assert_eq!(by(&["uid"]), None);
        assert_eq!(LogKind::by_columns(|column| column == Column::ConnState), None);
    }
}
