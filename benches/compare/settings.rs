//! What is measured, and where it goes.

use crate::{ROUNDS, document};

pub(crate) struct Settings {
    write: bool,
    wanted: String,
}

impl Settings {
    pub(crate) fn read() -> Self {
        // `cargo bench` adds an option of its own.
        let arguments = || std::env::args().skip(1).filter(|it| it != "--bench");
        Self {
            write: arguments().any(|it| it == "--write"),
            wanted: arguments().find(|it| it != "--write").unwrap_or_default(),
        }
    }

    /// Whether the case of this name is measured.
    pub(crate) fn wants(&self, name: &str) -> bool {
        name.contains(&self.wanted)
    }

    /// Prints a table, and writes it into the document, if it is one and that was
    /// asked for.
    pub(crate) fn show(&self, name: &str, table: Option<String>) {
        let Some(table) = table else {
            return;
        };
        println!("{table}");
        if self.write {
            let how = format!("Medians of {ROUNDS} rounds on {}.", document::machine());
            document::write(name, &format!("{how}\n\n{table}"));
        }
    }
}
