//! Who may see and do what: every way in, every method, and every way around.

mod changes;
mod identities;
mod leaks;
mod listeners;
mod quotas;
mod rights;
