import { clone, create, toBinary, type MessageInitShape } from "@bufbuild/protobuf";
import { durationMs, type Duration } from "@bufbuild/protobuf/wkt";
import { ConnectError, createClient, type Client, type Transport } from "@connectrpc/connect";
import { GatewayError } from "./error.js";
import type { StreamEvent } from "./event.js";
import { AlertSchema } from "./gen/falcogateway/v1/alert_pb.js";
import {
  AlertService,
  OnExpiredCursor,
  StreamAlertsRequestSchema,
  type StreamAlertsRequest,
} from "./gen/falcogateway/v1/alert_service_pb.js";
import { ClosingReason, type AlertBatch, type Closing, type StreamFrame } from "./gen/falcogateway/v1/stream_pb.js";
import { Watchdog } from "./watchdog.js";

// Missing this many heartbeats, a stream is dead though nobody said so.
const MISSED_HEARTBEATS = 3;

// For the first frame, which comes at once; in milliseconds.
const OPEN_PATIENCE = 30_000;

// The first and the longest wait before trying again, in seconds.
const FIRST_WAIT = 0.5;
const LONGEST_WAIT = 30;

/** The fields of a `StreamAlertsRequest`: `filter`, `start`, `stopAtHead` and so on. */
export type StreamRequest = MessageInitShape<typeof StreamAlertsRequestSchema>;

export interface StreamOptions {
  /** Sent with each call. */
  readonly headers?: HeadersInit;
}

/** Why a call broke, and after how many seconds the gateway asks to be called again. */
interface Break {
  readonly why: string;
  readonly asked?: number | undefined;
}

/** The alerts of a gateway, and what else its stream says. */
export function stream(transport: Transport, request: StreamRequest = {}, options: StreamOptions = {}): AlertStream {
  return new AlertStream(transport, request, options);
}

/**
 * Events of a stream that is opened again, where it was, whenever it breaks.
 *
 * Iterating throws {@link GatewayError} for what trying again cannot mend. Somebody who was away
 * for longer than the gateway keeps alerts goes on with the oldest there is, after a loss.
 */
export class AlertStream implements AsyncIterable<StreamEvent> {
  readonly #client: Client<typeof AlertService>;
  readonly #request: StreamAlertsRequest;
  readonly #options: StreamOptions;
  readonly #closed = new AbortController();
  #cursor: string;
  #wasOpen = false;
  #wait = FIRST_WAIT;
  #call: AbortController | undefined;

  constructor(transport: Transport, request: StreamRequest = {}, options: StreamOptions = {}) {
    this.#client = createClient(AlertService, transport);
    this.#request = create(StreamAlertsRequestSchema, request);
    this.#options = options;
    this.#cursor = this.#request.start.case === "afterCursor" ? this.#request.start.value : "";
    // What cannot be encoded throws here: in a call it would look like one that broke, and be
    // tried for ever.
    toBinary(StreamAlertsRequestSchema, this.#request);
  }

  /**
   * The position after all that was handed out: keep it, and pass it as `afterCursor` to go on
   * there in another process.
   */
  get cursor(): string {
    return this.#cursor;
  }

  /** Ends the stream, from anywhere. */
  close(): void {
    this.#closed.abort();
    this.#call?.abort();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<StreamEvent, void, undefined> {
    while (!this.#isClosed) {
      const broken = yield* this.#once();
      if (broken === undefined || this.#isClosed) return;
      // Never sooner than it asks for, and not all clients at once.
      const delay = Math.max(broken.asked ?? 0, this.#wait) * (1 + Math.random() / 2);
      this.#wait = Math.min(this.#wait * 2, LONGEST_WAIT);
      yield { kind: "reconnecting", cursor: this.#cursor, why: broken.why, delay };
      await sleep(delay, this.#closed.signal);
    }
  }

  get #isClosed(): boolean {
    return this.#closed.signal.aborted;
  }

  /** The events of one call; returns why it broke, or nothing at the end of the stream. */
  async *#once(): AsyncGenerator<StreamEvent, Break | undefined, undefined> {
    const call = (this.#call = new AbortController());
    const watchdog = new Watchdog(OPEN_PATIENCE, () => call.abort());
    try {
      return yield* this.#events(call.signal, watchdog);
    } catch (broken) {
      if (this.#isClosed) return undefined;
      if (watchdog.hasBarked) return { why: "the gateway fell silent" };
      if (!(broken instanceof ConnectError)) throw broken;
      const error = GatewayError.of(broken);
      if (error.isFinal) throw error;
      return { why: error.message, asked: error.retryDelay };
    } finally {
      call.abort();
    }
  }

  async *#events(signal: AbortSignal, watchdog: Watchdog): AsyncGenerator<StreamEvent, Break | undefined, undefined> {
    let closing: Closing | undefined;
    const call = this.#client.streamAlerts(this.#nextRequest(), { ...this.#options, signal });
    const frames = call[Symbol.asyncIterator]();
    while (true) {
      const { done, value: frame } = await watchdog.watch(frames.next());
      if (done) return this.#end(closing);
      const { kind } = frame;
      if (kind.case === "opened") {
        this.#wasOpen = true;
        this.#wait = FIRST_WAIT;
        watchdog.patience = MISSED_HEARTBEATS * milliseconds(kind.value.heartbeatInterval) || OPEN_PATIENCE;
      } else if (kind.case === "alerts") {
        yield* this.#alerts(kind.value);
      } else if (kind.case === "closing") {
        closing = kind.value;
      }
      if (this.#isClosed) return undefined;
      this.#cursor = frame.cursor;
      const event = eventOf(frame);
      if (event) yield event;
    }
  }

  *#alerts(batch: AlertBatch): Generator<StreamEvent, void, undefined> {
    for (const { cursor, alert } of batch.records) {
      if (this.#isClosed) return;
      this.#cursor = cursor;
      yield { kind: "alert", cursor, alert: alert ?? create(AlertSchema) };
    }
  }

  #end(closing: Closing | undefined): Break | undefined {
    if (!closing) return this.#request.stopAtHead ? undefined : { why: "the stream ended" };
    if (closing.reason === ClosingReason.REACHED_HEAD) return undefined;
    return { why: "the gateway closed the stream", asked: milliseconds(closing.resumeDelay) / 1000 };
  }

  #nextRequest(): StreamAlertsRequest {
    if (!this.#wasOpen) return this.#request;
    const request = clone(StreamAlertsRequestSchema, this.#request);
    request.start = { case: "afterCursor", value: this.#cursor };
    if (request.onExpiredCursor !== OnExpiredCursor.LATEST) request.onExpiredCursor = OnExpiredCursor.EARLIEST;
    return request;
  }
}

/** The event of a frame that has one of its own; kinds of later versions have none. */
function eventOf({ cursor, kind }: StreamFrame): StreamEvent | undefined {
  switch (kind.case) {
    case "opened":
      return { kind: "opened", cursor, grant: kind.value };
    case "loss":
      return { kind: "loss", cursor, notice: kind.value };
    case "stateChange":
      return { kind: "state", cursor, state: kind.value.state };
    case "source":
      return { kind: "source", cursor, notice: kind.value };
    default:
      return undefined;
  }
}

function milliseconds(duration: Duration | undefined): number {
  return duration ? durationMs(duration) : 0;
}

/** Waits, but no longer than until `signal`. */
function sleep(seconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const wake = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", wake);
      resolve();
    };
    const timer = setTimeout(wake, seconds * 1000);
    signal.addEventListener("abort", wake);
    if (signal.aborted) wake();
  });
}
