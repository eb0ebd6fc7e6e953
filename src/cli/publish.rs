use std::{io::BufRead, path::PathBuf};

use bytes::Bytes;
use indicatif::{ProgressBar, ProgressStyle};

use super::{CliError, Server, render::safe};
use crate::{
    client::Connection,
    pb::{self, ingest_service_client::IngestServiceClient},
};

/// Documents in one call.
const BATCH: usize = 200;

/// Bytes in one call, about.
const BATCH_BYTES: usize = 1 << 20;

/// How many refusals are told one by one.
const TOLD_REFUSALS: u64 = 20;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// A file of Falco's JSON documents, one a line; - for standard input
    file: PathBuf,
}

pub(super) async fn run(server: &Server, arguments: Arguments) -> Result<(), CliError> {
    let failed = |error| CliError::Read {
        path: arguments.file.clone(),
        error,
    };
    let (length, reader): (u64, Box<dyn BufRead + Send>) = if arguments.file.as_os_str() == "-" {
        (0, Box::new(std::io::BufReader::new(std::io::stdin())))
    } else {
        let file = std::fs::File::open(&arguments.file).map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        (length, Box::new(std::io::BufReader::new(file)))
    };
    let mut publisher = Publisher {
        client: IngestServiceClient::new(server.connect().await?),
        bar: bar(length),
        sent: 0,
        accepted: 0,
        refused: 0,
    };
    let mut batch = Vec::new();
    let mut bytes = 0;
    for line in reader.split(b'\n') {
        let line = line.map_err(failed)?;
        bytes += line.len() + 1;
        if !line.trim_ascii().is_empty() {
            batch.push(Bytes::from(line));
        }
        if batch.len() >= BATCH || bytes >= BATCH_BYTES {
            publisher.send(std::mem::take(&mut batch), bytes).await?;
            bytes = 0;
        }
    }
    publisher.send(batch, bytes).await?;
    publisher.conclude()
}

struct Publisher {
    client: IngestServiceClient<Connection>,
    bar: ProgressBar,
    sent: u64,
    accepted: u64,
    refused: u64,
}

impl Publisher {
    async fn send(&mut self, documents: Vec<Bytes>, bytes: usize) -> Result<(), CliError> {
        if documents.is_empty() {
            return Ok(());
        }
        let first = self.sent;
        self.sent += documents.len() as u64;
        let request = pb::PublishRequest { documents };
        let answer = self.client.publish(request).await?.into_inner();
        self.accepted += answer.accepted;
        for refusal in answer.refusals {
            self.refused += 1;
            if self.refused <= TOLD_REFUSALS {
                let number = first + refusal.index + 1;
                let message = safe(&refusal.message);
                self.bar.suspend(|| {
                    anstream::eprintln!("document {number}: {} ({message})", refusal.reason);
                });
            }
        }
        self.bar.inc(bytes as u64);
        Ok(())
    }

    fn conclude(self) -> Result<(), CliError> {
        self.bar.finish_and_clear();
        anstream::eprintln!("{} accepted, {} refused", self.accepted, self.refused);
        if self.refused > 0 {
            return Err(CliError::Failed(format!(
                "{} documents were refused; `falco-gateway dead-letters` shows them",
                self.refused
            )));
        }
        Ok(())
    }
}

fn bar(length: u64) -> ProgressBar {
    if length == 0 {
        return ProgressBar::new_spinner();
    }
    let template = "{bar:30} {percent:>3}% {bytes_per_sec}, {eta} left";
    let style =
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(length).with_style(style)
}
