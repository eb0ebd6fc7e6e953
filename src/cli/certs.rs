use std::{
    fs,
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use jiff::{ToSpan, civil::Date, tz::TimeZone};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, date_time_ymd,
};

use super::CliError;
use crate::clock;

/// How long the authority is good for, in years.
const AUTHORITY_YEARS: i64 = 10;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The folder to write to; nothing in it is overwritten
    #[arg(short, long, default_value = "certs")]
    out: PathBuf,

    /// A name or address that clients reach the gateway by; may be repeated
    #[arg(long, default_values = HOSTS)]
    host: Vec<String>,

    /// The name of the client
    #[arg(long, default_value = CLIENT)]
    client: String,

    /// Days that the server's and the client's certificates are good for
    #[arg(long, default_value_t = DAYS, value_parser = clap::value_parser!(i64).range(1..=825))]
    days: i64,
}

/// What they are made for, unless that is said.
const HOSTS: [&str; 3] = ["localhost", "127.0.0.1", "::1"];
const CLIENT: &str = "client";
const DAYS: i64 = 365;

/// Makes certificates, and shows how they are used.
pub(super) fn run(arguments: &Arguments) -> Result<(), CliError> {
    write_all(arguments)?;
    let folder = arguments.out.display();
    writeln!(
        anstream::stdout(),
        "wrote an authority, a server and a client to {folder}. The gateway's configuration:\n\n\
         listen:\n  - address: \"127.0.0.1:5060\"\n    tls:\n      certificate: {folder}/server.crt\n      \
         key: {folder}/server.key\n      client_ca: {folder}/ca.crt\n\n\
         A client: falco-gateway --server https://127.0.0.1:5060 --ca {folder}/ca.crt \\\n  \
         --certificate {folder}/client.crt --key {folder}/client.key watch"
    )?;
    Ok(())
}

/// Makes the usual ones in `folder`.
pub(super) fn make(folder: &Path) -> Result<(), CliError> {
    write_all(&Arguments {
        out: folder.to_owned(),
        host: HOSTS.map(str::to_owned).to_vec(),
        client: CLIENT.to_owned(),
        days: DAYS,
    })
}

/// Makes an authority, and with it a certificate for a server and one for a client.
fn write_all(arguments: &Arguments) -> Result<(), CliError> {
    let today = TimeZone::UTC.to_datetime(clock::now()).date();
    let authority = authority(today)?;
    let leaf = |params| leaf(params, &authority, today, arguments.days);
    let (server, server_key) = leaf(server(&arguments.host)?)?;
    let (client, client_key) = leaf(client(&arguments.client)?)?;
    fs::create_dir_all(&arguments.out)?;
    for (name, text, is_secret) in [
        ("ca.crt", authority.pem(), false),
        ("ca.key", authority.key().serialize_pem(), true),
        ("server.crt", server, false),
        ("server.key", server_key, true),
        ("client.crt", client, false),
        ("client.key", client_key, true),
    ] {
        write(&arguments.out.join(name), &text, is_secret)?;
    }
    Ok(())
}

fn authority(today: Date) -> Result<CertifiedIssuer<'static, KeyPair>, CliError> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
        .distinguished_name
        .push(DnType::CommonName, "falco-gateway authority");
    valid(&mut params, today, AUTHORITY_YEARS.years())?;
    let key = KeyPair::generate().map_err(failed)?;
    CertifiedIssuer::self_signed(params, key).map_err(failed)
}

fn server(hosts: &[String]) -> Result<CertificateParams, CliError> {
    let mut params = CertificateParams::new(hosts.to_vec()).map_err(failed)?;
    let name = hosts.first().map_or("falco-gateway", String::as_str);
    params.distinguished_name.push(DnType::CommonName, name);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    Ok(params)
}

fn client(name: &str) -> Result<CertificateParams, CliError> {
    let mut params = CertificateParams::new([name.to_owned()]).map_err(failed)?;
    params.distinguished_name.push(DnType::CommonName, name);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    Ok(params)
}

/// A certificate and its key, as PEM.
fn leaf(
    mut params: CertificateParams,
    authority: &CertifiedIssuer<'_, KeyPair>,
    today: Date,
    days: i64,
) -> Result<(String, String), CliError> {
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    // Strict verifiers ask for it.
    params.use_authority_key_identifier_extension = true;
    valid(&mut params, today, days.days())?;
    let key = KeyPair::generate().map_err(failed)?;
    let certificate = params.signed_by(&key, authority).map_err(failed)?;
    Ok((certificate.pem(), key.serialize_pem()))
}

/// From yesterday, since clocks differ.
fn valid(params: &mut CertificateParams, today: Date, long: jiff::Span) -> Result<(), CliError> {
    let day = |date: Date| {
        let number = |part: i8| u8::try_from(part).unwrap_or(1);
        date_time_ymd(date.year().into(), number(date.month()), number(date.day()))
    };
    let end = today.checked_add(long).map_err(failed)?;
    params.not_before = day(today.yesterday().map_err(failed)?);
    params.not_after = day(end);
    Ok(())
}

fn write(path: &Path, text: &str, is_secret: bool) -> Result<(), CliError> {
    let mode = if is_secret { 0o600 } else { 0o644 };
    let mut options = fs::OpenOptions::new();
    let file = options.write(true).create_new(true).mode(mode).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|error| CliError::Failed(format!("failed to write {}: {error}", path.display())))
}

fn failed(error: impl std::fmt::Display) -> CliError {
    CliError::Failed(format!("failed to make certificates: {error}"))
}
