//! How one of each sort looks in every format.

use std::fmt::Write;

use falco_gateway::format::Format;

use super::alerts;

#[test]
fn one_of_each_sort_in_every_format() {
    for (name, alert) in alerts::varied() {
        let mut shown = String::new();
        for format in Format::ALL {
            let line = format.line(&alert);
            let line = match serde_json::from_str::<serde_json::Value>(&line) {
                // The form that the others are made of is seen elsewhere.
                Ok(_) if matches!(format, Format::Json | Format::Falco) => continue,
                // Its time has more digits than a float.
                Ok(_) if format == Format::Hec => line,
                Ok(value) => serde_json::to_string_pretty(&value).unwrap(),
                Err(_) => line,
            };
            let _ = writeln!(shown, "== {format}\n{line}");
        }
        insta::assert_snapshot!(name, shown);
    }
}
