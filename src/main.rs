//! The `falco-gateway` binary.
fn main() {}
