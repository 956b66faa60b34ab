//! The columns of logs that mean something here, by Zeek's names.

macro_rules! columns {
    ($($(#[doc = $doc:literal])* $variant:ident = $name:literal $(| $other:literal)*,)*) => {
        /// A column that is read.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Column {
            $($(#[doc = $doc])* $variant,)*
        }

        impl Column {
            /// All of them, in the order of their numbers.
            pub(super) const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The column of a name; nothing for a name that means nothing here.
            pub(super) fn by_name(name: &str) -> Option<Self> {
                match name {
                    $($name $(| $other)* => Some(Self::$variant),)*
                    _ => None,
                }
            }

            /// Zeek's name.
            pub(super) const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

columns! {
    /// JSON: which log a line belongs to.
    Path = "_path",
    Ts = "ts",
    Uid = "uid",
    OrigH = "id.orig_h",
    OrigP = "id.orig_p",
    RespH = "id.resp_h",
    RespP = "id.resp_p",
    Proto = "proto",
    /// The IP protocol number, from Zeek 7.1 on.
    IpProto = "ip_proto",
    Service = "service",
    Duration = "duration",
    OrigBytes = "orig_bytes",
    RespBytes = "resp_bytes",
    ConnState = "conn_state",
    MissedBytes = "missed_bytes",
    History = "history",
    OrigPkts = "orig_pkts",
    OrigIpBytes = "orig_ip_bytes",
    RespPkts = "resp_pkts",
    RespIpBytes = "resp_ip_bytes",
    /// Bytes with the headers of the link: no column of Zeek's.
    OrigFrameBytes = "orig_frame_bytes",
    RespFrameBytes = "resp_frame_bytes",
    /// Packets of both ends, where nobody tells them apart: no column of Zeek's.
    TotPkts = "tot_pkts",
    Label = "label",
    DetailedLabel = "detailedlabel" | "detailed-label" | "detailed_label",
    TransId = "trans_id",
    Rtt = "rtt",
    Query = "query",
    Qtype = "qtype",
    Rcode = "rcode",
    Answers = "answers",
    ServerName = "server_name",
    Version = "version",
    Cipher = "cipher",
    Established = "established",
    ClientDcid = "client_initial_dcid",
    Ja4 = "ja4",
    Host = "host",
    Method = "method",
    TransDepth = "trans_depth",
}

impl Column {
    /// How many there are.
    pub(super) const COUNT: usize = Self::ALL.len();
}
