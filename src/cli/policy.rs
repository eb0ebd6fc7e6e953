use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use bytes::Bytes;

use super::{CliError, client::check_filter, style};
use crate::{
    access,
    alert::{Origin, Transport},
    clock,
    config::Config,
    filter::Filter,
    format::Format,
    normalize::normalize,
    policy::{Grant, Policy},
    source::{Payload, Raw},
};

#[derive(Debug, clap::Subcommand)]
#[command(after_help = "\
Examples:
  falco-gateway policy check --config gateway.yaml --as spiffe://prod/ns/payments/web
  falco-gateway policy check --config gateway.yaml --as token:grafana -f 'user.name = root' --alerts events.json")]
pub(super) enum Command {
    /// Say what an identity would get of a gateway with this configuration, and why
    Check(Check),
}

#[derive(Debug, clap::Args)]
pub(super) struct Check {
    /// The configuration
    #[arg(short, long, env = "FALCO_GATEWAY_CONFIG")]
    config: PathBuf,

    /// Who: spiffe://DOMAIN/PATH, cert:NAME, jwt:ISSUER:SUBJECT, token:NAME, unix:USER or anonymous
    #[arg(long = "as", value_name = "IDENTITY")]
    identity: String,

    /// The filter that he would ask with
    #[arg(short, long, default_value = "")]
    filter: String,

    /// A file of Falco's JSON, to see which of its alerts he would get, and as what
    #[arg(long)]
    alerts: Option<PathBuf>,
}

pub(super) fn run(command: Command) -> Result<(), CliError> {
    let Command::Check(check) = command;
    let access = Config::read(&check.config)?.access;
    check_filter(&check.filter)?;
    let filter = Filter::parse(&check.filter).unwrap_or_else(|_| Filter::all());
    let mut out = anstream::stdout();
    let Some(policy) = policy(&access)? else {
        let told = "there are no grants: whoever gets through may see and do everything";
        return Ok(writeln!(out, "{told}")?);
    };
    let Some((place, grant)) = policy.granted_to(&check.identity) else {
        writeln!(out, "{}", passed_over(&policy, &check.identity))?;
        let told = format!("{} is denied everything", check.identity);
        return Err(CliError::Failed(told));
    };
    show(&mut out, &check.identity, place, grant)?;
    if !check.filter.is_empty() {
        writeln!(out, "filter    {filter}, asked of what is left")?;
        told_of_hidden(&mut out, &filter, grant)?;
    }
    match &check.alerts {
        None => Ok(()),
        Some(path) => try_alerts(&mut out, path, &filter, grant),
    }
}

fn policy(access: &access::Config) -> Result<Option<Policy>, CliError> {
    let Some(grants) = &access.grants else {
        return Ok(None);
    };
    let policy = Policy::new(grants);
    policy
        .map(Some)
        .map_err(|error| CliError::Failed(error.to_string()))
}

fn passed_over(policy: &Policy, identity: &str) -> String {
    let mut told = format!("no grant is for {identity}:");
    for grant in policy.grants() {
        let to: Vec<_> = grant.to.iter().map(ToString::to_string).collect();
        told.push_str("\n  ");
        told.push_str(&grant.name);
        told.push_str(" is for ");
        told.push_str(&to.join(", "));
    }
    told
}

fn show(out: &mut impl Write, identity: &str, place: usize, grant: &Grant) -> io::Result<()> {
    let strong = style::STRONG;
    let because = grant.to.iter().find(|pattern| pattern.matches(identity));
    let because = because.map(ToString::to_string).unwrap_or_default();
    writeln!(
        out,
        "grant     {strong}{}{strong:#}, number {}, since {because} is {identity}",
        grant.name,
        place + 1
    )?;
    let words = |words: Vec<String>| match words.as_slice() {
        [] => "nothing".to_owned(),
        words => words.join(", "),
    };
    let may = grant.may.iter().map(ToString::to_string).collect();
    writeln!(out, "may       {}", words(may))?;
    match grant.sight.scope().canonical() {
        "" => writeln!(out, "scope     all alerts")?,
        scope => writeln!(out, "scope     {scope}")?,
    }
    let hidden: Vec<_> = grant
        .sight
        .redaction()
        .patterns()
        .map(str::to_owned)
        .collect();
    if !hidden.is_empty() {
        writeln!(out, "hidden    {}, output, message", hidden.join(", "))?;
    }
    let views = grant.views.iter().map(|view| view.as_str().to_owned());
    writeln!(out, "views     {}", words(views.collect()))?;
    match grant.history {
        None => writeln!(out, "history   as far as the log goes")?,
        Some(history) => writeln!(out, "history   {}", crate::units::Span(history))?,
    }
    let quota = &grant.quota;
    let quotas = [
        ("streams", quota.streams),
        ("subscriptions", quota.subscriptions),
        (
            "calls a second",
            quota.calls_per_second.map(|it| it.get() as usize),
        ),
        ("comparisons in a filter", quota.filter_predicates),
    ];
    let quotas = quotas.into_iter();
    let quotas = quotas.filter_map(|(what, most)| Some(format!("{} {what}", most?)));
    match quotas.collect::<Vec<_>>().as_slice() {
        [] => Ok(()),
        quotas => writeln!(out, "at most   {}", quotas.join(", ")),
    }
}

/// A filter on what is not there is not wrong, and does not do what was meant.
fn told_of_hidden(out: &mut impl Write, filter: &Filter, grant: &Grant) -> io::Result<()> {
    let redaction = grant.sight.redaction();
    let texts = ["output", "message"];
    let is_hidden = |field: &&String| {
        redaction.hides(field) || !redaction.is_empty() && texts.contains(&field.as_str())
    };
    for field in filter.fields().iter().filter(is_hidden) {
        writeln!(
            out,
            "          {field} is not there for him: a comparison with it is false"
        )?;
    }
    Ok(())
}

fn try_alerts(
    out: &mut impl Write,
    path: &Path,
    filter: &Filter,
    grant: &Grant,
) -> Result<(), CliError> {
    let bytes = fs::read(path).map_err(|error| CliError::Read {
        path: path.to_owned(),
        error,
    })?;
    let raw = Raw {
        payload: Payload::Body(Bytes::from(bytes)),
        origin: Origin::new("policy check", Transport::File),
        received_at: clock::now(),
        trace: None,
    };
    let mut counts = [0; 3];
    for read in normalize(&raw) {
        let alert = read.map_err(|reject| {
            CliError::Failed(format!("{}: {}", path.display(), reject.message))
        })?;
        counts[0] += 1;
        let Some(shown) = grant.sight.see(&alert) else {
            continue;
        };
        counts[1] += 1;
        if !filter.matches(&shown) {
            continue;
        }
        counts[2] += 1;
        writeln!(out, "{}", Format::Json.line(&shown))?;
    }
    let [all, within, wanted] = counts;
    writeln!(
        out,
        "of {all} alerts {within} are in the scope, and the filter wants {wanted} of them"
    )?;
    Ok(())
}
