//! The command line: arguments to calls, one file a subcommand.
//!
//! What is asked for goes to standard output, everything said beside it to
//! standard error.

mod bench;
mod bridge;
mod certs;
mod client;
mod completions;
mod config;
mod dead_letters;
mod demo;
mod filter;
mod get;
mod list;
mod policy;
mod publish;
mod render;
mod report;
mod serve;
mod status;
mod style;
mod subscription;
mod watch;
mod when;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub use self::client::{CliError, Credentials, Server};
use crate::telemetry::{self, Telemetry};

/// A gRPC alert gateway for Falco.
///
/// Takes alerts from any number of Falcos, keeps them in order, and serves them
/// to any number of filtered, resumable subscribers.
#[derive(Debug, Parser)]
#[command(
    version,
    propagate_version = true,
    after_help = "Exit codes: 0 done, 1 failed, 2 wrong arguments, configuration or filter, 3 the gateway cannot be reached."
)]
pub struct Arguments {
    /// The gateway to talk to: http://HOST:PORT, https://HOST:PORT or unix:///PATH
    #[arg(
        long,
        visible_alias = "from",
        global = true,
        help_heading = "Global options",
        env = "FALCO_GATEWAY_SERVER",
        default_value = "http://127.0.0.1:5060"
    )]
    server: Server,

    #[command(flatten)]
    credentials: Credentials,

    /// What is logged to standard error, such as debug or falco_gateway=trace; info unless
    /// the configuration says
    #[arg(
        long,
        global = true,
        help_heading = "Global options",
        env = "FALCO_GATEWAY_LOG"
    )]
    log: Option<String>,

    /// How the log is written
    #[arg(
        long,
        global = true,
        help_heading = "Global options",
        env = "FALCO_GATEWAY_LOG_FORMAT",
        value_enum,
        default_value_t
    )]
    log_format: telemetry::Format,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a gateway
    Serve(serve::Arguments),
    /// See it work: a gateway, real Falco alerts and a subscriber, in one go
    Demo(demo::Arguments),
    /// Follow alerts as they come; resumes by itself
    Watch(watch::Arguments),
    /// Show past alerts
    List(list::Arguments),
    /// Show one alert, in full
    Get(get::Arguments),
    /// Report on an alert: what it means, how to verify it, what to do
    Report(report::Arguments),
    /// Send Falco's JSON documents to the gateway
    Publish(publish::Arguments),
    /// Work with filters
    #[command(subcommand)]
    Filter(filter::Command),
    /// Work with the configuration file
    #[command(subcommand)]
    Config(config::Command),
    /// Find out who may see and do what
    #[command(subcommand)]
    Policy(policy::Command),
    /// Make certificates for mutual TLS
    Certs(certs::Arguments),
    /// Work with durable subscriptions, whose position the gateway keeps
    #[command(subcommand)]
    Subscription(subscription::Command),
    /// Send alerts on to SIEMs and others, as a process of its own
    Bridge(bridge::Arguments),
    /// Show the gateway, its sources, subscribers and bridges
    Status,
    /// Show the newest documents that were refused, and why
    DeadLetters(dead_letters::Arguments),
    /// Load a gateway, and tell what it costs
    Bench(bench::Arguments),
    /// Write shell completions
    Completions(completions::Arguments),
}

/// Runs what the command line says.
pub async fn run() -> ExitCode {
    let arguments = Arguments::parse();
    let telemetry = Telemetry::start(arguments.log.clone(), arguments.log_format);
    let telemetry = match telemetry {
        Ok(telemetry) => telemetry,
        Err(error) => {
            anstream::eprintln!("error: --log: {error}");
            return ExitCode::from(2);
        }
    };
    match dispatch(arguments, &telemetry).await {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever read us has seen enough.
        Err(CliError::Output(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        Err(error) => {
            anstream::eprintln!(
                "{}error:{} {error}",
                style::ERROR,
                style::ERROR.render_reset()
            );
            ExitCode::from(error.exit_code())
        }
    }
}

async fn dispatch(arguments: Arguments, telemetry: &Telemetry) -> Result<(), CliError> {
    let server = arguments.server.with(arguments.credentials)?;
    match arguments.command {
        Command::Serve(arguments) => serve::run(arguments, telemetry).await,
        Command::Bench(arguments) => bench::run(&server, arguments).await,
        Command::Demo(arguments) => demo::run(arguments).await,
        Command::Watch(arguments) => watch::run(&server, arguments).await,
        Command::List(arguments) => list::run(&server, arguments).await,
        Command::Get(arguments) => get::run(&server, arguments).await,
        Command::Report(arguments) => report::run(&server, arguments).await,
        Command::Publish(arguments) => publish::run(&server, arguments).await,
        Command::Filter(command) => filter::run(command),
        Command::Config(command) => config::run(command).await,
        Command::Policy(command) => policy::run(command),
        Command::Certs(arguments) => certs::run(&arguments),
        Command::Subscription(command) => subscription::run(&server, command).await,
        Command::Bridge(arguments) => bridge::run(&server, arguments, telemetry).await,
        Command::Status => status::run(&server).await,
        Command::DeadLetters(arguments) => dead_letters::run(&server, &arguments).await,
        Command::Completions(arguments) => completions::run(&arguments),
    }
}
