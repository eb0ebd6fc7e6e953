use std::{fs, process::Stdio, time::Duration};

use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child as Process, ChildStderr, Command},
    time::timeout,
};

use super::{
    super::{CliError, certs, client::Credentials},
    Arguments, Server,
    report::Usage,
};
use crate::{
    config::{ClientCertificate, Config, Listen, Tls},
    units::Size,
    web,
};

/// How long a gateway may take to start.
const START_TIME: Duration = Duration::from_secs(10);

/// The kernel's unit of a process's CPU time.
const TICKS_PER_SECOND: f64 = 100.0;

/// The memory of a log whose alerts are to be read from the disk.
const FROM_DISK: Size = Size(1 << 20);

/// A gateway of its own for the measurement, which ends with it.
pub(super) struct Child {
    process: Process,
    server: Server,
    _log: BufReader<ChildStderr>,
    _folder: TempDir,
}

impl Child {
    pub(super) async fn start(arguments: &Arguments) -> Result<Self, CliError> {
        let folder = tempfile::tempdir()?;
        let path = |name: &str| folder.path().join(name);
        let mut credentials = Credentials::default();
        let mut listen = Listen::plaintext("127.0.0.1:0");
        if arguments.tls {
            certs::make(folder.path())?;
            credentials = Credentials::of(folder.path());
            listen.tls = Some(Tls {
                certificate: path("server.crt"),
                key: path("server.key"),
                client_ca: Some(path("ca.crt")),
                client_certificate: ClientCertificate::default(),
            });
        }
        let mut config = Config {
            listen: vec![listen],
            data_dir: folder.path().to_owned(),
            sources: Vec::new(),
            operations: web::Config::nowhere(),
            ..Config::default()
        };
        if arguments.catch_up {
            config.log.memory = FROM_DISK;
        }
        let yaml = config.to_yaml().map_err(CliError::Failed)?;
        let config = path("gateway.yaml");
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
            server: server
                .parse::<Server>()
                .map_err(CliError::Failed)?
                .with(credentials)?,
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
