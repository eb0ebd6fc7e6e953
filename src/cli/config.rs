use std::{io::Write, path::PathBuf};

use super::CliError;
use crate::{config::Config, gateway::Gateway};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Say what is wrong with a configuration, if anything
    Check {
        /// The file
        file: PathBuf,
    },
    /// Write out the whole configuration, defaults and all
    Print {
        /// The file; without one, the defaults
        file: Option<PathBuf>,
    },
}

pub(super) async fn run(command: Command) -> Result<(), CliError> {
    let mut out = anstream::stdout();
    match command {
        Command::Check { file } => {
            let config = Config::read(&file)?;
            Gateway::check(&config).await?;
            let (listeners, sources) = (config.listen.len(), config.sources.len());
            let bridges = config.bridges.len();
            writeln!(
                out,
                "{}: good, {listeners} listeners, {sources} sources and {bridges} bridges",
                file.display()
            )?;
        }
        Command::Print { file } => {
            let config = file.map_or_else(|| Ok(Config::default()), |file| Config::read(&file))?;
            write!(out, "{}", config.to_yaml().map_err(CliError::Failed)?)?;
        }
    }
    Ok(())
}
