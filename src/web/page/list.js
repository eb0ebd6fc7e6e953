// The list of alerts. Only the rows that can be seen are elements, however many there are.

import { el, setText } from "./dom.js";
import { PRIORITIES, clock, count, place, utc } from "./words.js";

/** Rows beyond the edges, so that scrolling finds some. */
const SPARE = 6;

export class List {
  #box;
  #store;
  #onOpen;
  #onScroll;
  #space = el("div", { class: "space", role: "presentation" });
  #end = el("p", { class: "end", role: "presentation" });
  #rows = [];
  #height = 30;
  #active;
  #drawn = 0;
  #frame = 0;

  /** `box` is the element that scrolls; `onOpen` is given the entry that somebody opens. */
  constructor(box, store, { onOpen, onScroll }) {
    this.#box = box;
    this.#store = store;
    this.#onOpen = onOpen;
    this.#onScroll = onScroll;
    box.append(this.#space, this.#end);
    box.addEventListener("scroll", () => this.draw(), { passive: true });
    box.addEventListener("click", (event) => this.#clicked(event));
    new ResizeObserver(() => this.draw()).observe(box);
  }

  /** The entry that the keys are at. */
  get active() { return this.#active; }

  /** How many entries are above what can be seen. */
  get above() { return Math.round(this.#box.scrollTop / this.#height); }

  /** Another list: it begins at its top. */
  reset() {
    this.#active = undefined;
    this.#drawn = 0;
    this.#box.scrollTop = 0;
    this.draw();
  }

  /** Draws once in a frame, however often it is asked. */
  draw() { this.#frame ||= requestAnimationFrame(() => this.#draw()); }

  toTop() {
    this.activate(undefined);
    this.#box.scrollTop = 0;
  }

  activate(entry) {
    this.#active = entry;
    this.draw();
  }

  /** Moves the active row by so many, and into view. */
  move(by) {
    const { entries } = this.#store;
    if (!entries.length) return;
    const at = this.#active ? this.#indexOf(this.#active) + by : this.above;
    this.show(Math.max(0, Math.min(entries.length - 1, at)));
  }

  /** As many rows as can be seen. */
  get page() { return Math.max(1, Math.floor(this.#box.clientHeight / this.#height) - 1); }

  /** Makes the row at `index`, counted from the newest, active. */
  show(index) {
    const { entries } = this.#store;
    const top = index * this.#height, { scrollTop, clientHeight } = this.#box;
    if (top < scrollTop) this.#box.scrollTop = top;
    else if (top + this.#height > scrollTop + clientHeight) this.#box.scrollTop = top + this.#height - clientHeight;
    this.activate(entries[entries.length - 1 - index]);
  }

  /** The newest alert that is not after `time` becomes active. */
  goTo(time) {
    const { entries } = this.#store;
    const at = entries.findLastIndex((entry) => entry.time <= time);
    if (at < 0) return;
    const index = entries.length - 1 - at;
    this.#box.scrollTop = Math.max(0, (index - 2) * this.#height);
    this.show(index);
  }

  // Near the top, where it mostly is.
  #indexOf(entry) { return this.#store.entries.length - 1 - this.#store.entries.lastIndexOf(entry); }

  #draw() {
    this.#frame = 0;
    const { entries, came, letGo } = this.#store;
    this.#height = parseFloat(getComputedStyle(this.#box).getPropertyValue("--row")) || 30;
    const fresh = came - this.#drawn;
    this.#drawn = came;
    this.#space.style.height = `${entries.length * this.#height}px`;
    // Who reads is not to lose his line.
    if (fresh > 0 && (this.#box.scrollTop > 0 || this.#active)) this.#box.scrollTop += fresh * this.#height;
    const first = Math.max(0, this.above - SPARE);
    const wanted = Math.ceil(this.#box.clientHeight / this.#height) + 2 * SPARE;
    const shown = Math.max(0, Math.min(wanted, entries.length - first));
    this.#make(shown);
    for (let at = 0; at < shown; at++) {
      const index = first + at;
      this.#fill(this.#rows[index % shown], entries[entries.length - 1 - index], index);
    }
    this.#box.setAttribute("aria-activedescendant", this.#rows.find((it) => it.entry && it.entry === this.#active)?.element.id ?? "");
    const older = letGo ? `${count(letGo, "older entry", "older entries")} let go of here. They are in the gateway's log: narrow the filter.` : "";
    setText(this.#end, older);
    this.#onScroll(this.above);
  }

  #make(wanted) {
    while (this.#rows.length < wanted) {
      const row = new Row(this.#rows.length);
      this.#rows.push(row);
      this.#space.append(row.element);
    }
    for (const { element } of this.#rows.splice(wanted)) element.remove();
  }

  #fill(row, entry, index) {
    row.show(entry);
    row.place(index, this.#height, this.#store.entries.length);
    row.element.setAttribute("aria-selected", String(entry === this.#active));
  }

  #clicked(event) {
    const row = this.#rows.find(({ element }) => element.contains(event.target));
    if (!row?.entry) return;
    this.activate(row.entry);
    if (row.entry.kind === "alert") this.#onOpen(row.entry);
  }
}

class Row {
  entry;
  #time = el("time");
  #level = el("span", { class: "level" });
  #rule = el("span", { class: "rule" });
  #host = el("span", { class: "host" });
  #place = el("span", { class: "place" });
  #text = el("span", { class: "text" });

  constructor(number) {
    const parts = [this.#time, this.#level, this.#rule, this.#host, this.#place, this.#text];
    this.element = el("div", { id: `row-${number}`, class: "row", role: "option" }, ...parts);
  }

  place(index, height, all) {
    this.element.style.transform = `translateY(${index * height}px)`;
    this.element.setAttribute("aria-posinset", index + 1);
    this.element.setAttribute("aria-setsize", all);
  }

  show(entry) {
    if (entry === this.entry) return;
    this.entry = entry;
    const { time, text, level } = entry, isAlert = entry.kind === "alert";
    setText(this.#time, clock(time));
    this.#time.title = utc(time);
    this.#time.dateTime = new Date(time).toISOString();
    this.element.className = isAlert ? "row" : `row note ${entry.tone}`;
    this.element.dataset.level = isAlert ? PRIORITIES[level].name : "";
    setText(this.#level, isAlert ? PRIORITIES[level].label : "");
    this.#level.title = isAlert ? PRIORITIES[level].name : "";
    setText(this.#rule, isAlert ? entry.rule : "");
    setText(this.#host, isAlert ? entry.host : "");
    setText(this.#place, isAlert ? place(entry) : "");
    setText(this.#text, text);
    this.#rule.title = isAlert ? entry.rule : "";
    this.#text.title = text;
  }
}
