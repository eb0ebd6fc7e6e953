//! Who is at the other end of a connection.

use nix::unistd::{Uid, User};
use tokio::{
    io::DuplexStream,
    net::{TcpStream, UnixStream},
};
use tokio_rustls::server::TlsStream;

use super::authority::Mended;
use crate::access::Peer;

/// A connection that says who has come.
pub trait Arrival {
    /// Who.
    fn peer(&self) -> Peer;
}

impl Arrival for TcpStream {
    fn peer(&self) -> Peer {
        Peer::tcp(self.peer_addr().ok())
    }
}

impl Arrival for TlsStream<TcpStream> {
    fn peer(&self) -> Peer {
        let (stream, tls) = self.get_ref();
        let certificate = tls.peer_certificates().and_then(<[_]>::first);
        Peer::tls(stream.peer_addr().ok(), certificate.map(AsRef::as_ref))
    }
}

impl Arrival for UnixStream {
    fn peer(&self) -> Peer {
        let user = match self.peer_cred() {
            Ok(credentials) => name_of(credentials.uid()),
            // It has left already.
            Err(_) => String::new(),
        };
        Peer::unix(user)
    }
}

impl<S: Arrival> Arrival for Mended<S> {
    fn peer(&self) -> Peer {
        self.stream().peer()
    }
}

/// Of this process: nobody else has one.
impl Arrival for DuplexStream {
    fn peer(&self) -> Peer {
        Peer::gateway()
    }
}

/// The user's name on this machine; the number if there is none.
fn name_of(uid: u32) -> String {
    let user = User::from_uid(Uid::from_raw(uid));
    user.ok()
        .flatten()
        .map_or_else(|| uid.to_string(), |user| user.name)
}
