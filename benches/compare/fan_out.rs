//! What each delivery costs, and how long it takes.

use std::{collections::BTreeMap, fs::File, io::Write, time::Instant};

use crate::{
    ROUNDS,
    case::{Case, FAN_OUT, LATENCY},
    gateway,
    load::Measured,
    naive, peers, raw,
    settings::Settings,
    stats::median,
};

/// Who is measured, the one that all are compared with first.
const VARIANTS: [&str; 5] = ["nats-server", OURS, "naive tonic", "bare TCP", "Redis"];

const OURS: &str = "falco-gateway";

/// With whom the gateway is compared too.
const LIMITS: [&str; 2] = ["naive tonic", "bare TCP"];

/// How many appends are synced for the median of one.
const SYNCS: usize = 300;

type Rounds = BTreeMap<&'static str, Vec<Measured>>;

/// The server's CPU for each delivery, by case and variant.
pub(crate) async fn run(settings: &Settings) -> Option<String> {
    let mut lines = Vec::new();
    for case in FAN_OUT.iter().filter(|case| settings.wants(case.name)) {
        let rounds = measure_all(case).await;
        let cells = VARIANTS.map(|variant| cell(&rounds, variant));
        let ratios = LIMITS.map(|limit| ratio(&rounds, OURS, limit));
        let line = format!(
            "| {} | {} | {} |",
            case.name,
            cells.join(" | "),
            ratios.join(" | ")
        );
        eprintln!("{line}");
        lines.push(line);
    }
    let head = format!(
        "| case | {} | {} |\n|---|{}\n",
        VARIANTS.join(" | "),
        LIMITS.map(|limit| format!("{OURS} to {limit}")).join(" | "),
        "---|".repeat(VARIANTS.len() + LIMITS.len())
    );
    (!lines.is_empty()).then(|| head + &lines.join("\n") + "\n")
}

/// How long one alert takes to one stream, and how long a sync does.
pub(crate) async fn latency(settings: &Settings) -> Option<String> {
    settings.wants(LATENCY.name).then_some(())?;
    let rounds = measure_all(&LATENCY).await;
    let sync = median((0..ROUNDS).map(|_| sync_time()));
    let mut lines = vec![format!("| append and sync, of a bare file | {sync:.0} |")];
    for (variant, measured) in &rounds {
        let time = median(measured.iter().map(|it| it.latency));
        lines.push(format!("| {variant} | {time:.0} |"));
    }
    let head = "| from publishing to receipt | median, µs |\n|---|---|\n";
    Some(format!("{head}{}\n", lines.join("\n")))
}

async fn measure_all(case: &Case) -> Rounds {
    let mut rounds = Rounds::new();
    for _ in 0..ROUNDS {
        for variant in VARIANTS {
            if let Some(measured) = measure(variant, case).await {
                rounds.entry(variant).or_default().push(measured);
            }
        }
    }
    rounds
}

/// None when the variant cannot do the case.
async fn measure(variant: &str, case: &Case) -> Option<Measured> {
    match variant {
        OURS => Some(gateway::measure(case).await),
        "nats-server" => peers::nats(case).await,
        "Redis" => peers::redis(case).await,
        "naive tonic" => Some(naive::measure(case).await),
        _ => Some(raw::measure(case).await),
    }
}

/// What a delivery costs, and the ratio to the first.
fn cell(rounds: &Rounds, variant: &str) -> String {
    let Some(measured) = rounds.get(variant) else {
        return "–".to_owned();
    };
    let ns = median(measured.iter().map(|it| it.ns));
    format!("{ns:.0} ({})", ratio(rounds, variant, VARIANTS[0]))
}

/// The median of the ratios of a variant to another in each round.
fn ratio(rounds: &Rounds, variant: &str, to: &str) -> String {
    let (Some(these), Some(those)) = (rounds.get(variant), rounds.get(to)) else {
        return "–".to_owned();
    };
    let ratios = these.iter().zip(those).map(|(a, b)| a.ns / b.ns);
    format!("{:.2}", median(ratios))
}

/// How long an append to a file takes until it is on the disk, in microseconds.
fn sync_time() -> f64 {
    let folder = tempfile::tempdir().unwrap();
    let mut file = File::create(folder.path().join("file")).unwrap();
    let record = vec![b'x'; 2048];
    median((0..SYNCS).map(|_| {
        let started = Instant::now();
        file.write_all(&record).unwrap();
        file.sync_data().unwrap();
        started.elapsed().as_secs_f64() * 1e6
    }))
}
