use std::io::Write;

use super::{
    CliError, Server,
    client::{LARGEST_MESSAGE, check_filter},
    render::{Output, Renderer},
    when::When,
};
use crate::{
    pb::{self, alert_service_client::AlertServiceClient},
    rpc::convert,
};

/// The most alerts that the gateway puts on a page.
const PAGE: usize = 1000;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Only alerts that match, in the language of Falco's conditions
    #[arg(short, long, default_value = "", hide_default_value = true)]
    filter: String,

    /// Received since then: 10m, or 2026-11-25T10:00:00Z
    #[arg(long)]
    since: Option<When>,

    /// Received before then
    #[arg(long)]
    until: Option<When>,

    /// At most so many
    #[arg(short = 'n', long, default_value_t = 50)]
    limit: usize,

    /// The oldest first
    #[arg(long)]
    oldest_first: bool,

    /// How alerts are shown
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
}

pub(super) async fn run(server: &Server, arguments: Arguments) -> Result<(), CliError> {
    check_filter(&arguments.filter)?;
    let renderer = Renderer::new(arguments.output);
    let mut client =
        AlertServiceClient::new(server.connect().await?).max_decoding_message_size(LARGEST_MESSAGE);
    let mut out = anstream::stdout().lock();
    let mut left = arguments.limit;
    let mut request = pb::ListAlertsRequest {
        filter: arguments.filter,
        since: arguments.since.map(|When(time)| convert::timestamp(time)),
        until: arguments.until.map(|When(time)| convert::timestamp(time)),
        ..pb::ListAlertsRequest::default()
    };
    if arguments.oldest_first {
        request.set_order(pb::ListOrder::OldestFirst);
    }
    while left > 0 {
        request.page_size = u32::try_from(left.min(PAGE)).unwrap_or(u32::MAX);
        let page = client.list_alerts(request.clone()).await?.into_inner();
        left = left.saturating_sub(page.records.len());
        for record in page.records {
            let alert = convert::decode(&record.alert)
                .map_err(|error| CliError::Failed(format!("the gateway sent {error}")))?;
            writeln!(out, "{}", renderer.alert(&alert))?;
        }
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    Ok(())
}
