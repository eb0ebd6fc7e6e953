//! What the tests share.

pub(crate) mod captures;
pub(crate) mod certs;
pub(crate) mod cli;
pub(crate) mod consumer;
pub(crate) mod credentials;
pub(crate) mod fake_falco;
pub(crate) mod frames;
pub(crate) mod gateway;
pub(crate) mod http;
pub(crate) mod intake;
pub(crate) mod process;
pub(crate) mod receiver;
pub(crate) mod small_disk;
pub(crate) mod subscription;
pub(crate) mod unix;
pub(crate) mod writer;

use std::time::Duration;

/// How long anything may take before the test has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Waits for what must come.
pub(crate) async fn soon<T>(what: &str, work: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, work).await {
        Ok(done) => done,
        Err(_) => panic!("waited in vain for {what}"),
    }
}

/// Waits for what must come, where the test's own lines say what that is.
pub(crate) async fn in_time<T>(work: impl Future<Output = T>) -> T {
    soon("this", work).await
}
