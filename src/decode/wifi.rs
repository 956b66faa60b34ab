//! 802.11 data frames that carry IP in the clear, bare or behind a radiotap header.

use super::framing::{BROKEN_LINK, Next, Refusal};
use super::stats::Skip;
use super::view::View;

/// Whether the 802.11 header is padded to a multiple of four bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Padding {
    None,
    ToFourBytes,
}

/// A radiotap header (<https://www.radiotap.org>) and the 802.11 frame behind it.
pub(super) fn radiotap(view: View<'_>) -> Result<Next<'_>, Refusal> {
    let len = usize::from(view.le16(2).ok_or(BROKEN_LINK)?);
    if len < 8 {
        return Err(BROKEN_LINK);
    }
    let padding = radiotap_padding(view.limit(len));
    data_frame(view.skip(len).ok_or(BROKEN_LINK)?, padding)
}

/// The one field that matters: flag 0x20 says that there is padding between 802.11 header and payload.
fn radiotap_padding(header: View<'_>) -> Padding {
    const MAX_PRESENT_WORDS: usize = 16;
    let Some(present) = header.le32(4) else { return Padding::None };
    let words = (1..MAX_PRESENT_WORDS)
        .take_while(|word| header.le32(4 * word).is_some_and(|present| present >> 31 == 1))
        .count()
        + 1;
    let fields = 4 + 4 * words;
    // Field 0 is a time stamp of eight bytes, aligned to eight; field 1 is the flags byte.
    let flags_at = if present & 1 == 1 { fields.next_multiple_of(8) + 8 } else { fields };
    match header.byte(flags_at) {
        Some(flags) if present & 2 == 2 && flags & 0x20 == 0x20 => Padding::ToFourBytes,
        _ => Padding::None,
    }
}

/// An 802.11 frame (IEEE 802.11-2020, section 9.3.2): the LLC header of unencrypted data.
pub(super) fn data_frame(view: View<'_>, padding: Padding) -> Result<Next<'_>, Refusal> {
    const DATA: u8 = 0x08;
    const TYPE: u8 = 0x0c;
    const NO_DATA: u8 = 0x40;
    const QOS: u8 = 0x80;
    const FOUR_ADDRESSES: u8 = 0x03;
    const PROTECTED: u8 = 0x40;
    const HIGH_THROUGHPUT_CONTROL: u8 = 0x80;
    const AGGREGATE: u8 = 0x80;

    let [kind, flags] = *view.array(0).ok_or(BROKEN_LINK)?;
    if kind & TYPE != DATA || kind & NO_DATA != 0 {
        return Err(Refusal::Skipped(Skip::WifiControl));
    }
    if flags & PROTECTED != 0 {
        return Err(Refusal::Skipped(Skip::WifiEncrypted));
    }
    let mut len = if flags & FOUR_ADDRESSES == FOUR_ADDRESSES { 30 } else { 24 };
    if kind & QOS != 0 {
        if view.byte(len).ok_or(BROKEN_LINK)? & AGGREGATE != 0 {
            return Err(Refusal::Skipped(Skip::WifiControl));
        }
        len += if flags & HIGH_THROUGHPUT_CONTROL == 0 { 2 } else { 6 };
    }
    if padding == Padding::ToFourBytes {
        len = len.next_multiple_of(4);
    }
    view.skip(len).map(Next::Llc).ok_or(BROKEN_LINK)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Offset of the LLC header.
    fn check(frame: &[u8], padding: Padding, expected: Result<u32, Refusal>) {
        let found = data_frame(View::whole(frame), padding).map(|next| match next {
            Next::Llc(view) => view.offset(),
            other => panic!("{other:?}"),
        });
        assert_eq!(found, expected, "{frame:02x?}");
    }

    fn frame(kind: u8, flags: u8) -> Vec<u8> {
        [&[kind, flags][..], &[0; 40]].concat()
    }

    #[test]
    fn measures_data_headers() {
        check(&frame(0x08, 0x01), Padding::None, Ok(24));
        check(&frame(0x08, 0x03), Padding::None, Ok(30));
        check(&frame(0x88, 0x01), Padding::None, Ok(26));
        check(&frame(0x88, 0x81), Padding::None, Ok(30));
        check(&frame(0x88, 0x03), Padding::None, Ok(32));
        check(&frame(0x88, 0x01), Padding::ToFourBytes, Ok(28));
        check(&frame(0x80, 0x00), Padding::None, Err(Refusal::Skipped(Skip::WifiControl)));
        check(&frame(0x48, 0x01), Padding::None, Err(Refusal::Skipped(Skip::WifiControl)));
        check(&frame(0x08, 0x41), Padding::None, Err(Refusal::Skipped(Skip::WifiEncrypted)));
        check(&frame(0x08, 0x01)[..23], Padding::None, Err(BROKEN_LINK));
    }

    #[test]
    fn finds_the_padding_flag() {
        let check = |header: &[u8], expected| assert_eq!(radiotap_padding(View::whole(header)), expected);
        check(&[0, 0, 9, 0, 0x02, 0, 0, 0, 0x20], Padding::ToFourBytes);
        check(&[0, 0, 9, 0, 0x02, 0, 0, 0, 0x10], Padding::None);
        check(&[0, 0, 9, 0, 0x04, 0, 0, 0, 0x20], Padding::None);
        let stamped = [&[0, 0, 17, 0, 0x03, 0, 0, 0][..], &[0; 8], &[0x20]].concat();
        check(&stamped, Padding::ToFourBytes);
        let two_words = [&[0, 0, 13, 0, 0x02, 0, 0, 0x80, 0, 0, 0, 0][..], &[0x20]].concat();
        check(&two_words, Padding::ToFourBytes);
    }
}
