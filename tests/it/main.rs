//! The integration tests: one binary, a module a theme.

// Clippy lets tests unwrap where it is told that they are tests.
#[cfg(test)]
mod access;
#[cfg(test)]
mod bridge;
#[cfg(test)]
mod command;
#[cfg(test)]
mod configuration;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod damage;
#[cfg(test)]
mod disk;
#[cfg(test)]
mod falco_grpc;
#[cfg(test)]
mod file_input;
#[cfg(test)]
mod floods;
#[cfg(test)]
mod formats;
#[cfg(test)]
mod gateway;
#[cfg(test)]
mod guarantees;
#[cfg(test)]
mod http_input;
#[cfg(test)]
mod layering;
#[cfg(test)]
mod normalize;
#[cfg(test)]
mod parts;
#[cfg(test)]
mod reports;
#[cfg(test)]
mod soak;
#[cfg(test)]
mod support;
#[cfg(test)]
mod tls;
#[cfg(test)]
mod traces;
