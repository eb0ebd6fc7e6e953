use std::{
    io::Write,
    path::{Path, PathBuf},
};

use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{CliError, Server, serve::cancel_on_signal, style};
use crate::{
    bridge::{self, Bridges},
    config::Config,
    telemetry::Telemetry,
};

#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "\
Examples:
  falco-gateway bridge --config bridges.yaml --from https://gateway:5061
  falco-gateway bridge test --config bridges.yaml siem
  falco-gateway bridge test --config bridges.yaml siem --dry-run"
)]
pub(super) struct Arguments {
    #[command(flatten)]
    run: Option<Run>,

    #[command(subcommand)]
    command: Option<Command>,
}

/// Which bridges are run.
#[derive(Debug, clap::Args)]
pub(super) struct Run {
    /// The configuration, whose `bridges` are run
    #[arg(short, long, env = "FALCO_GATEWAY_CONFIG")]
    config: PathBuf,

    /// Only these; all without a name
    names: Vec<String>,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Send one test alert, and show what the target answers
    Test(Test),
}

#[derive(Debug, clap::Args)]
struct Test {
    /// The configuration, with the bridge
    #[arg(short, long, env = "FALCO_GATEWAY_CONFIG")]
    config: PathBuf,

    /// Only these; all without a name
    names: Vec<String>,

    /// Send nothing, and show what would be sent
    #[arg(long)]
    dry_run: bool,
}

pub(super) async fn run(
    server: &Server,
    arguments: Arguments,
    telemetry: &Telemetry,
) -> Result<(), CliError> {
    match (arguments.command, arguments.run) {
        (Some(Command::Test(test)), _) => send_test(test).await,
        (None, Some(run)) => run_all(server, run, telemetry).await,
        // The command line asks for one of them.
        (None, None) => Ok(()),
    }
}

async fn run_all(server: &Server, run: Run, telemetry: &Telemetry) -> Result<(), CliError> {
    let (config, bridges) = chosen(&run.config, &run.names)?;
    let exporting = telemetry.trace(&config.traces).map_err(CliError::Failed)?;
    let end = CancellationToken::new();
    tokio::spawn(cancel_on_signal(end.clone())?);
    let tools = bridge::Tools {
        channel: server.connect_lazily()?,
        data_dir: &config.data_dir,
        dead_letters: None,
        end,
    };
    let (running, tasks) = (Bridges::default(), TaskTracker::new());
    for bridge in bridges {
        tracing::info!(bridge = bridge.name, from = %server, "running a bridge");
        running.add(bridge).run(&tools, &tasks);
    }
    tasks.close();
    tasks.wait().await;
    if let Some(exporting) = exporting {
        exporting.finish().await;
    }
    Ok(())
}

async fn send_test(test: Test) -> Result<(), CliError> {
    let (_, bridges) = chosen(&test.config, &test.names)?;
    let mut failed = 0;
    for bridge in bridges {
        let answered = if test.dry_run {
            bridge::preview(&bridge)
        } else {
            bridge::test(&bridge).await
        };
        let mut out = anstream::stdout().lock();
        let (strong, good, bad) = (style::STRONG, style::STRONG, style::ERROR);
        write!(out, "{strong}{}{strong:#}: ", bridge.name)?;
        match answered {
            Ok(preview) if test.dry_run => writeln!(out, "would send\n{preview}\n")?,
            Ok(answer) => writeln!(out, "{good}delivered{good:#}: {answer}")?,
            Err(why) => {
                failed += 1;
                writeln!(out, "{bad}not delivered{bad:#}: {why}")?;
            }
        }
    }
    match failed {
        0 => Ok(()),
        1 => Err(CliError::Failed(
            "a test alert was not delivered".to_owned(),
        )),
        count => Err(CliError::Failed(format!(
            "{count} test alerts were not delivered"
        ))),
    }
}

/// The configuration, and those of its bridges that have one of `names`, or all.
fn chosen(path: &Path, names: &[String]) -> Result<(Config, Vec<bridge::Config>), CliError> {
    let config = Config::read(path)?;
    let all = &config.bridges;
    if let Some(name) = names
        .iter()
        .find(|name| !all.iter().any(|it| it.name == **name))
    {
        let known: Vec<_> = all.iter().map(|it| it.name.as_str()).collect();
        let (path, known) = (path.display(), known.join(", "));
        let message = format!("{path} has no bridge {name:?}; it has: {known}");
        return Err(CliError::Argument(message));
    }
    if all.is_empty() {
        let message = format!("{} has no bridges: see docs/bridges.md", path.display());
        return Err(CliError::Argument(message));
    }
    let is_chosen = |it: &&bridge::Config| names.is_empty() || names.contains(&it.name);
    let chosen = all.iter().filter(is_chosen).cloned().collect();
    Ok((config, chosen))
}
