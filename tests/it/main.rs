//! The integration tests: one binary, a module a theme.

// Clippy lets tests unwrap where it is told that they are tests.
#[cfg(test)]
mod normalize;
