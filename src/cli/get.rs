use std::io::Write;

use super::{
    CliError, Server,
    render::{Output, Renderer},
};
use crate::{
    pb::{self, alert_service_client::AlertServiceClient, get_alert_request::Key},
    rpc::convert,
};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The alert's id, as `list -o wide` shows it
    id: String,

    /// Write the document exactly as it was received
    #[arg(long)]
    raw: bool,

    /// How the alert is shown
    #[arg(short, long, value_enum, default_value = "wide")]
    output: Output,
}

pub(super) async fn run(server: &Server, arguments: Arguments) -> Result<(), CliError> {
    let mut request = pb::GetAlertRequest {
        key: Some(Key::Id(arguments.id)),
        ..pb::GetAlertRequest::default()
    };
    if arguments.raw {
        request.set_view(pb::AlertView::Raw);
    }
    let record = AlertServiceClient::new(server.connect().await?)
        .get_alert(request)
        .await?
        .into_inner()
        .record
        .unwrap_or_default();
    let alert = convert::decode(&record.alert)
        .map_err(|error| CliError::Failed(format!("the gateway sent {error}")))?;
    if arguments.raw {
        std::io::stdout().write_all(&alert.raw)?;
        return Ok(());
    }
    writeln!(
        anstream::stdout(),
        "{}",
        Renderer::new(arguments.output).alert(&alert)
    )?;
    Ok(())
}
