//! What the tests stand on. Nothing here sleeps to wait for something: waiting
//! is for a condition, with a limit.

pub(crate) mod captures;
pub(crate) mod certs;
pub(crate) mod fake_falco;
pub(crate) mod subscription;
pub(crate) mod writer;

use std::{future::Future, time::Duration};

/// Far more than anything here takes, also on a busy machine.
const LIMIT: Duration = Duration::from_secs(30);

/// Waits for what must happen soon.
pub(crate) async fn soon<T>(what: &str, work: impl Future<Output = T>) -> T {
    match tokio::time::timeout(LIMIT, work).await {
        Ok(done) => done,
        Err(_) => panic!("waited in vain for {what}"),
    }
}
