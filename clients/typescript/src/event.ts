import type { GatewayError } from "./error.js";
import type { Alert } from "./gen/falcogateway/v1/alert_pb.js";
import type { LossNotice, Opened, SourceNotice, StreamState } from "./gen/falcogateway/v1/stream_pb.js";

/** What a stream says, told apart by `kind`. Resuming after `cursor` neither repeats nor skips. */
export type StreamEvent = OpenedEvent | AlertEvent | LossEvent | StateEvent | SourceEvent | ReconnectingEvent;

/** A stream was opened, for the first time or anew; `grant` is what the gateway granted. */
export interface OpenedEvent {
  readonly kind: "opened";
  readonly cursor: string;
  readonly grant: Opened;
}

/** An alert that matches. */
export interface AlertEvent {
  readonly kind: "alert";
  readonly cursor: string;
  readonly alert: Alert;
}

/** Alerts that match and will not come, and why. */
export interface LossEvent {
  readonly kind: "loss";
  readonly cursor: string;
  readonly notice: LossNotice;
}

/** The stream catches up, or is live. */
export interface StateEvent {
  readonly kind: "state";
  readonly cursor: string;
  readonly state: StreamState;
}

/** A source of alerts came, went or reported losses of its own. */
export interface SourceEvent {
  readonly kind: "source";
  readonly cursor: string;
  readonly notice: SourceNotice;
}

/** The stream broke, by an error or without one, and is opened anew after `delay` seconds. */
export interface ReconnectingEvent {
  readonly kind: "reconnecting";
  readonly cursor: string;
  readonly why: string;
  readonly delay: number;
  readonly error?: GatewayError;
}
