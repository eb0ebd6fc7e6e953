from __future__ import annotations

import os
from pathlib import Path

import grpc

# gRPC's own wait before it connects again grows to two minutes, which would be added to
# ours. And a call after one that fell silent goes over the same connection, which may be as
# dead: pings find that out.
OPTIONS = [
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.max_pings_without_data", 0),
    # Without it gRPC waits for a minute, whatever keepalive_timeout_ms says.
    ("grpc.http2.ping_timeout_ms", 10_000),
    ("grpc.max_receive_message_length", 64 << 20),
    ("grpc.initial_reconnect_backoff_ms", 250),
    ("grpc.min_reconnect_backoff_ms", 250),
    ("grpc.max_reconnect_backoff_ms", 5000),
]


File = str | os.PathLike[str]


def connect(
    address: str,
    ca: File | None = None,
    certificate: File | None = None,
    key: File | None = None,
) -> grpc.Channel:
    """A channel to the gateway at ``host:port`` or ``unix:///path``.

    With ``ca``, a PEM file of the authority that signed the gateway's certificate, it speaks
    TLS; ``certificate`` and ``key``, PEM files too, are for a gateway that asks for them.
    Nothing is connected before the first call.
    """
    if ca is None:
        if certificate or key:
            raise ValueError("certificate and key need ca: without it there is no TLS")
        return grpc.insecure_channel(address, OPTIONS)
    credentials = grpc.ssl_channel_credentials(
        *(Path(file).read_bytes() if file else None for file in (ca, key, certificate))
    )
    return grpc.secure_channel(address, credentials, OPTIONS)
