use super::*;
use crate::{
    alert::{View, testing},
    filter::Filter,
};

fn config(yaml: &str) -> Result<Policy, String> {
    let configs: Vec<Config> = serde_saphyr::from_str(yaml).map_err(|error| error.to_string())?;
    Policy::new(&configs).map_err(|error| error.to_string())
}

fn grant(rest: &str) -> Grant {
    let yaml = format!("[{{name: a, to: ['*'], may: [read], {rest}}}]");
    let policy = config(&yaml).unwrap();
    policy.named("a").unwrap().as_ref().clone()
}

#[test]
fn the_first_that_names_somebody_is_his_and_who_is_in_none_has_none() {
    let policy = config(
        "[{name: one, to: ['token:a', 'spiffe://prod/ns/*/web'], may: []},
          {name: two, to: ['token:*', 'anonymous'], may: [read]}]",
    )
    .unwrap();
    let granted = |identity: Identity| policy.grant(&identity).map(|it| it.name.clone());
    for (identity, name) in [
        (Identity::Token("a".into()), Some("one")),
        (Identity::Token("b".into()), Some("two")),
        (
            Identity::Spiffe("spiffe://prod/ns/x/web".into()),
            Some("one"),
        ),
        (Identity::Spiffe("spiffe://prod/ns/x/web2".into()), None),
        (Identity::Anonymous, Some("two")),
        (Identity::Unix("root".into()), None),
        // A name cannot be made to look like another kind.
        (Identity::Certificate("token:a".into()), None),
        (
            Identity::Jwt {
                issuer: "x".into(),
                subject: "token:a".into(),
            },
            None,
        ),
    ] {
        assert_eq!(granted(identity.clone()).as_deref(), name, "{identity}");
    }
    let everybody = Policy::open();
    assert!(
        everybody
            .grant(&Identity::Anonymous)
            .unwrap()
            .may(Right::Admin)
    );
}

#[test]
fn grants_that_cannot_be_meant_are_refused_with_the_key() {
    for (yaml, told) in [
        ("[{name: A, to: ['*'], may: []}]", ".name: \"A\" is no name"),
        ("[{name: a, to: [], may: []}]", ".to: is empty"),
        ("[{name: a, to: [bob], may: []}]", "can be nobody"),
        ("[{name: a, to: ['tokens:x'], may: []}]", "can be nobody"),
        (
            "[{name: a, to: ['*'], may: [], scope: 'rule ='}]",
            ".scope: at byte",
        ),
        (
            "[{name: a, to: ['*'], may: [], redact: [rule]}]",
            "cannot be hidden",
        ),
        ("[{name: a, to: ['*'], may: [], redact: ['']}]", "is empty"),
        (
            "[{name: a, to: ['*'], may: [], views: []}]",
            ".views: is empty",
        ),
        (
            "[{name: a, to: ['*'], may: [], redact: [x], views: [raw]}]",
            "shows what `redact` hides",
        ),
        (
            "[{name: a, to: ['*'], may: [], quota: {filter_predicates: 1000}}]",
            "at most 256",
        ),
        (
            "[{name: a, to: ['*'], may: []}, {name: a, to: ['*'], may: []}]",
            "the name is taken",
        ),
        ("[{name: a, to: ['*'], may: [write]}]", "write"),
        ("[{name: a, to: ['*'], may: [], scopes: x}]", "scopes"),
    ] {
        let error = config(yaml).unwrap_err();
        assert!(error.contains(told), "{yaml}: {error}");
    }
    for good in [
        "spiffe://*",
        "*",
        "cert:*.example.com",
        "unix:root",
        "jwt:*",
        "anon*",
    ] {
        config(&format!("[{{name: a, to: ['{good}'], may: []}}]")).unwrap();
    }
}

#[test]
fn the_view_that_nobody_asked_for_is_the_largest_without_the_document() {
    for (rest, usual, has_raw) in [
        ("", View::Full, true),
        ("redact: [x]", View::Full, false),
        ("views: [basic]", View::Basic, false),
        ("views: [raw]", View::Raw, true),
        ("views: [basic, raw]", View::Basic, true),
    ] {
        let grant = grant(rest);
        assert_eq!(grant.usual_view(), usual, "{rest}");
        assert_eq!(grant.views.contains(&View::Raw), has_raw, "{rest}");
    }
}

#[test]
fn what_is_redacted_is_nowhere_in_an_alert() {
    let mut alert = testing::alert("Shell");
    let fields = [
        ("user.name", "s3cret"),
        ("proc.name", "sh"),
        ("proc.cmdline", "sh -c s3cret"),
        ("container.id", "abc"),
    ];
    alert.output_fields = fields
        .map(|(key, value)| (key.to_owned(), value.into()))
        .into_iter()
        .collect();
    alert.extra = [("uuid".to_owned(), "s3cret".into())].into_iter().collect();
    alert.output = "by s3cret".to_owned();
    alert.message = "s3cret".to_owned();
    alert.hostname = "s3cret".to_owned();
    alert.raw = "s3cret".into();
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    alert.trace = trace.parse().ok();
    crate::normalize::project(&mut alert);
    assert!(format!("{alert:?}").matches("s3cret").count() > 8);
    let hidden = ["user.*", "*.cmdline", "uuid", "hostname"].map(str::to_owned);
    let redaction = Redaction::new(&hidden).unwrap();
    let shown = redaction.apply(&alert);
    assert!(!format!("{shown:?}").contains("s3cret"), "{shown:?}");
    // By that an alert could be told from what is shown of it.
    assert_eq!((alert.trace.is_some(), shown.trace), (true, None));
    // What is not hidden stays as it is, in both places.
    assert_eq!(shown.process.as_ref().unwrap().name, "sh");
    assert_eq!(
        shown.output_fields.get("container.id").unwrap().as_str(),
        Some("abc")
    );
    assert_eq!((&shown.user, &shown.rule), (&None, &alert.rule));
    for (filter, matches) in [
        ("user.name exists", false),
        ("not user.name = s3cret", true),
        ("proc.cmdline contains s", false),
        ("output contains s3cret", false),
        ("proc.name = sh", true),
    ] {
        let shown = redaction.apply(&alert);
        assert_eq!(
            Filter::parse(filter).unwrap().matches(&shown),
            matches,
            "{filter}"
        );
    }
}

#[test]
fn those_who_see_the_same_have_one_key() {
    let sight = |scope: &str, hidden: &[&str]| {
        let hidden: Vec<_> = hidden.iter().map(|it| (*it).to_owned()).collect();
        Sight::new(
            Filter::parse(scope).unwrap(),
            Redaction::new(&hidden).unwrap(),
        )
    };
    assert_eq!(Sight::all().key(), "");
    assert_eq!(sight("rule=a", &["b"]), sight("rule = a", &["b"]));
    for (one, other) in [
        (sight("", &["a"]), sight("", &["b"])),
        (sight("", &["a", "b"]), sight("", &["a\u{1e}1:b"])),
        (sight("rule = a", &[]), sight("", &[])),
        (sight("rule = a", &[]), sight("", &["rule = a"])),
    ] {
        assert_ne!(one, other);
    }
}
