/**
 * Connecting to a falco-gateway from Node.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import * as net from "node:net";
import * as tls from "node:tls";
import type { Transport } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { Sessions } from "./sessions.js";

// A call after one that fell silent goes over the same connection, which may be as dead: pings find
// that out. They are sent only when nothing else came for so long.
const PINGS = { pingIntervalMs: 5_000, pingTimeoutMs: 10_000 };

/** PEM files. */
export interface TlsFiles {
  /** Of the authority that signed the gateway's certificate. Without it there is no TLS. */
  readonly ca?: string;
  /** For a gateway that asks for a certificate. */
  readonly certificate?: string;
  /** Of the certificate. */
  readonly key?: string;
}

/**
 * A transport to the gateway at `host:port` or `unix:///path`. Nothing is connected before the
 * first call. Throws when the address cannot be meant, or a file cannot be read.
 */
export function connect(address: string, files: TlsFiles = {}): Transport {
  const secrets = read(files);
  const scheme = secrets ? "https" : "http";
  const path = /^unix:(?:\/\/)?(.+)$/.exec(address)?.[1];
  if (path) {
    const createConnection = () => socket(path, secrets);
    return transport(`${scheme}://localhost`, { createConnection });
  }
  if (!/^(\[[\da-f:.]+\]|[^/:@[\]\s]+):\d+$/i.test(address)) {
    throw new TypeError(`the address of a gateway is host:port or unix:///path, not ${JSON.stringify(address)}`);
  }
  return transport(`${scheme}://${address}`, { ...secrets });
}

function transport(baseUrl: string, options: ConstructorParameters<typeof Sessions>[2]): Transport {
  return createGrpcTransport({ baseUrl, sessionManager: new Sessions(baseUrl, PINGS, options) });
}

type Secrets = Pick<tls.ConnectionOptions, "ca" | "cert" | "key">;

function read({ ca, certificate, key }: TlsFiles): Secrets | undefined {
  if (!ca) {
    if (certificate || key) throw new TypeError("certificate and key need ca: without it there is no TLS");
    return undefined;
  }
  if (!certificate !== !key) throw new TypeError("certificate and key need each other");
  const secrets: Secrets = { ca: readFileSync(ca) };
  if (certificate && key) Object.assign(secrets, { cert: readFileSync(certificate), key: readFileSync(key) });
  return secrets;
}

function socket(path: string, secrets: Secrets | undefined): net.Socket {
  if (!secrets) return net.connect(path);
  return tls.connect({ ...secrets, path, servername: "localhost", ALPNProtocols: ["h2"] });
}
