use std::{fs, process::Stdio, time::Duration};

use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child as Process, ChildStderr, Command},
    time::timeout,
};

use super::{super::CliError, Server, report::Usage};

/// How long a gateway may take to start.
const START_TIME: Duration = Duration::from_secs(10);

/// The kernel's unit of a process's CPU time.
const TICKS_PER_SECOND: f64 = 100.0;

/// A gateway of its own for the measurement, which ends with it.
pub(super) struct Child {
    process: Process,
    server: Server,
    _log: BufReader<ChildStderr>,
    _folder: TempDir,
}

impl Child {
    /// With `from_disk`, it keeps as good as nothing in memory.
    pub(super) async fn start(from_disk: bool) -> Result<Self, CliError> {
        let folder = tempfile::tempdir()?;
        let config = folder.path().join("gateway.yaml");
        let data = folder.path().display();
        let memory = if from_disk { "1MiB" } else { "256MiB" };
        let yaml = format!(
            "data_dir: {data}\nlisten: [\"127.0.0.1:0\"]\nsources: []\nlog: {{memory: {memory}}}\n"
        );
        fs::write(&config, yaml)?;
        let mut process = Command::new(std::env::current_exe()?)
            .arg("serve")
            .arg("--config")
            .arg(config)
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let failed = || CliError::Failed("the gateway to be measured did not start".to_owned());
        let mut log = BufReader::new(process.stderr.take().ok_or_else(failed)?);
        let server = timeout(START_TIME, address(&mut log))
            .await
            .map_err(|_| failed())??
            .ok_or_else(failed)?;
        Ok(Self {
            process,
            server: server.parse().map_err(CliError::Failed)?,
            _log: log,
            _folder: folder,
        })
    }

    pub(super) fn server(&self) -> &Server {
        &self.server
    }

    /// What it used until now, by the kernel's accounts.
    pub(super) fn usage(&self) -> Result<Usage, CliError> {
        let missing = || CliError::Failed("the gateway that is measured has ended".to_owned());
        let id = self.process.id().ok_or_else(missing)?;
        let stat = fs::read_to_string(format!("/proc/{id}/stat"))?;
        let (_, fields) = stat.rsplit_once(") ").ok_or_else(missing)?;
        let mut numbers = fields.split(' ').skip(11).map(str::parse::<f64>);
        let mut ticks = || numbers.next().and_then(Result::ok).unwrap_or_default();
        let cpu_seconds = (ticks() + ticks()) / TICKS_PER_SECOND;
        let status = fs::read_to_string(format!("/proc/{id}/status"))?;
        let resident = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<u64>().ok());
        Ok(Usage {
            cpu_seconds,
            resident_bytes: resident.unwrap_or_default() << 10,
        })
    }
}

/// Where it says that it serves.
async fn address(log: &mut BufReader<ChildStderr>) -> Result<Option<String>, CliError> {
    let mut lines = log.lines();
    while let Some(line) = lines.next_line().await? {
        if line.contains("serving gRPC")
            && let Some((_, address)) = line.rsplit_once("address=")
        {
            return Ok(Some(address.trim().to_owned()));
        }
    }
    Ok(None)
}
