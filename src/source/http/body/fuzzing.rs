use std::{convert::Infallible, io::Write};

use futures_util::stream;
use http_body_util::{Full, StreamBody};
use hyper::{body::Frame, header::HeaderValue};
use tokio::runtime::{self, Runtime};

use super::*;
use crate::fuzzing::Input;

const MAX: usize = 16 << 10;

/// A body, in an encoding: it is the same however it is cut, and never above the limit.
pub fn http_body(input: &[u8]) {
    thread_local!(static RUNTIME: Runtime = runtime());
    let mut input = Input::new(input);
    let (kind, pieces) = (input.byte(), usize::from(input.byte()) + 1);
    let headers = headers(kind);
    let (sent, plain) = match kind % 6 {
        4 => (gzip(input.rest()), Some(input.rest())),
        5 => (
            zstd::encode_all(input.rest(), 1).unwrap_or_default(),
            Some(input.rest()),
        ),
        _ => (input.rest().to_vec(), None),
    };
    let (whole, cut) = RUNTIME.with(|runtime| {
        let cut: Vec<_> = sent.chunks(pieces).map(Bytes::copy_from_slice).collect();
        let cut = cut
            .into_iter()
            .map(|piece| Ok::<_, Infallible>(Frame::data(piece)));
        let mut cut = StreamBody::new(stream::iter(cut));
        let mut whole = Full::new(Bytes::from(sent.clone()));
        let bodies = bodies();
        (
            runtime
                .block_on(bodies.read(&headers, &mut whole))
                .map(|whole| whole.bytes),
            runtime
                .block_on(bodies.read(&headers, &mut cut))
                .map(|whole| whole.bytes),
        )
    });
    assert_eq!(whole, cut);
    assert!(whole.as_ref().map_or(0, Bytes::len) <= MAX);
    if let Some(plain) = plain.filter(|plain| plain.len() <= MAX && sent.len() <= MAX) {
        assert_eq!(whole.as_deref(), Ok(plain));
    }
}

fn runtime() -> Runtime {
    let runtime = runtime::Builder::new_current_thread().enable_time().build();
    runtime.unwrap_or_else(|error| panic!("{error}"))
}

fn bodies() -> Bodies {
    Bodies::new(&Config {
        max_body: Size(MAX as u64),
        ..Config::default()
    })
}

fn headers(kind: u8) -> HeaderMap {
    let encoding = match kind % 6 {
        0 => "identity",
        1 | 4 => "gzip",
        2 | 5 => "zstd",
        _ => "gzip, zstd",
    };
    HeaderMap::from_iter([(header::CONTENT_ENCODING, HeaderValue::from_static(encoding))])
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    // Into memory, which takes all.
    let _ = encoder.write_all(plain);
    encoder.finish().unwrap_or_default()
}
