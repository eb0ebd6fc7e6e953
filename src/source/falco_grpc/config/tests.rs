use super::*;

fn tls() -> Tls {
    Tls {
        ca: "ca.crt".into(),
        certificate: "client.crt".into(),
        key: "client.key".into(),
        server_name: None,
    }
}

fn over_tls(address: &str) -> Config {
    Config {
        tls: Some(tls()),
        ..Config::new(address)
    }
}

#[test]
fn a_minimal_file_has_the_documented_defaults() {
    let config: Config = serde_json::from_value(serde_json::json!({
        "address": "unix:///run/falco/falco.sock",
    }))
    .unwrap();
    assert_eq!(config, Config::new("unix:///run/falco/falco.sock"));
    assert_eq!(config.poll_interval, Span(Duration::from_millis(200)));
    assert_eq!(config.check(), Ok(()));
}

#[test]
fn a_full_file_is_read_and_an_unknown_key_is_not() {
    let mut file = serde_json::json!({
        "address": "https://falco.example:5060",
        "tls": {"ca": "a", "certificate": "b", "key": "c", "server_name": "localhost"},
        "poll_interval": "50ms",
    });
    let config: Config = serde_json::from_value(file.clone()).unwrap();
    assert_eq!(config.check(), Ok(()));
    file["tls"]["keys"] = "d".into();
    let error = serde_json::from_value::<Config>(file).unwrap_err();
    assert!(error.to_string().contains("unknown field `keys`"));
}

#[test]
fn a_client_certificate_cannot_be_left_out() {
    let error = serde_json::from_value::<Config>(serde_json::json!({
        "address": "https://falco.example:5060",
        "tls": {"ca": "ca.crt"},
    }))
    .unwrap_err();
    assert!(error.to_string().contains("missing field `certificate`"));
}

#[test]
fn good_addresses_are_taken() {
    for address in ["unix:///run/falco/falco.sock", "unix:/run/falco/falco.sock"] {
        let socket = Address::Socket("/run/falco/falco.sock".into());
        assert_eq!(Config::new(address).parse_address(), Ok(socket));
    }
    for address in ["https://falco:5060", "https://[::1]:5060", "https://a:1/"] {
        assert_eq!(over_tls(address).check(), Ok(()), "{address}");
    }
}

#[test]
fn each_mistake_has_its_message() {
    let socket = "unix:///run/falco/falco.sock";
    let mut messages = String::new();
    for config in [
        Config::new("falco:5060"),
        Config::new("http://falco:5060"),
        Config::new("unix://falco.sock"),
        Config::new("unix:///"),
        Config::new("https://falco:5060"),
        over_tls("https://falco"),
        over_tls("https://falco:5060/sub"),
        over_tls(socket),
        Config {
            tls: Some(Tls {
                key: PathBuf::new(),
                ..tls()
            }),
            ..Config::new("https://falco:5060")
        },
        Config {
            tls: Some(Tls {
                server_name: Some("not a name".into()),
                ..tls()
            }),
            ..Config::new("https://falco:5060")
        },
        Config {
            poll_interval: Span(Duration::ZERO),
            ..Config::new(socket)
        },
        Config {
            timeout: Span(Duration::ZERO),
            ..Config::new(socket)
        },
        Config {
            poll_interval: Span(Duration::from_secs(60)),
            ..Config::new(socket)
        },
    ] {
        messages += &config.check().unwrap_err().to_string();
        messages.push('\n');
    }
    insta::assert_snapshot!(messages);
}
