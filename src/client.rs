//! A subscriber's side of a gateway: an [`AlertStream`] that resumes by itself.
//!
//! ```no_run
//! use falco_gateway::{client::{AlertStream, Event}, pb::StreamAlertsRequest};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let channel = tonic::transport::Channel::from_static("http://127.0.0.1:5060").connect_lazy();
//! let request = StreamAlertsRequest { filter: "priority >= error".into(), ..Default::default() };
//! let mut stream = AlertStream::new(channel, request);
//! while let Some(event) = stream.next().await {
//!     match event? {
//!         Event::Alert { alert, cursor } => println!("{} {cursor}", alert.rule),
//!         Event::Loss { notice, .. } => eprintln!("{} alerts lost", notice.lost),
//!         _ => {}
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Clients for other languages are in `clients/`; what they all promise is in the
//! README there.

mod error;
mod event;
mod stream;

pub use self::{error::Error, event::Event, stream::AlertStream};
