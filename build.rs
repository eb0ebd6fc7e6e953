//! Compiles the protos with protox, so that building needs no protoc.

use std::{env, error::Error, path::PathBuf};

use prost_build::Config;
use prost_types::FileDescriptorSet;

const PROTOS: [&str; 6] = [
    "falco/outputs.proto",
    "falco/version.proto",
    "falcogateway/v1/alert_service.proto",
    "falcogateway/v1/gateway_service.proto",
    "falcogateway/v1/ingest_service.proto",
    "falcogateway/v1/subscription_service.proto",
];

/// Methods whose answers are not encoded by tonic.
const SERVED_APART: [&str; 2] = ["StreamAlerts", "ConsumeSubscription"];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    let descriptors = protox::compile(PROTOS, ["proto"])?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    std::fs::write(
        out.join("falcogateway.bin"),
        prost::Message::encode_to_vec(&descriptors),
    )?;
    let mut config = Config::new();
    // The alert in a record is kept as the bytes it was encoded to once: see
    // `pb::AlertRecord`.
    config.extern_path(".falcogateway.v1.AlertRecord", "crate::pb::AlertRecord");
    config.btree_map(["."]);
    config.bytes([
        ".falcogateway.v1.Alert.raw",
        ".falcogateway.v1.PublishRequest",
        ".falcogateway.v1.PublishAlertsRequest",
        ".falcogateway.v1.DeadLetter",
    ]);
    tonic_prost_build::configure()
        .build_server(false)
        .compile_fds_with_config(descriptors.clone(), config)?;
    compile_servers(descriptors, out.join("server"))
}

/// The traits of the services, apart from the messages and without the methods
/// that are served apart.
fn compile_servers(mut descriptors: FileDescriptorSet, out: PathBuf) -> Result<(), Box<dyn Error>> {
    for service in descriptors
        .file
        .iter_mut()
        .flat_map(|file| &mut file.service)
    {
        service
            .method
            .retain(|method| !SERVED_APART.contains(&method.name()));
    }
    std::fs::create_dir_all(&out)?;
    let mut config = Config::new();
    config.extern_path(".falcogateway.v1", "crate::pb");
    config.extern_path(".falco", "crate::pb::falco");
    tonic_prost_build::configure()
        .build_client(false)
        .out_dir(out)
        .compile_fds_with_config(descriptors, config)?;
    Ok(())
}
