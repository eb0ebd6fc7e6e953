// The page: puts its parts together.

import { Vocabulary } from "./complete.js";
import { Detail } from "./detail.js";
import { announce, atMostEvery, byId, el, setText } from "./dom.js";
import { FilterBox } from "./filter.js";
import { Client } from "./grpc.js";
import { listen } from "./keys.js";
import { List } from "./list.js";
import { Overview } from "./overview.js";
import { session } from "./session.js";
import { Store } from "./store.js";
import { Live } from "./stream.js";
import { Timeline } from "./timeline.js";
import { PRIORITIES, count, narrowed } from "./words.js";

const [schema, words] = await Promise.all([
  fetch("page/schema.json").then((answer) => answer.json()),
  fetch("page/fields.tsv").then((answer) => answer.text()),
]);

const client = new Client(schema, session.headers);
const store = new Store();
const list = new List(byId("list"), store, { onOpen: open, onScroll: showAbove });
const timeline = new Timeline(byId("timeline"), byId("timeline-caption"), (time) => list.goTo(time));
const overview = new Overview(client, store, (term) => apply(narrowed(live.filter, term)));
const detail = new Detail(client, { filter: () => live.filter, narrow: apply, closed: () => remember() });
const filter = new FilterBox(client, new Vocabulary(words), { seen, onApply: apply });
const live = new Live(client, { entries, state, opened, fresh });

const redraw = atMostEvery(400, () => {
  if (document.hidden) return;
  timeline.draw(store.entries);
  overview.drawTops();
  drawLevels();
});

// === What the stream tells

function entries(came) {
  store.add(came);
  list.draw();
  redraw();
}

function fresh() {
  store.clear();
  list.reset();
  redraw();
}

function opened({ effective_scope: scope, redacted_fields: redacted = [], identity, grant }) {
  byId("token").close();
  overview.again();
  const parts = [identity, grant && `grant ${grant}`, scope && `only ${scope}`, redacted.length && `without ${redacted.join(", ")}`];
  setText(byId("identity"), parts.filter(Boolean).join(" · "));
}

const STATES = {
  connecting: () => ["wait", "Connecting"],
  "catching up": ({ lag, came }) => ["wait", `Catching up${lag ? `, ${count(lag)} behind` : came ? `, ${count(came)} so far` : ""}`],
  live: ({ lag }) => ["good", lag ? `Live, ${count(lag)} behind` : "Live"],
  paused: ({ waiting }) => ["still", waiting === "0" ? "Paused" : `Paused, ${waiting} waiting`],
  reconnecting: ({ seconds }) => ["bad", `Reconnecting in ${seconds} s`],
  refused: ({ error }) => ["bad", error.needsToken ? "Not allowed" : isOfFilter(error) ? "Bad filter" : "Refused"],
};

function isOfFilter({ reason }) { return reason?.startsWith("FILTER_"); }

let toldState;

function state(now) {
  const [tone, text] = STATES[now.name](now);
  const pill = byId("state");
  pill.dataset.tone = tone;
  pill.dataset.state = now.name;
  setText(pill, text);
  document.title = `${text} · falco-gateway`;
  if (toldState !== now.name) announce(text);
  toldState = now.name;
  const isPaused = now.name === "paused";
  setText(byId("pause"), isPaused ? "Resume" : "Pause");
  byId("pause").setAttribute("aria-pressed", String(isPaused));
  if (now.name === "refused") refused(now.error);
  else byId("refused").hidden = true;
}

function refused(error) {
  if (isOfFilter(error)) return filter.refuse(error);
  byId("refused").hidden = false;
  setText(byId("refused-why"), error.message);
  if (error.needsToken) askForToken(error.message);
}

// === What somebody does

/** Another filter: it is kept in the address, and the browser's way back leads to the last. */
function apply(text, from = live.from) {
  if (text === live.filter && from === live.from) return again();
  detail.close();
  location.hash = fragment(text, from);
}

function again() {
  if (live.isPaused) live.resume();
  else live.start(live.filter, view, live.from);
}

function open(entry) {
  detail.open(entry);
  announce(`Opened: ${PRIORITIES[entry.level].name}, ${entry.rule}`);
  history.replaceState(null, "", `#${fragment(live.filter, live.from, entry.id)}`);
}

function remember() { history.replaceState(null, "", `#${fragment(live.filter, live.from)}`); }

function fragment(filter, from, alert) {
  const parts = new URLSearchParams();
  if (filter) parts.set("filter", filter);
  if (from) parts.set("from", from);
  if (alert) parts.set("alert", alert);
  return parts.toString();
}

function goToAddress() {
  const parts = new URLSearchParams(location.hash.slice(1));
  const wanted = parts.get("filter") ?? "", from = parts.get("from") ?? "", alert = parts.get("alert");
  if (wanted !== filter.text) filter.set(wanted);
  byId("from").value = from;
  if (wanted !== live.filter || from !== live.from || toldState === undefined) live.start(wanted, view, from);
  if (alert && detail.entry?.id !== alert) detail.open({ id: alert });
}

function pause() {
  if (live.isPaused) live.resume();
  else live.pause();
}

function move(by) {
  list.move(by);
  if (detail.entry && list.active?.kind === "alert") open(list.active);
}

function seen(field) {
  const name = { rule: "rule", hostname: "host", "k8s.ns.name": "namespace" }[field];
  return name ? [...store.values(name)] : [];
}

// === What is shown of what is held

function showAbove(above) {
  byId("to-top").hidden = above < 1;
  setText(byId("to-top"), `${count(above)} newer ↑`);
}

function drawLevels() {
  const shown = PRIORITIES.slice(1).map(({ name, label }, at) => ({ name, label, number: store.levels[at + 1] })).reverse();
  const least = live.filter.match(/\bpriority >= (\w+)/)?.[1];
  byId("levels").replaceChildren(...shown.map(({ name, label, number }) => {
    const onclick = () => apply(atLeast(name, least));
    const chip = el("button", { type: "button", title: `priority >= ${name}`, onclick, "aria-pressed": String(least === name) },
      el("span", { class: "level" }, label), el("span", { class: "number" }, count(number)));
    chip.dataset.level = name;
    chip.setAttribute("aria-label", `${count(number)} ${name}: show ${name} and worse only`);
    return chip;
  }));
  const held = count(store.alerts, "alert");
  setText(byId("held"), store.letGo ? `the newest ${held}` : held);
  byId("empty").hidden = store.entries.length > 0;
}

function atLeast(name, least) {
  const text = live.filter, term = `priority >= ${name}`;
  if (least === name) return text.replace(/( and )?\bpriority >= \w+( and )?/, (_, before, after) => (before && after ? " and " : ""));
  return least ? text.replace(/\bpriority >= \w+/, term) : narrowed(text, term);
}

// === Who looks

function askForToken(why) {
  setText(byId("token-why"), why ?? "Calls carry the token of this tab. It is forgotten when the tab is closed.");
  byId("token-forget").hidden = !session.token;
  if (!byId("token").open) byId("token").showModal();
  byId("token-text").focus();
}

byId("token-form").addEventListener("submit", () => {
  session.token = byId("token-text").value.trim();
  byId("token-text").value = "";
  greet();
});
byId("token-forget").addEventListener("click", () => {
  session.token = "";
  byId("token").close();
  greet();
});
byId("token-close").addEventListener("click", () => byId("token").close());
byId("token-open").addEventListener("click", () => askForToken());

let view;

async function greet() {
  await learnView();
  live.start(live.filter, view, live.from);
}

// Rows need little of an alert, and few grants do not let that be asked for.
async function learnView() {
  try {
    const { caller = {} } = await client.call("GatewayService/GetGatewayInfo");
    view = (caller.views ?? []).includes("ALERT_VIEW_BASIC") ? "ALERT_VIEW_BASIC" : undefined;
  } catch {
    // The stream meets the same, and tells it.
    view = undefined;
  }
}

byId("skip").addEventListener("click", () => byId("list").focus());
byId("pause").addEventListener("click", pause);
byId("from").addEventListener("change", ({ target }) => apply(live.filter, target.value));
byId("to-top").addEventListener("click", () => list.toTop());
byId("again").addEventListener("click", again);
byId("side-open").addEventListener("click", () => toggleSide());
addEventListener("hashchange", goToAddress);
document.addEventListener("visibilitychange", redraw);

function toggleSide() {
  const isOpen = document.body.classList.toggle("has-side");
  byId("side-open").setAttribute("aria-expanded", String(isOpen));
  setText(byId("side-open"), isOpen ? "Alerts" : "Overview");
  overview.refresh();
}

listen({
  filter: () => filter.focus(),
  move,
  page: (by) => move(by * list.page),
  top: () => list.toTop(),
  open: () => list.active?.kind === "alert" && open(list.active),
  close: () => (detail.entry ? detail.close() : list.activate(undefined)),
  pause,
  overview: toggleSide,
});

await learnView();
goToAddress();
