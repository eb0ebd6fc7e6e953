// Beside the alerts: what is frequent among them, and how the gateway is.

import { byId, el } from "./dom.js";
import { count, milliseconds, quoted, size, span, word } from "./words.js";

const REFRESH = 5_000;
const MOST = 6;
const TOPS = [["rule", "rule", "Top rules"], ["host", "hostname", "Top hosts"], ["namespace", "k8s.ns.name", "Top namespaces"]];

export class Overview {
  #client;
  #store;
  #onNarrow;
  // At first all: nothing is asked before the stream was let in.
  #denied;
  #panels = [
    ["Log", "GatewayService/GetGatewayInfo", log],
    ["Sources", "GatewayService/ListSources", sources],
    ["Streams", "GatewayService/ListStreams", streams],
    ["Durable subscriptions", "SubscriptionService/ListSubscriptions", subscriptions],
    ["Bridges", "GatewayService/ListBridges", bridges],
  ];

  constructor(client, store, onNarrow) {
    this.#client = client;
    this.#store = store;
    this.#onNarrow = onNarrow;
    this.#denied = new Set(this.#panels.map(([, method]) => method));
    byId("panels").replaceChildren(...this.#panels.map(([title]) => panel(title)));
    setInterval(() => this.refresh(), REFRESH);
    document.addEventListener("visibilitychange", () => this.refresh());
  }

  /** Somebody else looks now: what was denied may be granted. */
  again() {
    this.#denied.clear();
    this.refresh();
  }

  async refresh() {
    const isHidden = document.hidden || !byId("side").checkVisibility();
    for (const [at, [title, method, lines]] of isHidden ? [] : this.#panels.entries()) {
      if (this.#denied.has(method)) continue;
      try {
        const items = lines(await this.#client.call(method));
        show(at, title, items);
      } catch (error) {
        // To ask again would only fill the gateway's log of denials.
        if (error.needsToken) this.#denied.add(method);
        show(at, title, [item("", error.needsToken ? "Not shown to you by your grant." : error.message, "quiet")]);
      }
    }
  }

  /** Counts anew what the page holds. */
  drawTops() {
    const lists = TOPS.map(([name, field, title]) => this.#top(title, field, this.#store.top(name, MOST)));
    byId("tops").replaceChildren(...lists.filter(Boolean));
  }

  #top(title, field, values) {
    if (!values.length) return undefined;
    const most = values[0][1];
    const items = values.map(([value, number]) => {
      const bar = el("span", { class: "share" });
      bar.style.width = `${(100 * number) / most}%`;
      const term = `${field} = ${quoted(value)}`;
      const button = el("button", { type: "button", title: term, onclick: () => this.#onNarrow(term) },
        bar, el("span", { class: "name" }, value), el("span", { class: "number" }, count(number)));
      return el("li", {}, button);
    });
    return el("section", {}, el("h2", {}, title), el("ul", { class: "top" }, ...items));
  }
}

function panel(title) { return el("section", {}, el("h2", {}, title), el("ul", { class: "status" })); }

function show(at, title, items) {
  const section = byId("panels").children[at];
  section.querySelector("h2").textContent = title;
  section.querySelector("ul").replaceChildren(...(items.length ? items : [item("", "None.", "quiet")]));
}

// A line with a mark, a name, what it does in words, and what is said below.
function item(name, told, tone = "good", below = "", title = "") {
  return el("li", { class: tone, title }, name ? el("b", {}, name) : undefined, " ", el("span", {}, told), " ", below ? el("small", {}, below) : undefined);
}

function ago(timestamp) {
  const time = milliseconds(timestamp);
  return time === undefined ? "never" : `${span(Date.now() - time)} ago`;
}

function log({ log, caller = {}, version }) {
  const items = [item(`falco-gateway ${version}`, "", "info", caller.identity ? `You are ${caller.identity}${caller.grant ? `, by the grant ${caller.grant}` : ""}` : "")];
  if (log) {
    const kept = `${count(log.alerts ?? 0, "alert")}, ${size(log.bytes ?? 0)} of ${size(log.retention_bytes ?? 0)}`;
    items.push(log.trouble ? item("Log", log.trouble, "bad") : item("Log", kept, "good", log.earliest_time ? `the oldest came ${ago(log.earliest_time)}` : ""));
  }
  if (caller.scope) items.push(item("Scope", caller.scope, "info"));
  return items;
}

const SOURCE_TONES = { SOURCE_STATE_CONNECTED: "good", SOURCE_STATE_FINISHED: "info", SOURCE_STATE_CONNECTING: "warn" };

function sources({ sources = [] }) {
  return sources.map((it) => {
    const refused = (it.rejected ?? []).reduce((sum, { count }) => sum + count, 0);
    const troubles = [refused && `${count(refused)} refused`, it.upstream_drops && `${count(it.upstream_drops)} dropped by Falco`];
    const told = [`${count(it.accepted ?? 0)} taken`, ...troubles, `last ${ago(it.last_alert_time)}`].filter(Boolean).join(" · ");
    const tone = SOURCE_TONES[it.state] ?? "bad";
    return item(it.source_id, word(it.state, "SOURCE_STATE_"), tone, told, `${it.address ?? ""} ${it.detail ?? ""}`);
  });
}

function behind(lag) { return lag === undefined ? "" : lag ? `${count(lag)} behind` : "at the head"; }

function streams({ streams = [] }) {
  return streams.map((it) => {
    const told = [`${count(it.delivered ?? 0)} delivered`, it.lost && `${count(it.lost)} lost`, it.filter].filter(Boolean).join(" · ");
    const isLive = it.state === "STREAM_STATE_LIVE";
    return item(it.client_label || it.identity || it.peer, behind(it.lag) || word(it.state, "STREAM_STATE_"), isLive ? "good" : "warn", told, it.peer);
  });
}

function subscriptions({ subscriptions = [] }) {
  return subscriptions.map((it) => {
    const used = it.retention_used ?? 0;
    const told = [it.consumer ? `consumed by ${it.consumer.label || it.consumer.peer}` : "nobody consumes it", it.lost && `${count(it.lost)} lost`,
      used >= 0.5 && `retention takes alerts at 100 %: ${Math.round(used * 100)} %`].filter(Boolean).join(" · ");
    return item(it.name, behind(it.lag), used >= 0.8 || it.lost ? "bad" : used >= 0.5 ? "warn" : it.consumer ? "good" : "info", told);
  });
}

const BRIDGE_TONES = { BRIDGE_STATE_DELIVERING: "good", BRIDGE_STATE_STARTING: "info", BRIDGE_STATE_STANDBY: "info" };

function bridges({ bridges = [] }) {
  return bridges.map((it) => {
    const told = [behind(it.lag), `${count(it.delivered ?? 0)} delivered`, it.refused && `${count(it.refused)} refused`,
      it.lost && `${count(it.lost)} lost`].filter(Boolean).join(" · ");
    return item(it.name, word(it.state, "BRIDGE_STATE_"), BRIDGE_TONES[it.state] ?? "bad", told, `${it.target ?? ""} ${it.detail ?? ""}`);
  });
}
