// How things are told to people.

/** Falco's priorities by the API's number: the worst is the largest. */
export const PRIORITIES = [
  { name: "unspecified", label: "?" },
  { name: "debug", label: "debug" },
  { name: "informational", label: "info" },
  { name: "notice", label: "notice" },
  { name: "warning", label: "warn" },
  { name: "error", label: "error" },
  { name: "critical", label: "crit" },
  { name: "alert", label: "alert" },
  { name: "emergency", label: "emerg" },
];

const LONGEST = 400;

const NUMBERS = new Map(PRIORITIES.map(({ name }, number) => [`PRIORITY_${name.toUpperCase()}`, number]));

/** The alert of a record, as the list shows it. */
export function row({ cursor, alert }) {
  const { container = {}, kubernetes = {}, hostname = "" } = alert;
  return {
    kind: "alert",
    cursor,
    id: alert.id ?? "",
    time: milliseconds(alert.event_time) ?? milliseconds(alert.receive_time) ?? Date.now(),
    level: NUMBERS.get(alert.priority) ?? 0,
    rule: alert.rule ?? "",
    host: hostname,
    namespace: kubernetes.namespace ?? "",
    pod: kubernetes.pod_name ?? "",
    container: container.name || container.id || "",
    // No more can be seen, and fifty thousand are held.
    text: line(alert).slice(0, LONGEST),
  };
}

/** What Falco says of it, without its own clock and the priority. */
export function line({ message, output, process }) {
  if (message) return message;
  if (output) return output.replace(/^\S+: (\w+) /, "");
  return process?.command_line ?? "";
}

/** Where it happened, in a few words. */
export function place({ namespace, pod, container }) {
  if (pod) return namespace ? `${namespace}/${pod}` : pod;
  return namespace || container;
}

export function milliseconds(timestamp) {
  return timestamp ? (timestamp.seconds ?? 0) * 1000 + (timestamp.nanos ?? 0) / 1e6 : undefined;
}

const pad = (number, width = 2) => String(number).padStart(width, "0");

/** The time of the day, and the day where it is another. */
export function clock(time, now = Date.now()) {
  const at = new Date(time);
  const day = at.toDateString() === new Date(now).toDateString() ? "" : `${pad(at.getMonth() + 1)}-${pad(at.getDate())} `;
  return `${day}${pad(at.getHours())}:${pad(at.getMinutes())}:${pad(at.getSeconds())}`;
}

export function utc(time) { return Number.isNaN(new Date(time).valueOf()) ? "no time" : new Date(time).toISOString().replace("T", " ").replace("Z", " UTC"); }

/** How long ago, or how long: "12 s", "3 min", "2 h", "5 d". */
export function span(time) {
  const seconds = Math.max(0, time / 1000);
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return seconds < 129600 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86400)} d`;
}

const numbers = new Intl.NumberFormat("en");

export function count(number, one, many = `${one}s`) {
  const text = numbers.format(number);
  return one === undefined ? text : `${text} ${number === 1 ? one : many}`;
}

export function size(bytes) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0, rest = Number(bytes);
  for (; rest >= 1024 && unit < units.length - 1; unit++) rest /= 1024;
  return `${rest >= 10 || unit === 0 ? Math.round(rest) : rest.toFixed(1)} ${units[unit]}`;
}

/** `SOURCE_STATE_CONNECTED` as "connected". */
export function word(value, prefix) { return String(value ?? "").replace(prefix, "").toLowerCase().replaceAll("_", " "); }

const CAUSES = {
  LOSS_CAUSE_RETENTION: "the log's retention took them before they could be read",
  LOSS_CAUSE_SKIPPED_BY_POLICY: "this page fell behind and skipped ahead",
  LOSS_CAUSE_INGEST_OVERFLOW: "the gateway could not take in as fast as a source sent",
  LOSS_CAUSE_UPSTREAM_DROP: "Falco, or the system under it, lost them before the gateway",
  LOSS_CAUSE_LOG_CORRUPTION: "a part of the log is damaged",
  LOSS_CAUSE_RATE_LIMIT: "a rate limit of this client",
};

/** What is missing from here on. */
export function loss({ lost = 0, lower_bound: isLeast, examined = 0, cause }) {
  const most = isLeast && examined ? ` and at most ${count(examined)}` : "";
  const how = `${isLeast ? "At least " : ""}${count(lost)}${most} ${lost === 1 && !most ? "alert is" : "alerts are"} missing here`;
  return `${how}: ${CAUSES[cause] ?? "the gateway does not say why"}.`;
}

/** What became of a source. */
export function source({ source_id: id, state, detail, upstream_drops: drops }) {
  if (drops) return `Falco at ${id} lost ${count(drops, "system call")}: alerts may be missing.`;
  const more = detail ? ` (${detail})` : "";
  return `Source ${id} is ${word(state, "SOURCE_STATE_")}${more}.`;
}

const CLOSINGS = {
  CLOSING_REASON_DRAINING: "The gateway is going down, or restarts.",
  CLOSING_REASON_SLOW_CONSUMER: "This page fell too far behind.",
  CLOSING_REASON_POLICY_CHANGED: "What you may see was changed.",
  CLOSING_REASON_AUTHORIZATION_EXPIRED: "Your credentials have expired.",
};

export function closing({ reason }) { return CLOSINGS[reason] ?? "The gateway ended the stream."; }

/** `value` as the filter language has it. */
export function quoted(value) {
  const text = String(value);
  if (/^[\w./:*-]+$/.test(text) && !["and", "or", "not"].includes(text)) return text;
  const escapes = { "\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t" };
  return `"${text.replace(/[\\"\n\r\t]/g, (letter) => escapes[letter])}"`;
}

/** `filter`, and `more` as well. */
export function narrowed(filter, more) {
  const old = filter.trim();
  if (!old) return more;
  // `or` binds less tightly than the `and` that is put behind it.
  return `${/\bor\b/.test(old) ? `(${old})` : old} and ${more}`;
}
