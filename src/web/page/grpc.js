// Calls of the gateway by gRPC-Web, over fetch.

import { Codec } from "./protobuf.js";

const CODES = [
  "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
  "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED",
  "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
];

// google.rpc, which is not among the gateway's own protos.
const DETAILS = new Codec({
  enums: {},
  messages: {
    Status: [[1, "code", "int32"], [2, "message", "string"], [3, "details", "message", "Any", true]],
    Any: [[1, "type_url", "string"], [2, "value", "bytes"]],
    ErrorInfo: [[1, "reason", "string"], [2, "domain", "string"], [3, "metadata", "map", "Entry", true]],
    Entry: [[1, "key", "string"], [2, "value", "string"]],
    RetryInfo: [[1, "retry_delay", "message", "Duration"]],
    Duration: [[1, "seconds", "int64"], [2, "nanos", "int32"]],
  },
});

/** Why a call came to nothing. `reason` is the gateway's own word, of docs/errors.md. */
export class CallError extends Error {
  constructor(code, message, { reason = "", metadata = {}, retryAfter } = {}) {
    super(message);
    Object.assign(this, { code, reason, metadata, retryAfter });
  }

  get needsToken() { return this.code === "UNAUTHENTICATED" || this.code === "PERMISSION_DENIED"; }
}

export class Client {
  #codec;
  #methods;
  #headers;

  /** `headers` gives those of each call, such as who calls. */
  constructor(schema, headers) {
    this.#codec = new Codec(schema);
    this.#methods = schema.methods;
    this.#headers = headers;
  }

  get codec() { return this.#codec; }

  /** Whether the gateway's API has the method, such as `AlertService/GetAlert`. */
  has(method) { return path(method) in this.#methods; }

  async call(method, request = {}, signal) {
    for await (const answer of this.stream(method, request, signal)) return answer;
    throw new CallError("INTERNAL", "the gateway gave no answer");
  }

  async *stream(method, request, signal) {
    const [input, output] = this.#methods[path(method)];
    const response = await this.#post(path(method), this.#codec.encode(input, request), signal);
    failed(Object.fromEntries(response.headers));
    const frames = new Frames(response.body.getReader());
    for (let frame; (frame = await frames.next()); ) {
      if (!frame.isTrailers) yield this.#codec.decode(output, frame.data);
      else return failed(trailers(frame.data));
    }
    throw new CallError("UNAVAILABLE", "the connection broke");
  }

  async #post(path, message, signal) {
    const body = new Uint8Array(5 + message.length);
    new DataView(body.buffer).setUint32(1, message.length);
    body.set(message, 5);
    const headers = { "content-type": "application/grpc-web+proto", "x-grpc-web": "1", ...this.#headers() };
    let response;
    try {
      // Below the page's own folder, so a proxy may put it anywhere.
      response = await fetch(`.${path}`, { method: "POST", headers, body, signal, cache: "no-store", redirect: "error" });
    } catch (error) {
      if (signal?.aborted) throw error;
      throw new CallError("UNAVAILABLE", "the gateway cannot be reached");
    }
    if (response.ok) return response;
    const told = (await response.text()).trim().slice(0, 500);
    throw new CallError(response.status === 403 ? "REFUSED" : "UNAVAILABLE", told || `HTTP ${response.status}`);
  }
}

function path(method) { return `/falcogateway.v1.${method}`; }

// The frames of an answer, however they come in pieces.
class Frames {
  #reader;
  #rest = new Uint8Array();

  constructor(reader) { this.#reader = reader; }

  async next() {
    if (!(await this.#have(5))) return undefined;
    const length = new DataView(this.#rest.buffer, this.#rest.byteOffset).getUint32(1);
    if (!(await this.#have(5 + length))) return undefined;
    const frame = { isTrailers: (this.#rest[0] & 0x80) !== 0, data: this.#rest.subarray(5, 5 + length) };
    this.#rest = this.#rest.subarray(5 + length);
    return frame;
  }

  async #have(length) {
    while (this.#rest.length < length) {
      let read;
      try {
        read = await this.#reader.read();
      } catch (error) {
        if (error.name === "AbortError") throw error;
        throw new CallError("UNAVAILABLE", "the connection broke");
      }
      if (read.done) return false;
      const joined = new Uint8Array(this.#rest.length + read.value.length);
      joined.set(this.#rest);
      joined.set(read.value, this.#rest.length);
      this.#rest = joined;
    }
    return true;
  }
}

function trailers(data) {
  const lines = new TextDecoder().decode(data).split("\r\n");
  const pairs = lines.map((line) => [line.split(":", 1)[0].toLowerCase(), line.slice(line.indexOf(":") + 1).trim()]);
  return Object.fromEntries(pairs);
}

// Throws what the headers or trailers tell, unless that is OK.
function failed(told) {
  const number = Number(told["grpc-status"] ?? 0);
  if (number === 0) return;
  let message = told["grpc-message"] ?? "";
  try { message = decodeURIComponent(message); } catch { /* It stays as it came. */ }
  throw new CallError(CODES[number] ?? "UNKNOWN", message, details(told["grpc-status-details-bin"]));
}

function details(base64) {
  if (!base64) return {};
  const binary = atob(base64);
  const status = DETAILS.decode("Status", Uint8Array.from(binary, (letter) => letter.charCodeAt(0)));
  const found = {};
  for (const { type_url: url, value } of status.details ?? []) {
    const type = url.split(".").pop();
    if (type === "ErrorInfo") Object.assign(found, DETAILS.decode(type, value));
    if (type === "RetryInfo") found.retryAfter = DETAILS.decode(type, value).retry_delay?.seconds;
  }
  return found;
}
