use super::*;

fn access(yaml: &str) -> Result<Config, String> {
    let config: Config = serde_saphyr::from_str(yaml).map_err(|error| error.to_string())?;
    config.check().map_err(|error| error.to_string())?;
    Ok(config)
}

#[test]
fn what_cannot_be_meant_is_told_before_anything_is_read() {
    let jwt = |rest: &str| {
        format!(
            "{{grants: [], jwt: [{{name: a, issuer: i, audience: b, jwks: 'https://x/', {rest}}}]}}"
        )
    };
    for (yaml, told) in [
        (
            "{tokens: [{name: a, file: b}]}".to_owned(),
            "of no use without `grants`",
        ),
        (
            "{grants: [], tokens: [{name: '', file: b}]}".to_owned(),
            "is empty",
        ),
        (
            "{grants: [], tokens: [{name: a, file: b}, {name: a, file: c}]}".to_owned(),
            "the name is taken",
        ),
        (jwt("leeway: 1h"), "at most 10m"),
        (jwt("refresh: 1ms"), "at least 1s"),
        (jwt("").replace("https", "http"), "must be https"),
        (jwt("").replace("name: a", "name: 'a:b'"), "letters, digits"),
        (
            jwt("").replace("audience: b", "audience: ''"),
            "must be set",
        ),
    ] {
        let error = access(&yaml).unwrap_err();
        assert!(error.contains(told), "{yaml}: {error}");
    }
    access(&jwt("").replace("https://x/", "http://127.0.0.1:1/keys")).unwrap();
    access(&jwt("").replace("https://x/", "/etc/keys.json")).unwrap();
}

#[test]
fn a_bearer_token_is_a_scheme_and_a_word() {
    for (header, token) in [
        ("Bearer abc", Some("abc")),
        ("bearer  abc ", Some("abc")),
        ("Basic abc", None),
        ("Bearer ", None),
        ("Bearer", None),
        ("", None),
    ] {
        assert_eq!(bearer(header.as_bytes()), token, "{header:?}");
    }
    assert_eq!(bearer(b"Bearer \xff"), None);
}

#[tokio::test]
async fn without_grants_everybody_may_whatever_he_shows() {
    let access = Access::new(&Config::default()).unwrap();
    let peer = Peer::tcp(None);
    for shown in [None, Some(&b"Bearer of bad news"[..])] {
        let session = access.enter(&peer, shown, "/x", &[Right::Admin]).await;
        let session = session.unwrap();
        assert_eq!((access.sessions(), session.expires()), (1, None));
    }
    assert_eq!(access.sessions(), 0);
}

#[tokio::test]
async fn the_gateway_itself_is_never_shut_out() {
    let config = access("{grants: []}").unwrap();
    let access = Access::new(&config).unwrap();
    let own = Peer::gateway();
    let session = access
        .enter(&own, None, "/x", &[Right::Consume])
        .await
        .unwrap();
    assert_eq!(access.reload(&config).unwrap(), 0);
    drop(session);
    let denied = access.enter(&Peer::tcp(None), None, "/x", &[]).await;
    assert_eq!(denied.unwrap_err(), Denied::TokenMissing);
    let counts = access.denied();
    assert!(counts.contains(&("TOKEN_MISSING", 1)), "{counts:?}");
}
