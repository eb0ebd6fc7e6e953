//! The limit: a server that writes each burst to each connection with one call.

use std::sync::Arc;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    sync::watch,
};

use crate::{
    case::Case,
    load::{Measured, Received, drain, payload, run},
    process::{Server, connect, free_port},
    tls,
};

/// Connections say for how many streams they stand, and of how many alerts they want
/// one. The one that says 0 publishes, a number of alerts at a time.
pub(crate) fn serve() {
    let port: u16 = std::env::args().nth(2).unwrap().parse().unwrap();
    let acceptor = tls::told().map(|folder| tls::acceptor(&folder));
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        let (publish, published) = watch::channel(0_u64);
        let publish = Arc::new(publish);
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            let acceptor = acceptor.clone();
            let (publish, mut published) = (Arc::clone(&publish), published.clone());
            tokio::spawn(async move {
                let mut stream: Box<dyn tls::Stream> = match acceptor {
                    Some(acceptor) => Box::new(acceptor.accept(stream).await.unwrap()),
                    None => Box::new(stream),
                };
                let streams = u64::from(stream.read_u32().await.unwrap());
                if streams == 0 {
                    while let Ok(count) = stream.read_u32().await {
                        publish.send_modify(|sent| *sent += u64::from(count));
                    }
                    return;
                }
                let one_in = u64::from(stream.read_u32().await.unwrap());
                stream.write_u8(1).await.unwrap();
                stream.flush().await.unwrap();
                let mut sent = 0;
                while published.changed().await.is_ok() {
                    let all = *published.borrow_and_update();
                    let copies = usize::try_from((all - sent) / one_in * streams).unwrap();
                    sent = all;
                    let written = stream.write_all(&payload().repeat(copies)).await;
                    if written.is_err() || stream.flush().await.is_err() {
                        return;
                    }
                }
            });
        }
    });
}

pub(crate) async fn measure(case: &Case) -> Measured {
    let port = free_port();
    let server = Server::own_with("serve-raw", port, &tls::argument(case));
    let received = Arc::<Received>::default();
    for _ in 0..case.connections {
        let mut stream = tls::client(case, connect(port).await).await;
        let streams = u32::try_from(case.subscribers / case.connections).unwrap();
        stream.write_u32(streams).await.unwrap();
        let one_in = u32::try_from(case.burst / case.matching()).unwrap();
        stream.write_u32(one_in).await.unwrap();
        stream.read_u8().await.unwrap();
        drain(stream, Arc::clone(&received));
    }
    let mut publisher = tls::client(case, connect(port).await).await;
    publisher.write_u32(0).await.unwrap();
    let count = u32::try_from(case.burst).unwrap();
    let bytes = (payload().len() * case.deliveries()) as u64;
    let publish = async || publisher.write_u32(count).await.unwrap();
    run(case, &server, &received, bytes, publish).await
}
