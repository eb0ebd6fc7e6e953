//! The integration tests: one binary, a module a theme.

#[cfg(test)]
mod file_input;
#[cfg(test)]
mod http_input;
#[cfg(test)]
mod support;
