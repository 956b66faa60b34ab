//! Names in DNS messages (RFC 1035, sections 3.1 and 4.1.4).

use crate::decode::app::dns::HEADER_LEN;
use crate::decode::app::name::{MAX_LEN, is_name_byte};
use crate::decode::app::reader::Reader;

/// The text of a name while it is read. Fits every legal name: 255 bytes with lengths are 253 of text.
pub(super) struct Name {
    text: [u8; MAX_LEN],
    len: usize,
}

impl Default for Name {
    fn default() -> Self {
        Self { text: [0; MAX_LEN], len: 0 }
    }
}

impl Name {
    fn push_label(&mut self, label: &[u8]) {
        if self.len > 0 {
            self.push(b'.');
        }
        for &byte in label {
            // A dot inside of a label must not look like the end of one.
            let printable = is_name_byte(byte) && byte != b'.';
            self.push(if printable { byte.to_ascii_lowercase() } else { b'?' });
        }
    }

    fn push(&mut self, byte: u8) {
        if let Some(slot) = self.text.get_mut(self.len) {
            *slot = byte;
            self.len += 1;
        }
    }

    pub(super) fn text(&self) -> &str {
        self.text.get(..self.len).and_then(|text| std::str::from_utf8(text).ok()).unwrap_or_default()
    }
}

pub(super) enum NameEnd {
    Whole,
    Cut,
    Invalid,
}

pub(super) fn skip_name(r: &mut Reader<'_>) -> Option<()> {
    matches!(read_name(r, None), NameEnd::Whole).then_some(())
}

/// Reads a name, following compression pointers (RFC 1035, section 4.1.4) only where its text is wanted. Each pointer must go
/// further back than all before it, so that a name ends.
pub(super) fn read_name(r: &mut Reader<'_>, mut text: Option<&mut Name>) -> NameEnd {
    let mut at = *r;
    let mut floor = r.pos();
    let mut wire_len = 1;
    let mut jumped = false;
    loop {
        let Some(len) = at.u8() else { return NameEnd::Cut };
        match len {
            0 => break,
            1..=63 => {
                let label = at.take_up_to(usize::from(len));
                wire_len += 1 + usize::from(len);
                if wire_len > MAX_LEN {
                    return NameEnd::Invalid;
                }
                if let Some(text) = text.as_deref_mut() {
                    text.push_label(label);
                }
                if label.len() < usize::from(len) {
                    return NameEnd::Cut;
                }
            }
            0xc0.. => {
                let Some(low) = at.u8() else { return NameEnd::Cut };
                let target = usize::from(u16::from_be_bytes([len & 0x3f, low]));
                if !(HEADER_LEN..floor).contains(&target) {
                    return NameEnd::Invalid;
                }
                if !jumped {
                    *r = at;
                }
                if text.is_none() {
                    return NameEnd::Whole;
                }
                jumped = true;
                floor = target;
                at.seek(target);
            }
            _ => return NameEnd::Invalid,
        }
    }
    if !jumped {
        *r = at;
    }
    NameEnd::Whole
}
