//! Every alert that we have, in every format: as the format's schema or grammar
//! says, and never more than one record.

mod alerts;
mod cef;
mod ecs;
mod hostile;
mod json;
mod ocsf;
mod otlp;
mod page;
mod snapshots;
mod syslog;
