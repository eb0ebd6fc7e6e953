mod consume;

use std::io::{self, Write};

use super::{CliError, Server, client::check_filter, render::safe, style, when::When};
use crate::{
    client::Connection,
    pb::{self, subscription_service_client::SubscriptionServiceClient, subscription_start::Start},
    rpc::convert,
};

#[derive(Debug, clap::Subcommand)]
#[command(after_help = "\
Examples:
  falco-gateway subscription create siem -f 'priority >= notice' --all
  falco-gateway subscription consume siem -o json | logger
  falco-gateway subscription show siem")]
pub(super) enum Command {
    /// Make one
    Create(Create),
    /// Show all of them
    List,
    /// Show one
    Show {
        /// Its name
        name: String,
    },
    /// Give it another filter; its position stays
    Update {
        /// Its name
        name: String,
        /// Only alerts that match; empty: all
        #[arg(short, long)]
        filter: String,
    },
    /// Move its position, back or on
    Seek {
        /// Its name
        name: String,
        #[command(flatten)]
        to: Place,
    },
    /// Delete it
    Delete {
        /// Its name
        name: String,
    },
    /// Show its alerts, and acknowledge what was shown
    Consume(consume::Arguments),
}

#[derive(Debug, clap::Args)]
pub(super) struct Create {
    /// Its name: a to z, 0 to 9 and "-"
    name: String,
    /// Only alerts that match, in the language of Falco's conditions
    #[arg(short, long, default_value = "", hide_default_value = true)]
    filter: String,
    #[command(flatten)]
    start: Place,
}

/// Where a subscription starts or goes on; unasked, with the next alert to come.
#[derive(Debug, clap::Args)]
#[group(multiple = false)]
pub(super) struct Place {
    /// With what was received since then: 10m, or 2026-11-25T10:00:00Z
    #[arg(long)]
    since: Option<When>,
    /// With the oldest alert there is
    #[arg(long)]
    all: bool,
    /// After this cursor
    #[arg(long)]
    after: Option<String>,
    /// With the next alert to come
    #[arg(long)]
    latest: bool,
}

impl Place {
    fn message(self) -> pb::SubscriptionStart {
        let start = match self {
            Self { all: true, .. } => Start::Earliest(()),
            Self {
                after: Some(cursor),
                ..
            } => Start::AfterCursor(cursor),
            Self {
                since: Some(When(time)),
                ..
            } => Start::Since(convert::timestamp(time)),
            // `latest` says what would hold anyway.
            Self { latest: _, .. } => Start::Latest(()),
        };
        pb::SubscriptionStart { start: Some(start) }
    }
}

pub(super) async fn run(server: &Server, command: Command) -> Result<(), CliError> {
    if let Command::Consume(arguments) = command {
        return consume::run(server, arguments).await;
    }
    let client = SubscriptionServiceClient::new(server.connect().await?);
    let shown = ask(client, command).await?;
    let mut out = anstream::stdout().lock();
    for subscription in &shown {
        show(&mut out, subscription)?;
    }
    Ok(())
}

/// What is to be shown of the answer.
async fn ask(
    mut client: SubscriptionServiceClient<Connection>,
    command: Command,
) -> Result<Vec<pb::Subscription>, CliError> {
    let one = match command {
        Command::Create(Create {
            name,
            filter,
            start,
        }) => {
            check_filter(&filter)?;
            let start = Some(start.message());
            let request = pb::CreateSubscriptionRequest {
                name,
                filter,
                start,
            };
            let answer = client.create_subscription(request).await?;
            answer.into_inner().subscription
        }
        Command::List | Command::Consume(_) => {
            let answer = client.list_subscriptions(pb::ListSubscriptionsRequest {});
            return Ok(answer.await?.into_inner().subscriptions);
        }
        Command::Show { name } => {
            let answer = client.get_subscription(pb::GetSubscriptionRequest { name });
            answer.await?.into_inner().subscription
        }
        Command::Update { name, filter } => {
            check_filter(&filter)?;
            let subscription = Some(pb::Subscription {
                name,
                filter,
                ..pb::Subscription::default()
            });
            let request = pb::UpdateSubscriptionRequest {
                subscription,
                update_mask: None,
            };
            let answer = client.update_subscription(request).await?;
            answer.into_inner().subscription
        }
        Command::Seek { name, to } => {
            let to = Some(to.message());
            let answer = client.seek_subscription(pb::SeekSubscriptionRequest { name, to });
            answer.await?.into_inner().subscription
        }
        Command::Delete { name } => {
            let request = pb::DeleteSubscriptionRequest { name };
            client.delete_subscription(request).await?;
            None
        }
    };
    Ok(one.into_iter().collect())
}

fn show(out: &mut impl Write, subscription: &pb::Subscription) -> io::Result<()> {
    let strong = style::STRONG;
    let filter = match subscription.filter.as_str() {
        "" => "all alerts".to_owned(),
        filter => safe(filter),
    };
    writeln!(out, "{strong}{}{strong:#}  {filter}", subscription.name)?;
    let since = subscription.lag_since.as_ref().and_then(convert::time);
    let since = since.map_or(String::new(), |time| format!(", the first of {time:.0}"));
    if let Some(lag) = subscription.lag {
        let used = subscription.retention_used() * 100.0;
        writeln!(
            out,
            "  {lag} alerts of the log are not acknowledged{since}; that is {used:.0} % of what the log keeps"
        )?;
    }
    if subscription.lost > 0 {
        let bad = style::LOSS;
        let lost = subscription.lost;
        writeln!(
            out,
            "  {bad}{lost} alerts were lost before they were acknowledged{bad:#}"
        )?;
    }
    match &subscription.consumer {
        None => writeln!(out, "  nobody consumes it")?,
        Some(consumer) => {
            let since = consumer.since.as_ref().and_then(convert::time);
            writeln!(
                out,
                "  consumed by {} at {} since {}, {} outstanding",
                safe(&consumer.label),
                safe(&consumer.peer),
                since.map(|time| format!("{time:.0}")).unwrap_or_default(),
                consumer.outstanding
            )?;
        }
    }
    writeln!(out, "  acknowledged: {}", subscription.cursor)
}
