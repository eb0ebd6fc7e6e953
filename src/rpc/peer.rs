//! Who calls.

use tonic::transport::server::{TcpConnectInfo, TlsConnectInfo, UdsConnectInfo};

/// The address of whoever made the request with these extensions.
pub(super) fn address(extensions: &http::Extensions) -> String {
    let over_tls = extensions
        .get()
        .map(TlsConnectInfo::<TcpConnectInfo>::get_ref);
    let address = extensions.get().or(over_tls);
    let address = address.and_then(TcpConnectInfo::remote_addr);
    match (address, extensions.get::<UdsConnectInfo>()) {
        (Some(address), _) => address.to_string(),
        (None, Some(_)) => "unix socket".to_owned(),
        // Nobody else has none.
        (None, None) => "this process".to_owned(),
    }
}
