//! Falco's own fields: which there are, and of which type.

use std::sync::LazyLock;

use super::suggest::closest;

/// What Falco declares a field to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Declared {
    Text,
    Number,
    Bool,
    /// Text in some outputs and a number in others, such as `evt.time`.
    Raw,
    /// Usable in Falco's rules only; no alert carries it.
    Never,
}

/// The declaration of `name`, which comes without brackets.
pub(super) fn declared(name: &str) -> Option<Declared> {
    let table = &*TABLE;
    let found = table
        .binary_search_by(|(candidate, _)| (*candidate).cmp(name))
        .ok()
        .and_then(|index| table.get(index))
        .map(|(_, declared)| *declared);
    found.or_else(|| {
        FAMILIES
            .into_iter()
            .find(|(prefix, _)| name.starts_with(prefix))
            .map(|(_, declared)| declared)
    })
}

/// The field that an unknown `name` likely stands for.
pub(super) fn likely(name: &str, ours: impl Iterator<Item = &'static str>) -> Option<&'static str> {
    let alias = ALIASES
        .into_iter()
        .find(|(theirs, _)| *theirs == name)
        .map(|(_, falcos)| falcos);
    // Sidekicks and databases write `proc_name` for `proc.name`.
    let flattened = || {
        TABLE
            .iter()
            .map(|(candidate, _)| *candidate)
            .find(|candidate| name.contains('_') && candidate.replace('.', "_") == name)
    };
    alias
        .or_else(flattened)
        .or_else(|| closest(name, TABLE.iter().map(|(name, _)| *name).chain(ours)))
}

/// All of Falco's fields that an alert can carry.
pub(super) fn all() -> impl Iterator<Item = &'static str> {
    let carried = TABLE
        .iter()
        .filter(|(_, declared)| *declared != Declared::Never);
    carried.map(|(name, _)| *name)
}

static TABLE: LazyLock<Vec<(&'static str, Declared)>> = LazyLock::new(|| {
    include_str!("fields.tsv")
        .lines()
        .filter_map(|line| line.split_once('\t'))
        .map(|(name, kind)| {
            let declared = match kind {
                "number" => Declared::Number,
                "bool" => Declared::Bool,
                "raw" => Declared::Raw,
                "never" => Declared::Never,
                _ => Declared::Text,
            };
            (name, declared)
        })
        .collect()
});

/// Families with members of any name; the last two are those of Falco's metrics.
const FAMILIES: [(&str, Declared); 5] = [
    ("evt.arg.", Declared::Text),
    ("evt.rawarg.", Declared::Raw),
    ("thread.cgroup.", Declared::Text),
    ("falco.", Declared::Raw),
    ("scap.", Declared::Raw),
];

/// What people write, mostly the labels in Falco's output lines.
const ALIASES: [(&str, &str); 17] = [
    ("process", "proc.name"),
    ("process.name", "proc.name"),
    ("parent", "proc.pname"),
    ("gparent", "proc.aname[2]"),
    ("command", "proc.cmdline"),
    ("cmdline", "proc.cmdline"),
    ("terminal", "proc.tty"),
    ("user", "user.name"),
    ("file", "fd.name"),
    ("connection", "fd.name"),
    ("namespace", "k8s.ns.name"),
    ("k8s.namespace", "k8s.ns.name"),
    ("k8s.namespace.name", "k8s.ns.name"),
    ("pod", "k8s.pod.name"),
    ("k8s.pod", "k8s.pod.name"),
    ("image", "container.image.repository"),
    ("host", "hostname"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_well_formed() {
        assert!(TABLE.is_sorted_by(|(a, _), (b, _)| a < b));
        for line in include_str!("fields.tsv").lines() {
            let (name, kind) = line.split_once('\t').unwrap();
            assert!(!name.is_empty(), "{line}");
            assert!(
                ["text", "number", "bool", "raw", "never"].contains(&kind),
                "{line}"
            );
        }
    }

    #[test]
    fn the_table_is_the_field_universe() {
        let universe = include_str!("../../tests/fixtures/falco/field-universe.tsv");
        let names = universe
            .lines()
            .skip(1)
            .filter_map(|line| line.split('\t').nth(2));
        assert!(names.clone().count() > 600);
        for name in names {
            assert!(declared(name).is_some(), "{name}");
        }
    }

    #[test]
    fn unknown_names_find_their_field() {
        let ours = || ["rule", "hostname"].into_iter();
        for (name, expected) in [
            ("proc.nmae", Some("proc.name")),
            ("proc_name", Some("proc.name")),
            (
                "container_image_repository",
                Some("container.image.repository"),
            ),
            ("k8s.namespace", Some("k8s.ns.name")),
            ("hostnme", Some("hostname")),
            ("lambda", None),
        ] {
            assert_eq!(likely(name, ours()), expected, "{name}");
        }
    }
}
