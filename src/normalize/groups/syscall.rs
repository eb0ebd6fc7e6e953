use super::{lookup, lookup::Lookup, unless_empty};
use crate::alert::Syscall;

/// Falco's arguments, by name.
const ARGUMENTS: &str = "evt.arg.";

pub(super) fn read(fields: Lookup<'_>) -> Option<Syscall> {
    let arguments = fields.with_prefix(ARGUMENTS).filter_map(|(key, value)| {
        let name = key.strip_prefix(ARGUMENTS)?;
        Some((name.to_owned(), lookup::text(value).into_owned()))
    });
    unless_empty(Syscall {
        kind: fields.text("evt.type"),
        result: fields.text("evt.res"),
        arguments: arguments.collect(),
    })
}

#[cfg(test)]
mod tests {
    use crate::normalize::groups::tests::groups;

    #[test]
    fn arguments_are_kept_by_name() {
        let syscall = groups(
            r#"{"evt.type": "openat", "evt.res": "SUCCESS", "evt.arg.flags": "O_RDONLY",
                "evt.arg.mode": 0, "evt.arg.name": null, "evt.args": "all"}"#,
        )
        .syscall
        .unwrap();
        assert_eq!(
            (syscall.kind.as_str(), syscall.result.as_str()),
            ("openat", "SUCCESS")
        );
        let arguments: Vec<_> = syscall.arguments.into_iter().collect();
        assert_eq!(
            arguments,
            [
                ("flags".to_owned(), "O_RDONLY".to_owned()),
                ("mode".to_owned(), "0".to_owned()),
            ]
        );
    }
}
