//! The binary, run as a shell does.

use std::process::{Command, Output};

use super::soon;

pub(crate) fn falco_gateway(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_falco-gateway"));
    command.args(arguments).env_remove("FALCO_GATEWAY_SERVER");
    command
}

/// Runs it to its end, with the gateway at `address`.
pub(crate) async fn run_at(address: &str, arguments: &[&str]) -> Output {
    let mut command = falco_gateway(arguments);
    command.args(["--server", address]);
    let ended = tokio::task::spawn_blocking(move || command.output().unwrap());
    soon("the command's end", ended).await.unwrap()
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}
