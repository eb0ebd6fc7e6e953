// What the page holds of the alerts: the newest, and counts of them.

/** More would make a tab slow; the gateway's log has the others. */
export const MOST = 50_000;

/** So many go at a time: to move all others for each that goes would cost more. */
const STEP = 1_000;

const COUNTED = ["rule", "host", "namespace"];

export class Store {
  /** The oldest first. Alerts, and notices between them. */
  entries = [];
  /** How many were let go to make room. */
  letGo = 0;
  /** How many ever came. */
  came = 0;
  levels = new Array(9).fill(0);
  counts = {};

  constructor() { this.clear(); }

  clear() {
    this.entries = [];
    this.letGo = this.came = 0;
    this.levels.fill(0);
    for (const name of COUNTED) this.counts[name] = new Map();
  }

  get alerts() { return this.levels.reduce((sum, count) => sum + count, 0); }

  /** Adds entries, in the order of the log. Gives how many went. */
  add(entries) {
    for (const entry of entries) {
      this.entries.push(entry);
      this.#count(entry, 1);
    }
    this.came += entries.length;
    if (this.entries.length < MOST + STEP) return 0;
    const gone = this.entries.splice(0, this.entries.length - MOST);
    for (const entry of gone) this.#count(entry, -1);
    this.letGo += gone.length;
    return gone.length;
  }

  /** The most frequent values of `rule`, `host` or `namespace`, and how often each is. */
  top(name, most) {
    return [...this.counts[name]].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).slice(0, most);
  }

  values(name) { return this.counts[name]?.keys() ?? []; }

  #count(entry, by) {
    if (entry.kind !== "alert") return;
    this.levels[entry.level] += by;
    for (const name of COUNTED) {
      const value = entry[name];
      if (!value) continue;
      const counts = this.counts[name], now = (counts.get(value) ?? 0) + by;
      if (now) counts.set(value, now);
      else counts.delete(value);
    }
  }
}
