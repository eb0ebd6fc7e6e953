import { clone, create, toBinary, type MessageInitShape } from "@bufbuild/protobuf";
import { ConnectError, createClient, type Client, type Transport } from "@connectrpc/connect";
import { seconds } from "./duration.js";
import { GatewayError } from "./error.js";
import type { ReconnectingEvent, StreamEvent } from "./event.js";
import { AlertSchema } from "./gen/falcogateway/v1/alert_pb.js";
import {
  AlertService,
  OnExpiredCursor,
  StreamAlertsRequestSchema,
  type StreamAlertsRequest,
} from "./gen/falcogateway/v1/alert_service_pb.js";
import { ClosingReason, type AlertBatch, type StreamFrame } from "./gen/falcogateway/v1/stream_pb.js";
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
  /** Ends the stream when it is aborted, as `close()` does. */
  readonly signal?: AbortSignal;
}

/** Why a call broke, and after how many seconds the gateway asks to be called again. */
interface Break {
  why: string;
  asked: number;
  error?: GatewayError;
}

/** The alerts of a gateway, and what else its stream says. */
export function stream(transport: Transport, request: StreamRequest = {}, options: StreamOptions = {}): AlertStream {
  return new AlertStream(transport, request, options);
}

/**
 * Events of a stream that is opened again, where it was, whenever it breaks.
 *
 * Iterating throws {@link GatewayError} for what trying again cannot mend; a stream that has ended
 * stays so. After a `break`, iterating again goes on where it was. One iteration at a time: to end
 * one from outside, which may be waiting, use {@link close} or a signal. Somebody who was away for
 * longer than the gateway keeps alerts goes on with the oldest there is, after a loss.
 */
export class AlertStream implements AsyncIterable<StreamEvent> {
  readonly #client: Client<typeof AlertService>;
  readonly #request: StreamAlertsRequest;
  readonly #options: StreamOptions;
  readonly #over = new AbortController();
  #cursor: string;
  #wasOpen = false;
  #wait = FIRST_WAIT;
  // When the next call may be opened, by the clock of `performance`.
  #due = 0;
  #isIterating = false;
  #call: AbortController | undefined;

  constructor(transport: Transport, request: StreamRequest = {}, options: StreamOptions = {}) {
    this.#client = createClient(AlertService, transport);
    this.#request = create(StreamAlertsRequestSchema, request);
    this.#options = options;
    this.#cursor = this.#request.start.case === "afterCursor" ? this.#request.start.value : "";
    // What cannot be encoded throws here: in a call it would look like one that broke, and be
    // tried for ever.
    toBinary(StreamAlertsRequestSchema, this.#request);
    options.signal?.addEventListener("abort", () => this.close(), { signal: this.#over.signal });
    if (options.signal?.aborted) this.close();
  }

  /**
   * The position after all that was handed out: keep it, and pass it as `afterCursor` to go on
   * there in another process.
   */
  get cursor(): string {
    return this.#cursor;
  }

  /** Ends the stream, from anywhere, and without an error. */
  close(): void {
    this.#over.abort();
    this.#call?.abort();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<StreamEvent, void, undefined> {
    if (this.#isIterating) throw new Error("somebody iterates over this stream already");
    this.#isIterating = true;
    try {
      while (await this.#isDue()) {
        const broken = yield* this.#once();
        if (!broken) this.close();
        else if (!this.#isOver) yield this.#reconnecting(broken);
      }
    } catch (error) {
      this.close();
      throw error;
    } finally {
      this.#isIterating = false;
    }
  }

  get #isOver(): boolean {
    return this.#over.signal.aborted;
  }

  /** Waits until the next call may be opened; false when the stream is over. */
  async #isDue(): Promise<boolean> {
    await sleep(this.#due - performance.now(), this.#over.signal);
    return !this.#isOver;
  }

  #reconnecting({ why, asked, error }: Break): ReconnectingEvent {
    // Never sooner than it asks for, and not all clients at once.
    const delay = Math.max(asked, this.#wait) * (1 + Math.random() / 2);
    this.#due = performance.now() + delay * 1000;
    this.#wait = Math.min(this.#wait * 2, LONGEST_WAIT);
    return { kind: "reconnecting", cursor: this.#cursor, why, delay, ...(error && { error }) };
  }

  /** The events of one call; returns why it broke, or nothing at the end of the stream. */
  async *#once(): AsyncGenerator<StreamEvent, Break | undefined, undefined> {
    const call = (this.#call = new AbortController());
    const watchdog = new Watchdog(OPEN_PATIENCE, () => call.abort());
    const closing: Break = { why: "the stream ended", asked: 0 };
    try {
      return yield* this.#events(call.signal, watchdog, closing);
    } catch (broken) {
      if (this.#isOver) return undefined;
      if (watchdog.hasBarked) return { ...closing, why: "the gateway fell silent" };
      if (!(broken instanceof ConnectError)) throw broken;
      const error = GatewayError.of(broken);
      if (error.isFinal) throw error;
      return { why: error.message, asked: Math.max(closing.asked, error.retryDelay ?? 0), error };
    } finally {
      call.abort();
    }
  }

  /** The events of one call; `closing` is told what the gateway says of the call's end. */
  async *#events(
    signal: AbortSignal,
    watchdog: Watchdog,
    closing: Break,
  ): AsyncGenerator<StreamEvent, Break | undefined, undefined> {
    const call = this.#client.streamAlerts(this.#nextRequest(), { ...this.#options, signal });
    const frames = call[Symbol.asyncIterator]();
    while (true) {
      const { done, value: frame } = await watchdog.watch(frames.next());
      if (done) return closing;
      const { kind } = frame;
      if (kind.case === "opened") {
        this.#wasOpen = true;
        this.#wait = FIRST_WAIT;
        watchdog.patience = MISSED_HEARTBEATS * seconds(kind.value.heartbeatInterval) * 1000 || OPEN_PATIENCE;
      } else if (kind.case === "alerts") {
        yield* this.#alerts(kind.value);
      } else if (kind.case === "closing") {
        closing.why = "the gateway closed the stream";
        closing.asked = seconds(kind.value.resumeDelay);
      }
      if (this.#isOver) return undefined;
      const event = eventOf(frame, this.#move(frame.cursor));
      if (event) yield event;
      if (kind.case === "closing" && kind.value.reason === ClosingReason.REACHED_HEAD) return undefined;
    }
  }

  *#alerts(batch: AlertBatch): Generator<StreamEvent, void, undefined> {
    for (const { cursor, alert } of batch.records) {
      if (this.#isOver) return;
      yield { kind: "alert", cursor: this.#move(cursor), alert: alert ?? create(AlertSchema) };
    }
  }

  /** The position after something that came with this cursor. */
  #move(cursor: string): string {
    this.#cursor = cursor || this.#cursor;
    return this.#cursor;
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
function eventOf({ kind }: StreamFrame, cursor: string): StreamEvent | undefined {
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

/** Waits for so many milliseconds, but no longer than until `signal`. */
function sleep(delay: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const wake = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", wake);
      resolve();
    };
    const timer = setTimeout(wake, delay);
    signal.addEventListener("abort", wake);
    if (signal.aborted) wake();
  });
}
