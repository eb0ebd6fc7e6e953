use proptest::prelude::*;

use super::*;
use crate::filter::tests::{
    alert,
    naive::{sample, tree},
};

fn set(texts: &[&str]) -> FilterSet {
    let mut set = FilterSet::default();
    for text in texts {
        let id = set.insert(&filter(text));
        assert_eq!(id.unwrap() + 1, set.members.len(), "{text}");
    }
    set
}

fn filter(text: &str) -> Filter {
    Filter::parse(text).unwrap()
}

/// An alert with these fields.
fn with_fields(fields: &str) -> Alert {
    alert(&format!(
        r#"{{"rule":"Shell","priority":"Warning","time":"2026-11-25T10:00:00Z","output":"a shell in ümlaut",
            "source":"syscall","tags":["T1059.004","container"],"output_fields":{{{fields}}}}}"#
    ))
}

/// What the index finds, before anything is asked.
fn candidates(set: &mut FilterSet, alert: &Alert) -> Vec<FilterId> {
    let mut found = set.others.clone();
    set.index.candidates(alert, &mut found);
    found.sort_unstable();
    found.dedup();
    found
}

fn sifted(set: &mut FilterSet, alert: &Alert) -> Vec<FilterId> {
    let mut found = set.sift(alert).to_vec();
    found.sort_unstable();
    found
}

#[test]
fn only_filters_whose_value_is_there_are_found() {
    let mut set = set(&[
        "rule = Shell and proc.pid = 7",
        "rule = Shell and proc.pid = 8",
        "rule in (Other, Shell)",
        "rule = Other or attack.technique = T1059",
        "attack.technique = T1059.001",
        "attack.technique = T1190",
        "tolower(rule) = shell and not priority = warning",
        "output contains \"shell in ü\"",
        "output contains \"shell in ö\"",
        "output startswith shell",
        "output glob *ümlaut",
        "priority >= error",
        "proc.pid in (0x7, 12)",
        "proc.name = \"\"",
    ]);
    let alert = with_fields(r#""proc.pid":7"#);
    assert_eq!(candidates(&mut set, &alert), [0, 1, 2, 3, 6, 7, 9, 10, 12]);
    assert_eq!(sifted(&mut set, &alert), [0, 2, 3, 7, 10, 12]);
}

#[test]
fn what_no_index_can_find_is_asked_about_every_alert() {
    let mut set = set(&[
        "not rule = Shell",
        "proc.pid > 5",
        "rule != Other",
        "output icontains SHELL",
        "rule = Other or proc.pid exists",
        "len(rule) = 5",
    ]);
    let alert = with_fields(r#""proc.pid":7"#);
    assert_eq!(candidates(&mut set, &alert), [0, 1, 2, 3, 4, 5]);
    assert_eq!(sifted(&mut set, &alert), [1, 2, 3, 4, 5]);
}

#[test]
fn patterns_are_left_to_others() {
    let mut set = set(&[
        "rule = Shell and output regex never",
        "rule = Other and output regex a.*",
    ]);
    assert_eq!(sifted(&mut set, &with_fields("")), [0]);
    for useless in [
        "",
        "output regex a.*",
        "not output glob a?b",
        "fd.name pmatch (/a?c)",
    ] {
        assert_eq!(set.insert(&filter(useless)), None, "{useless}");
    }
}

#[test]
fn comparisons_are_shared_until_nobody_uses_them() {
    let texts = [
        "proc.pid > 5",
        "proc.pid  >  5 and rule = a",
        "not (rule = a)",
    ];
    let mut set = set(&texts);
    assert_eq!(set.tests.len(), 2);
    set.remove(1);
    assert_eq!(set.tests.len(), 2);
    set.remove(0);
    assert_eq!(set.tests.len(), 1);
    set.remove(2);
    assert_eq!(set.tests.len(), 0);
    assert!(set.is_empty());
}

#[test]
fn nothing_of_a_removed_filter_is_left() {
    let mut set = FilterSet::default();
    for text in [
        "rule = a or proc.pid = 1 or attack.technique = T1059",
        "output contains abc",
        "output contains abc or output contains abc",
        "rule = a or rule = a",
        "not rule = a",
    ] {
        let id = set.insert(&filter(text)).unwrap();
        set.remove(id);
        set.remove(id);
        assert!(set.index.is_empty() && set.others.is_empty(), "{text}");
    }
}

#[test]
fn more_text_than_an_automaton_may_hold_is_asked_for_one_by_one() {
    let mut set = FilterSet::default();
    let part = |number: usize| format!("output contains \"{number:030}\"");
    for number in 0..3000 {
        set.insert(&filter(&part(number))).unwrap();
    }
    assert!(
        (500..1500).contains(&set.others.len()),
        "{}",
        set.others.len()
    );
    let last = set.insert(&filter("output contains shell")).unwrap();
    assert_eq!(sifted(&mut set, &with_fields("")), [last]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// Whatever comes and goes, the set says what each filter says itself.
    #[test]
    fn a_set_agrees_with_its_filters(
        trees in prop::collection::vec((tree(), any::<bool>()), 1..16),
        samples in prop::collection::vec(sample(), 1..6),
    ) {
        let mut set = FilterSet::default();
        let mut left = Vec::new();
        for (tree, stays) in &trees {
            let filter = filter(&tree.text());
            let Some(id) = set.insert(&filter) else {
                continue;
            };
            if *stays {
                left.push((id, filter));
            } else {
                set.remove(id);
            }
        }
        for sample in &samples {
            let alert = sample.alert();
            let found = sifted(&mut set, &alert);
            for (id, filter) in &left {
                let has_patterns = filter.root().unwrap().leaves().any(|test| test.matcher.has_pattern());
                let is_found = found.contains(id);
                if filter.matches(&alert) || !has_patterns {
                    prop_assert_eq!(is_found, filter.matches(&alert), "{}", filter);
                }
            }
            prop_assert!(found.iter().all(|id| left.iter().any(|(other, _)| id == other)));
        }
    }
}
