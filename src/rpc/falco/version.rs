use tonic::{Request, Response, Status};

use crate::pb::{falco::version, server::falco::version::service_server::Service};

/// The last Falco that had this API: clients compare it with what they need.
const MAJOR: u32 = 0;
const MINOR: u32 = 43;
const PATCH: u32 = 0;

/// `falco.version.service`.
pub(in crate::rpc) struct Versions;

#[tonic::async_trait]
impl Service for Versions {
    async fn version(
        &self,
        _: Request<version::Request>,
    ) -> Result<Response<version::Response>, Status> {
        let build = concat!("falco-gateway.", env!("CARGO_PKG_VERSION"));
        Ok(Response::new(version::Response {
            version: format!("{MAJOR}.{MINOR}.{PATCH}+{build}"),
            major: MAJOR,
            minor: MINOR,
            patch: PATCH,
            build: build.to_owned(),
            ..version::Response::default()
        }))
    }
}
