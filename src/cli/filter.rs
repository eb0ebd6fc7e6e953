use std::io::Write;

use super::{CliError, style};
use crate::filter::Filter;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Say what is wrong with a filter, or how it is read
    Check {
        /// The filter, in the language of Falco's conditions
        expression: String,
    },
}

pub(super) fn run(command: Command) -> Result<(), CliError> {
    let Command::Check { expression } = command;
    let filter =
        Filter::parse(&expression).map_err(|problem| CliError::filter(problem, &expression))?;
    let mut out = anstream::stdout();
    writeln!(out, "{}", filter.canonical())?;
    writeln!(out, "reads: {}", filter.fields().join(", "))?;
    for warning in filter.warnings() {
        let note = style::NOTE;
        anstream::eprintln!("{note}warning:{note:#} {warning}");
        anstream::eprintln!("{}", warning.pointer(&expression));
    }
    Ok(())
}
