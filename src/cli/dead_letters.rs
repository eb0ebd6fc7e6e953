use std::io::Write;

use super::{CliError, Server, render::safe, style};
use crate::{
    pb::{self, gateway_service_client::GatewayServiceClient},
    rpc::convert,
};

/// How much of a document a line shows.
const SHOWN: usize = 200;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// At most so many
    #[arg(short = 'n', long, default_value_t = 20)]
    limit: u32,
}

pub(super) async fn run(server: &Server, arguments: &Arguments) -> Result<(), CliError> {
    let request = pb::ListDeadLettersRequest {
        limit: arguments.limit,
    };
    let answer = GatewayServiceClient::new(server.connect().await?)
        .list_dead_letters(request)
        .await?
        .into_inner();
    let mut out = anstream::stdout().lock();
    let (strong, faint) = (style::STRONG, style::FAINT);
    for letter in &answer.dead_letters {
        let time = letter.time.as_ref().and_then(convert::time);
        let origin = letter
            .origin
            .as_ref()
            .map_or("", |origin| origin.source_id.as_str());
        let text = String::from_utf8_lossy(&letter.raw);
        let start: String = text.chars().take(SHOWN).collect();
        writeln!(
            out,
            "{faint}{}{faint:#} {} {strong}{}{strong:#} {}\n    {faint}{}{faint:#}",
            time.map(|time| time.to_string()).unwrap_or_default(),
            safe(origin),
            letter.reason,
            safe(&letter.message),
            safe(&start),
        )?;
    }
    writeln!(
        out,
        "{} shown of {} ever refused",
        answer.dead_letters.len(),
        answer.total
    )?;
    Ok(())
}
