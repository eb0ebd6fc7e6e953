//! The `falco-gateway` binary.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    falco_gateway::cli::run().await
}
