use std::{fmt, str::FromStr};

/// The place in a distributed trace behind which something goes on, as W3C's Trace Context
/// writes it in the header `traceparent`.
///
/// ```
/// # use falco_gateway::alert::TraceParent;
/// let text = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
/// let parent: TraceParent = text.parse().unwrap();
/// assert!(parent.is_sampled);
/// assert_eq!(parent.to_string(), text);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceParent {
    /// The trace; not 0.
    pub trace_id: u128,
    /// The span in it; not 0.
    pub span_id: u64,
    /// Whether whoever made the span keeps it.
    pub is_sampled: bool,
}

/// A text that is no `traceparent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no W3C traceparent, such as 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")]
pub struct MalformedTraceParent;

/// The bit of the flags that says "sampled".
const SAMPLED: u64 = 1;

impl FromStr for TraceParent {
    type Err = MalformedTraceParent;

    fn from_str(text: &str) -> Result<Self, MalformedTraceParent> {
        let mut parts = text.splitn(5, '-');
        let mut next = |digits| hex(parts.next(), digits).ok_or(MalformedTraceParent);
        let version = next(2)?;
        let (trace_id, span_id, flags) = (next(32)?, next(16)?, next(2)?);
        // Later versions may have more to say behind what version 0 says.
        let is_known = version < 0xff && (version > 0 || parts.next().is_none());
        let span_id = u64::try_from(span_id).map_err(|_| MalformedTraceParent)?;
        if !is_known || trace_id == 0 || span_id == 0 {
            return Err(MalformedTraceParent);
        }
        let is_sampled = flags & u128::from(SAMPLED) != 0;
        Ok(Self {
            trace_id,
            span_id,
            is_sampled,
        })
    }
}

/// A number of exactly so many hexadecimal digits, which are small letters.
fn hex(text: Option<&str>, digits: usize) -> Option<u128> {
    let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let text = text.filter(|text| text.len() == digits && text.bytes().all(is_hex))?;
    u128::from_str_radix(text, 16).ok()
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flags = u64::from(self.is_sampled);
        write!(
            f,
            "00-{:032x}-{:016x}-{flags:02x}",
            self.trace_id, self.span_id
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_malformed_is_none() {
        for text in [
            "",
            "00",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-+af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319-b7ad6b7169203331-01",
            " 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ] {
            assert_eq!(
                text.parse::<TraceParent>(),
                Err(MalformedTraceParent),
                "{text}"
            );
        }
    }

    #[test]
    fn later_versions_and_flags_are_read_as_far_as_they_are_known() {
        for (text, is_sampled) in [
            (
                "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03-more",
                true,
            ),
            (
                "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                true,
            ),
            (
                "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-02",
                false,
            ),
        ] {
            let parent: TraceParent = text.parse().unwrap();
            assert_eq!(parent.is_sampled, is_sampled, "{text}");
            assert_eq!(parent.span_id, 0xb7ad_6b71_6920_3331);
        }
    }
}
