//! The integration tests: one binary, a module a theme.

// The condition is always true here; it tells clippy that helpers are tests too.
#[cfg(test)]
mod falco_grpc;
#[cfg(test)]
mod support;
