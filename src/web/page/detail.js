// One alert, whole: what it says, its report, its groups and fields.

import { byId, el, setText } from "./dom.js";
import { reportOf } from "./report.js";
import { PRIORITIES, clock, line, narrowed, quoted, row, utc, word } from "./words.js";

const GROUPS = [
  ["process", "Process"], ["user", "User"], ["group", "Group"], ["container", "Container"], ["kubernetes", "Kubernetes"],
  ["file", "File"], ["network", "Connection"], ["syscall", "System call"], ["audit", "Kubernetes audit"], ["cloud", "Cloud"],
];

// What the lists and the filter call the parts of a row.
const NARROW = [["rule", "rule"], ["host", "hostname"], ["namespace", "k8s.ns.name"], ["pod", "k8s.pod.name"], ["container", "container.name"]];

export class Detail {
  #pane = byId("detail");
  #client;
  #on;
  #entry;

  /** `on` has `filter`, the one that holds; `narrow`, which is given another; `closed`. */
  constructor(client, on) {
    this.#client = client;
    this.#on = on;
    byId("detail-close").addEventListener("click", () => this.close());
  }

  get entry() { return this.#entry; }

  /** Shows the alert of a row; of an `id`, where there is no row. */
  async open(entry) {
    this.#entry = entry;
    this.#pane.hidden = false;
    document.body.classList.add("has-detail");
    this.#head(entry);
    const body = byId("detail-body");
    body.replaceChildren(el("p", { class: "quiet" }, "Fetching the alert…"));
    body.scrollTop = 0;
    const key = entry.cursor ? { cursor: entry.cursor } : { id: entry.id };
    try {
      const { record } = await this.#client.call("AlertService/GetAlert", key);
      if (entry !== this.#entry) return;
      const its = row(record);
      this.#head(its);
      body.replaceChildren(...this.#parts(record.alert, its));
      this.#report(record.alert.id, byId("report"));
    } catch (error) {
      if (entry === this.#entry) body.replaceChildren(el("p", { class: "wrong" }, `The alert cannot be shown: ${error.message}`));
    }
  }

  close() {
    if (!this.#entry) return;
    this.#entry = undefined;
    this.#pane.hidden = true;
    document.body.classList.remove("has-detail");
    this.#on.closed();
  }

  #head({ level = 0, rule = "", time, host = "" }) {
    const badge = byId("detail-level");
    setText(badge, PRIORITIES[level].name);
    badge.dataset.level = PRIORITIES[level].name;
    setText(byId("detail-rule"), rule || "Alert");
    setText(byId("detail-when"), time === undefined ? "" : `${clock(time)} · ${utc(time)}${host ? ` · ${host}` : ""}`);
  }

  #parts(alert, its) {
    const fields = Object.entries(alert.output_fields ?? {});
    return [
      this.#actions(its),
      el("p", { class: "output" }, line(alert) || "The line is not shown to you."),
      el("section", { id: "report", class: "report", hidden: true, "aria-label": "Report" }),
      ...this.#lineage(alert),
      ...this.#attack(alert),
      ...GROUPS.flatMap(([name, title]) => (alert[name] ? [section(title, pairs(flat(alert[name])))] : [])),
      ...this.#tags(alert),
      ...(fields.length ? [section(`Fields (${fields.length})`, this.#fields(fields))] : []),
      section("Where it came by", pairs(flat({ ...alert.origin, id: alert.id, source_of_events: alert.source }))),
      ...this.#remarks(alert),
      raw(alert),
    ];
  }

  #actions(row) {
    const known = NARROW.filter(([name]) => row[name]);
    const buttons = known.map(([name, field]) => this.#narrow(`Only this ${name}`, `${field} = ${quoted(row[name])}`));
    if (row.rule) buttons.splice(1, 0, this.#narrow("Not this rule", `rule != ${quoted(row.rule)}`));
    return el("div", { class: "actions" }, ...buttons);
  }

  #narrow(label, term) {
    return el("button", { type: "button", title: term, onclick: () => this.#on.narrow(narrowed(this.#on.filter(), term)) }, label);
  }

  // From the oldest ancestor down to who did it.
  #lineage({ process }) {
    if (!process?.ancestors?.length) return [];
    const all = [...process.ancestors.map(({ name, command_line: command }) => [name, command]).reverse(), [process.name, process.command_line]];
    const items = all.filter(([name]) => name).map(([name, title]) => el("li", { title }, name));
    return [section("Process tree", el("ol", { class: "lineage" }, ...items))];
  }

  #attack({ attack, compliance = [] }) {
    const tactics = (attack?.tactics ?? []).map(({ id, name }) => [`attack.tactic = ${id}`, `${id} ${name ?? ""}`]);
    const techniques = (attack?.techniques ?? []).map(({ id }) => [`attack.technique = ${id}`, id]);
    const controls = compliance.map(({ standard, control }) => [undefined, `${standard} ${control}`]);
    const all = [...tactics, ...techniques, ...controls];
    return all.length ? [section("ATT&CK and controls", this.#chips(all))] : [];
  }

  #tags({ tags = [] }) {
    return tags.length ? [section("Tags", this.#chips(tags.map((tag) => [`tags = ${quoted(tag)}`, tag])))] : [];
  }

  #chips(all) {
    return el("p", { class: "chips" }, ...all.map(([term, text]) =>
      term ? this.#narrow(text.trim(), term) : el("span", { class: "chip" }, text)));
  }

  #fields(fields) {
    const rows = fields.sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, value]) => {
      const text = textOf(value), name = /^[A-Za-z_][\w.]*(\[[\w.-]*\])?$/.test(key) ? key : `field[${JSON.stringify(key)}]`;
      const isNone = text === null || text === "<NA>";
      const is = isNone ? `not ${name} exists` : `${name} = ${quoted(text)}`;
      const isNot = isNone ? `${name} exists` : `not ${name} = ${quoted(text)}`;
      const buttons = value.list_value ? [] : [this.#term("=", is), this.#term("≠", isNot)];
      return el("tr", {}, el("th", { scope: "row" }, key), el("td", {}, text ?? "none"), el("td", { class: "terms" }, ...buttons));
    });
    return el("table", { class: "fields" }, el("tbody", {}, ...rows));
  }

  #term(label, term) {
    const button = this.#narrow(label, term);
    button.setAttribute("aria-label", `Filter by ${term}`);
    return button;
  }

  #remarks({ remarks = [] }) {
    const items = remarks.map(({ kind, field, detail }) =>
      el("li", {}, [word(kind, "REMARK_KIND_"), field, detail].filter(Boolean).join(" · ")));
    return items.length ? [section("How it was read", el("ul", {}, ...items))] : [];
  }

  // A gateway without reports has no such method.
  async #report(id, place) {
    if (!this.#client.has("AlertService/GetAlertReport")) return;
    try {
      const { content = "" } = await this.#client.call("AlertService/GetAlertReport", { id, format: "REPORT_FORMAT_HTML" });
      place.replaceChildren(reportOf(content));
    } catch (error) {
      place.replaceChildren(el("p", { class: "quiet" }, `There is no report: ${error.message}`));
    }
    place.hidden = false;
  }
}

function section(title, ...children) { return el("section", {}, el("h3", {}, title), ...children); }

function pairs(all) {
  return el("dl", {}, ...all.flatMap(([name, value]) => [el("dt", {}, name.replaceAll("_", " ")), el("dd", {}, value)]));
}

// The parts of a group, one below the other; ancestors are shown as a tree.
function flat(group, before = "") {
  return Object.entries(group).flatMap(([name, value]) => {
    if (name === "ancestors" || value === "" || value === undefined) return [];
    // By its name: labels and arguments may have a key `seconds`, too.
    if (name.endsWith("_time") && value?.seconds !== undefined) return [[before + name, utc(value.seconds * 1000 + (value.nanos ?? 0) / 1e6)]];
    if (Array.isArray(value)) return [[before + name, value.join(", ")]];
    if (typeof value === "object") return flat(value, `${before}${name} `);
    return [[before + name, name === "transport" ? word(value, "TRANSPORT_") : String(value)]];
  });
}

function textOf(value) {
  if (value.list_value) return (value.list_value.values ?? []).map(textOf).join(", ");
  const [kind, its] = Object.entries(value)[0] ?? ["null_value"];
  return kind === "null_value" ? null : String(its);
}

function raw(alert) {
  const json = JSON.stringify(alert, (_, value) => (value instanceof Uint8Array ? `${value.length} bytes` : value), 2);
  const copy = el("button", { type: "button" }, "Copy JSON");
  copy.addEventListener("click", async () => {
    // Without TLS a browser has no clipboard for pages that are not on its own machine.
    await navigator.clipboard?.writeText(json).then(() => setText(copy, "Copied"), () => {});
  });
  return el("details", { class: "raw" }, el("summary", {}, "JSON"), copy, el("pre", {}, json));
}
