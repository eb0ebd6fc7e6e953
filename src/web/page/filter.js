// The filter box: checks what is typed, says what is wrong and where, and completes.

import { completions } from "./complete.js";
import { byId, el, setText } from "./dom.js";

/** So long after the last key the gateway is asked. */
const CALM = 150;

const HINT = "Falco's conditions, over alerts. Tab completes, Enter applies.";

export class FilterBox {
  #input = byId("filter");
  #echo = byId("filter-echo");
  #told = byId("filter-told");
  #choices = byId("filter-choices");
  #client;
  #vocabulary;
  #seen;
  #onApply;
  #timer;
  #asked = 0;
  #options = [];
  #from = 0;
  #chosen = -1;
  #isApplied = false;

  constructor(client, vocabulary, { seen, onApply }) {
    this.#client = client;
    this.#vocabulary = vocabulary;
    this.#seen = seen;
    this.#onApply = onApply;
    this.#input.addEventListener("input", () => this.#typed());
    this.#input.addEventListener("keydown", (event) => this.#key(event));
    this.#input.addEventListener("blur", () => this.#close());
    this.#input.addEventListener("scroll", () => this.#scrolled());
    // A click would else take the focus, and with it the choices.
    this.#choices.addEventListener("mousedown", (event) => event.preventDefault());
    this.#choices.addEventListener("click", (event) => {
      const at = [...this.#choices.children].indexOf(event.target.closest("li"));
      if (at >= 0) this.#choose(at);
    });
    byId("filter-form").addEventListener("submit", (event) => { event.preventDefault(); this.#apply(); });
    this.#show(undefined);
    byId("filter-clear").addEventListener("click", () => { this.set(""); this.#apply(); });
  }

  get text() { return this.#input.value.trim(); }

  focus() { this.#input.focus(); this.#input.select(); }

  /** Shows another filter, which is applied already. */
  set(text) {
    this.#input.value = text;
    this.#asked++;
    this.#show(undefined);
  }

  /** Shows what the gateway had against the filter. */
  refuse({ message, metadata, reason }) {
    const { position, length, suggestion } = metadata;
    this.#show({ reason, message, position: Number(position ?? 0), length: Number(length ?? 0), suggestion });
  }

  #typed() {
    this.#isApplied = false;
    this.#offer();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#check(), CALM);
    this.#show(undefined);
  }

  async #check() {
    const filter = this.#input.value, asked = ++this.#asked;
    if (!filter.trim()) return this.#show(undefined);
    try {
      const { error, warnings = [] } = await this.#client.call("AlertService/ValidateFilter", { filter });
      if (asked === this.#asked && filter === this.#input.value) this.#show(error, warnings[0]);
      return error;
    } catch {
      // The stream tells that the gateway is away, and the filter is judged again with it.
      return undefined;
    }
  }

  async #apply() {
    this.#close();
    clearTimeout(this.#timer);
    this.#isApplied = true;
    const { text } = this;
    if (!(await this.#check()) && text === this.text) this.#onApply(text);
  }

  // The problem underlined, and told below with what was probably meant.
  #show(problem, warning) {
    const it = problem ?? warning;
    const [from, to] = it ? place(this.#input.value, it) : [0, 0];
    const text = this.#input.value;
    // At the end there is nothing that could be underlined.
    const marked = text.slice(from, to) || (it ? " " : "");
    this.#echo.replaceChildren(text.slice(0, from), el("mark", { class: problem ? "wrong" : it ? "odd" : "" }, marked), text.slice(to));
    this.#input.setAttribute("aria-invalid", String(Boolean(problem)));
    // Who is still typing is told what comes next, and has done nothing wrong.
    const isOpen = problem && from >= text.trimEnd().length && !this.#isApplied;
    this.#told.className = `told ${problem && !isOpen ? "wrong" : it && !isOpen ? "odd" : "hint"}`;
    this.#told.replaceChildren(...(it ? this.#words(it, from, to) : [HINT]));
    this.#scrolled();
  }

  #words({ message, suggestion }, from, to) {
    const words = [el("span", { class: "at" }, `at ${from + 1}`), el("span", { class: "message" }, message)];
    if (!suggestion) return words;
    const mend = () => {
      const { value } = this.#input;
      this.#input.value = value.slice(0, from) + suggestion + value.slice(to);
      this.#input.focus();
      this.#typed();
    };
    return [...words, el("button", { type: "button", class: "mend", onclick: mend }, `use ${suggestion.trim()}`)];
  }

  #scrolled() { this.#echo.style.transform = `translateX(${-this.#input.scrollLeft}px)`; }

  #offer() {
    const { value, selectionStart } = this.#input;
    const { from, options } = completions(value.slice(0, selectionStart), this.#vocabulary, this.#seen);
    this.#from = from;
    this.#options = options;
    this.#chosen = -1;
    this.#draw();
  }

  #close() {
    this.#options = [];
    this.#draw();
  }

  #draw() {
    const items = this.#options.map(({ text, about }, at) =>
      el("li", { id: `choice-${at}`, role: "option", "aria-selected": String(at === this.#chosen) }, text, el("i", {}, about)));
    this.#choices.replaceChildren(...items);
    this.#choices.hidden = !items.length;
    this.#input.setAttribute("aria-expanded", String(items.length > 0));
    this.#input.setAttribute("aria-activedescendant", this.#chosen < 0 ? "" : `choice-${this.#chosen}`);
  }

  #choose(at) {
    const { value, selectionStart } = this.#input, { text } = this.#options[at];
    const space = text.endsWith("(") ? "" : " ";
    const before = value.slice(0, this.#from) + text + space;
    this.#input.value = before + value.slice(selectionStart).replace(/^ /, "");
    this.#input.setSelectionRange(before.length, before.length);
    this.#typed();
  }

  #key(event) {
    const { length } = this.#options;
    if (event.key === " " && event.ctrlKey) this.#offer();
    else if (event.key === "ArrowDown" && length) this.#chosen = (this.#chosen + 1) % length;
    else if (event.key === "ArrowUp" && length) this.#chosen = this.#chosen <= 0 ? length - 1 : this.#chosen - 1;
    else if (event.key === "Tab" && length && !event.shiftKey) this.#choose(Math.max(0, this.#chosen));
    else if (event.key === "Enter" && this.#chosen >= 0) this.#choose(this.#chosen);
    else if (event.key === "Escape" && length) this.#close();
    else if (event.key === "Escape") this.#input.blur();
    else return;
    event.preventDefault();
    event.stopPropagation();
    this.#draw();
  }
}

// Where a problem is, in letters: the gateway counts bytes.
function place(text, { position = 0, length = 0 }) {
  const bytes = new TextEncoder().encode(text), decoder = new TextDecoder();
  const letters = (end) => decoder.decode(bytes.subarray(0, end)).length;
  return [letters(position), letters(position + length)];
}
