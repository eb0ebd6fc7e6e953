use std::io::Write;

use super::super::CliError;

/// What a process used.
#[derive(Debug, Clone, Copy)]
pub(super) struct Usage {
    pub(super) cpu_seconds: f64,
    pub(super) resident_bytes: u64,
}

/// What was measured.
pub(super) struct Report {
    pub(super) subscribers: usize,
    pub(super) connections: usize,
    pub(super) alerts: usize,
    pub(super) burst: usize,
    pub(super) seconds: f64,
    pub(super) deliveries: u64,
    /// From the call that published to the receipt, in microseconds, sorted.
    pub(super) latencies: Vec<u32>,
    /// The gateway's memory for each idle stream.
    pub(super) stream_bytes: Option<u64>,
    /// The gateway's CPU time while it was loaded.
    pub(super) cpu_seconds: Option<f64>,
}

#[expect(
    clippy::cast_precision_loss,
    reason = "what is measured needs no last digit"
)]
impl Report {
    pub(super) fn print(&self, json: bool) -> Result<(), CliError> {
        let mut out = anstream::stdout();
        if json {
            writeln!(out, "{}", self.json())?;
            return Ok(());
        }
        writeln!(
            out,
            "{} alerts in bursts of {} to {} streams on {} connections: {:.0} alerts/s, {:.0} deliveries/s",
            self.alerts,
            self.burst,
            self.subscribers,
            self.connections,
            self.per_second(self.alerts as f64),
            self.per_second(self.deliveries as f64)
        )?;
        if !self.latencies.is_empty() {
            writeln!(
                out,
                "from publish to receipt: median {} µs, p99 {} µs, longest {} µs",
                self.quantile(0.5),
                self.quantile(0.99),
                self.quantile(1.0)
            )?;
        }
        for (of, what) in [
            (self.alerts as f64, "alert"),
            (self.deliveries as f64, "delivery"),
        ] {
            if let Some(ns) = self.ns_per(of) {
                writeln!(out, "the gateway's CPU: {ns:.0} ns for each {what}")?;
            }
        }
        if let Some(bytes) = self.stream_bytes {
            writeln!(
                out,
                "the gateway's memory: {bytes} bytes for each idle stream"
            )?;
        }
        Ok(())
    }

    fn json(&self) -> serde_json::Value {
        serde_json::json!({
            "subscribers": self.subscribers,
            "connections": self.connections,
            "alerts": self.alerts,
            "burst": self.burst,
            "seconds": self.seconds,
            "deliveries": self.deliveries,
            "alerts_per_second": self.per_second(self.alerts as f64),
            "deliveries_per_second": self.per_second(self.deliveries as f64),
            "latency_us": {
                "p50": self.quantile(0.5),
                "p90": self.quantile(0.9),
                "p99": self.quantile(0.99),
                "max": self.quantile(1.0),
            },
            "server_cpu_seconds": self.cpu_seconds,
            "server_ns_per_alert": self.ns_per(self.alerts as f64),
            "server_ns_per_delivery": self.ns_per(self.deliveries as f64),
            "bytes_per_idle_stream": self.stream_bytes,
        })
    }

    fn per_second(&self, count: f64) -> f64 {
        count / self.seconds
    }

    fn ns_per(&self, count: f64) -> Option<f64> {
        let cpu = self.cpu_seconds?;
        (count > 0.0).then(|| cpu * 1e9 / count)
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an index within the list, by a fraction of it"
    )]
    fn quantile(&self, fraction: f64) -> u32 {
        let last = self.latencies.len().saturating_sub(1);
        let index = (last as f64 * fraction).round() as usize;
        self.latencies.get(index).copied().unwrap_or_default()
    }
}
