//! The subscription to a Falco's own gRPC outputs service, against a fake that
//! has the real one's habits.

mod delivery;
mod fake;
mod loss;
mod reconnect;
mod tls;
