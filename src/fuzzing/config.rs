use crate::config::Config;

/// A configuration file: what is taken is printed as a file that means the same.
pub fn config(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else {
        return;
    };
    match Config::parse(text) {
        Ok(config) => {
            let printed = config.to_yaml();
            let again = printed.as_deref().map(Config::parse);
            assert_eq!(again.map(Result::ok), Ok(Some(config)), "{printed:?}");
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}
