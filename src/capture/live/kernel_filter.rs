//! The filter that the kernel runs on each frame before it is copied: it also says how much is copied.

use super::error::LiveError;
use crate::capture::filter::compile_for;
use crate::capture::{Filter, FilterError, LinkType};

/// `BPF_RET | BPF_K`: the end of a program, with the bytes to keep.
const RETURN: u16 = 0x06;

/// A filter split into what the kernel can do and what it cannot.
#[derive(Debug)]
pub(super) struct KernelFilter {
    /// For `SO_ATTACH_FILTER`.
    pub(super) program: Vec<libc::sock_filter>,
    /// For what passes it.
    pub(super) rest: Option<Filter>,
}

impl KernelFilter {
    /// Compiles an expression; the empty one takes all.
    ///
    /// The kernel sees frames without their VLAN tag, so that expressions on tags are applied when it is restored.
    pub(super) fn compile(expression: &str, link: LinkType, snap_length: u32) -> Result<Self, LiveError> {
        let words = expression.split(|c: char| !c.is_alphanumeric());
        if words.into_iter().any(|word| word == "vlan") {
            return Ok(Self { program: keep(snap_length), rest: Some(Filter::compile(expression)?) });
        }
        let program = compile_for(expression, link)
            .map_err(|reason| FilterError { expression: expression.to_owned(), reason })?;
        let program = program.instructions().map(|(code, jt, jf, k)| {
            let k = if code == RETURN && k > 0 { snap_length } else { k };
            libc::sock_filter { code, jt, jf, k }
        });
        Ok(Self { program: program.collect(), rest: None })
    }
}

/// A program that keeps so much of every frame; with zero, none.
pub(super) fn keep(snap_length: u32) -> Vec<libc::sock_filter> {
    vec![libc::sock_filter { code: RETURN, jt: 0, jf: 0, k: snap_length }]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_keep_the_snap_length() {
        for expression in ["", "tcp port 443", "greater 100"] {
            let filter = KernelFilter::compile(expression, LinkType(1), 96).unwrap();
            let kept: Vec<u32> =
                filter.program.iter().filter(|op| op.code == RETURN).map(|op| op.k).collect();
            assert!(kept.contains(&96) && kept.iter().all(|k| [0, 96].contains(k)), "{expression}: {kept:?}");
            assert!(filter.rest.is_none());
        }
    }

    #[test]
    fn tags_are_not_for_the_kernel() {
        let filter = KernelFilter::compile("vlan 100 and tcp", LinkType(1), 96).unwrap();
        assert_eq!(filter.program.len(), 1);
        assert!(filter.rest.is_some());
        assert!(KernelFilter::compile("tcp prot 80", LinkType(1), 96).is_err());
    }
}
