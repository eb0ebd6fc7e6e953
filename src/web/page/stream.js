// The live stream: it resumes by itself, pauses, and says where it is.

import { CallError } from "./grpc.js";
import { closing, loss, milliseconds, row, source } from "./words.js";

/** With how many of the newest alerts that match the page begins, unless somebody wants more. */
const HISTORY = 5_000;

const SPANS = { "1h": 3600, "24h": 86_400, "7d": 604_800 };

/** While paused, so many wait here; then the stream is closed and waits in the log. */
const WAITING = 5_000;

/** After so long the browser has its turn: it draws, and answers keys. */
const TURN = 8;

const HEARTBEAT = 10;
const LONGEST_WAIT = 15;

export class Live {
  #client;
  #on;
  #filter = "";
  #view;
  #from = "";
  #cursor = "";
  #abort = new AbortController();
  #isPaused = false;
  #waiting = [];
  #isParked = false;

  /** `on` has what is told: `entries`, `state`, `opened`, `fresh`. */
  constructor(client, on) {
    this.#client = client;
    this.#on = on;
  }

  get isPaused() { return this.#isPaused; }
  get filter() { return this.#filter; }
  get from() { return this.#from; }

  /** Begins anew, with recent history: of `1h`, `24h` or `7d`, `all`, or the newest. */
  start(filter, view, from) {
    this.#filter = filter;
    this.#from = from;
    this.#view = view;
    this.#cursor = "";
    this.#waiting = [];
    this.#isPaused = this.#isParked = false;
    this.#on.fresh();
    this.#run();
  }

  /** Goes on where it was: with another token, say. */
  again() { this.#run(); }

  stop() { this.#abort.abort(); }

  pause() {
    this.#isPaused = true;
    this.#tell();
  }

  resume() {
    this.#isPaused = false;
    const waiting = this.#waiting;
    this.#waiting = [];
    if (waiting.length) this.#on.entries(waiting);
    if (this.#isParked) this.#run();
    else this.#tell();
  }

  #state = { name: "connecting" };

  #tell(state = this.#state) {
    this.#state = state;
    const waiting = this.#isParked ? `${this.#waiting.length}+` : String(this.#waiting.length);
    this.#on.state(this.#isPaused ? { name: "paused", waiting, under: state } : state);
  }

  // One run at a time: the one before is told to end.
  async #run() {
    this.#abort.abort();
    const abort = (this.#abort = new AbortController());
    this.#isParked = false;
    for (let failures = 0; !abort.signal.aborted; failures++) {
      let wait;
      try {
        this.#tell({ name: "connecting" });
        wait = await this.#follow(abort, () => { failures = 0; });
      } catch (error) {
        if (abort.signal.aborted) return;
        if (!this.#canGoOn(error)) return this.#tell({ name: "refused", error });
        wait = error.retryAfter;
      }
      if (abort.signal.aborted) return;
      await this.#rest(abort.signal, wait ?? Math.min(LONGEST_WAIT, 0.5 * 2 ** failures * (1 + Math.random())));
    }
  }

  #canGoOn(error) {
    if (!(error instanceof CallError)) {
      console.error(error);
      return false;
    }
    if (error.reason === "CURSOR_FOREIGN_LOG") {
      this.#cursor = "";
      this.#put([note("The gateway's log was begun anew. What follows is of the new one.", "warn")]);
      return true;
    }
    return ["UNAVAILABLE", "RESOURCE_EXHAUSTED", "ABORTED", "DEADLINE_EXCEEDED", "CANCELLED"].includes(error.code);
  }

  async #rest(signal, seconds) {
    const end = performance.now() + seconds * 1000;
    for (let left; !signal.aborted && (left = end - performance.now()) > 0; ) {
      this.#tell({ name: "reconnecting", seconds: Math.ceil(left / 1000) });
      await new Promise((done) => setTimeout(done, Math.min(left, 500)));
    }
  }

  #request() {
    const start = this.#cursor
      ? { after_cursor: this.#cursor, on_expired_cursor: "ON_EXPIRED_CURSOR_EARLIEST" }
      : startOf(this.#from);
    const heartbeat_interval = { seconds: HEARTBEAT };
    return { filter: this.#filter, view: this.#view, heartbeat_interval, client_label: "page", ...start };
  }

  // Until the stream ends; gives the seconds to wait before it is opened again.
  async #follow(abort, began) {
    const ours = new AbortController();
    const end = () => ours.abort();
    abort.signal.addEventListener("abort", end);
    let silence, turn = performance.now();
    try {
      const heard = () => {
        clearTimeout(silence);
        silence = setTimeout(end, 3.5 * HEARTBEAT * 1000);
      };
      heard();
      for await (const frame of this.#client.stream("AlertService/StreamAlerts", this.#request(), ours.signal)) {
        if (abort.signal.aborted) return undefined;
        began();
        heard();
        this.#take(frame);
        if (frame.closing) return milliseconds(frame.closing.resume_delay) / 1000 || undefined;
        if (this.#isPaused && this.#waiting.length >= WAITING) return this.#park(abort);
        if (performance.now() - turn > TURN) {
          await breath();
          turn = performance.now();
        }
      }
      return undefined;
    } catch (error) {
      if (ours.signal.aborted) throw new CallError("UNAVAILABLE", "the gateway fell silent");
      throw error;
    } finally {
      clearTimeout(silence);
      abort.signal.removeEventListener("abort", end);
      ours.abort();
    }
  }

  #park(abort) {
    this.#isParked = true;
    abort.abort();
    this.#tell();
  }

  #take(frame) {
    if (frame.alerts) this.#put((frame.alerts.records ?? []).map(row));
    else if (frame.loss) this.#put([note(loss(frame.loss), "loss")]);
    else if (frame.source) this.#put([note(source(frame.source), tone(frame.source), milliseconds(frame.source.time))]);
    else if (frame.closing) this.#put([note(closing(frame.closing), "info")]);
    else if (frame.opened) this.#on.opened(frame.opened);
    else if (frame.heartbeat) this.#tell({ ...this.#state, lag: Number(frame.heartbeat.lag ?? 0) });
    else if (frame.state_change) {
      this.#tell({ name: frame.state_change.state === "STREAM_STATE_LIVE" ? "live" : "catching up" });
    }
    this.#cursor = frame.cursor || this.#cursor;
  }

  #put(entries) {
    if (this.#state.name === "catching up") this.#tell({ ...this.#state, came: (this.#state.came ?? 0) + entries.length });
    if (!this.#isPaused) return this.#on.entries(entries);
    for (const entry of entries) this.#waiting.push(entry);
    this.#tell();
  }
}

function startOf(from) {
  if (from === "all") return { earliest: {} };
  if (Object.hasOwn(SPANS, from)) return { since: { seconds: Math.floor(Date.now() / 1000) - SPANS[from] } };
  return { last: HISTORY };
}

/** Something that stands between the alerts. */
export function note(text, tone, time = Date.now()) { return { kind: "note", text, tone, time }; }

function tone({ state, upstream_drops: drops }) {
  return drops || state === "SOURCE_STATE_DISCONNECTED" ? "warn" : "info";
}

const channel = new MessageChannel();
const breaths = [];
channel.port1.onmessage = () => breaths.shift()?.();

// Timers of a tab in the background are slowed down; messages are not.
function breath() {
  return new Promise((done) => {
    breaths.push(done);
    channel.port2.postMessage(0);
  });
}
