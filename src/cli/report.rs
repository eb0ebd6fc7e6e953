use std::{io::Write, path::PathBuf, time::Duration};

use super::{CliError, Server};
use crate::{
    alert::{Origin, Transport},
    clock, normalize,
    pb::{self, alert_service_client::AlertServiceClient},
    report::{Around, Form, Report},
    source::{Payload, Raw},
    units::Span,
};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  falco-gateway report 0dd3c8505a4642ac7499d687fff55fa3
  falco-gateway report 0dd3c8505a4642ac7499d687fff55fa3 -o html > report.html
  falco-gateway report --file alert.json -o markdown")]
pub(super) struct Arguments {
    /// The alert's id, as `list -o wide` shows it
    #[arg(required_unless_present = "file")]
    id: Option<String>,

    /// Report on the first alert in this file of Falco's JSON instead, without a gateway
    #[arg(long, conflicts_with_all = ["id", "window"])]
    file: Option<PathBuf>,

    /// How the report is written
    #[arg(short, long, value_enum, default_value = "text")]
    output: Output,

    /// How long before and after the alert related ones are looked for
    #[arg(long, default_value = "15m")]
    window: Span,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Output {
    /// For a terminal
    Text,
    /// For a ticket or a page of notes
    Markdown,
    /// A page for a browser
    Html,
}

impl Output {
    /// The form, and what it is called on the wire.
    fn forms(self) -> (Form, pb::ReportFormat) {
        match self {
            Self::Text => (Form::Text, pb::ReportFormat::Text),
            Self::Markdown => (Form::Markdown, pb::ReportFormat::Markdown),
            Self::Html => (Form::Html, pb::ReportFormat::Html),
        }
    }
}

pub(super) async fn run(server: &Server, arguments: Arguments) -> Result<(), CliError> {
    let content = match &arguments.file {
        Some(path) => of_file(path, arguments.output)?,
        None => of_gateway(server, &arguments).await?,
    };
    let page = match arguments.output {
        Output::Html => page(&content),
        Output::Text | Output::Markdown => content,
    };
    write!(anstream::stdout(), "{page}")?;
    Ok(())
}

async fn of_gateway(server: &Server, arguments: &Arguments) -> Result<String, CliError> {
    let (_, format) = arguments.output.forms();
    let request = pb::GetAlertReportRequest {
        id: arguments.id.clone().unwrap_or_default(),
        format: format.into(),
        window: prost_types::Duration::try_from(arguments.window.0).ok(),
    };
    let mut client = AlertServiceClient::new(server.connect().await?);
    Ok(client.get_alert_report(request).await?.into_inner().content)
}

fn of_file(path: &PathBuf, output: Output) -> Result<String, CliError> {
    let failed = |why: String| CliError::Failed(format!("{}: {why}", path.display()));
    let bytes = std::fs::read(path).map_err(|error| failed(error.to_string()))?;
    let raw = Raw {
        payload: Payload::Body(bytes.into()),
        origin: Origin::new("file", Transport::File),
        received_at: clock::now(),
        trace: None,
    };
    let first = normalize::normalize(&raw).into_iter().next();
    let alert = match first {
        Some(Ok(alert)) => alert,
        Some(Err(reject)) => return Err(failed(reject.message)),
        None => return Err(failed("there is no alert in it".to_owned())),
    };
    let (form, _) = output.forms();
    let around = Around {
        window: Duration::ZERO,
        ..Around::default()
    };
    Ok(Report::new(&alert, &around).write(form))
}

/// The fragment as a page that can be sent around: it loads nothing.
fn page(fragment: &str) -> String {
    let style = include_str!("report/page.css");
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>Alert report</title>\n<style>\n{style}</style>\n</head>\n<body>\n<main>\n{fragment}</main>\n</body>\n</html>\n"
    )
}
