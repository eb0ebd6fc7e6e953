// How many alerts there were when, by how bad they are.

import { svg } from "./dom.js";
import { PRIORITIES, clock, count, span } from "./words.js";

const BARS = 72;
const MINUTE = 60_000;
const HEIGHT = 60;

/** From the newest alert back: the shortest that holds nearly all. One wrong clock does not stretch it. */
const SPANS = [1, 2, 5, 10, 15, 30, 60, 120, 240, 480, 1440, 2880, 10080, 43200, 525600].map((minutes) => minutes * MINUTE);
const NEARLY = 0.98;

export class Timeline {
  #box;
  #caption;
  #onGo;

  /** `onGo` is given the end of the bar that somebody clicks. */
  constructor(box, caption, onGo) {
    this.#box = box;
    this.#caption = caption;
    this.#onGo = onGo;
  }

  draw(entries) {
    const times = entries.filter((entry) => entry.kind === "alert");
    if (!times.length) {
      this.#box.replaceChildren();
      this.#caption.textContent = "";
      return;
    }
    const { bars, start, width, outside } = buckets(times);
    const most = Math.max(...bars.map(({ all }) => all));
    this.#box.replaceChildren(...bars.map((bar, at) => this.#bar(bar, at, most, start + at * width, width)));
    const ends = `${clock(start)} to ${clock(start + BARS * width)}`;
    const more = outside ? `, ${count(outside)} at other times` : "";
    this.#caption.textContent = `${ends} · ${span(width)} a bar, at most ${count(most, "alert")}${more}`;
  }

  #bar({ levels, all }, at, most, start, width) {
    const title = svg("title");
    const told = levels.map((number, level) => number && `${count(number)} ${PRIORITIES[level].name}`).filter(Boolean).reverse();
    title.textContent = `${clock(start)}: ${told.join(", ") || "none"}`;
    const group = svg("g", { transform: `translate(${at * 10} 0)` }, title, svg("rect", { class: "back", width: 10, height: HEIGHT }));
    let y = HEIGHT;
    // The worst is at the foot, where bars are compared with each other.
    for (let level = levels.length - 1; level >= 0; level--) {
      if (!levels[level]) continue;
      // One alert among thousands is still to be seen.
      const height = Math.max(1.5, (levels[level] / most) * (HEIGHT - 4));
      y -= height;
      group.append(svg("rect", { class: "bar", "data-level": PRIORITIES[level].name, x: 1, y, width: 8, height }));
    }
    if (all) group.addEventListener("click", () => this.#onGo(start + width));
    return group;
  }
}

// The shortest span before `newest` that holds nearly all.
function shortest(entries, newest) {
  const within = new Array(SPANS.length + 1).fill(0);
  for (const { time } of entries) {
    let at = 0;
    while (at < SPANS.length && newest - time >= SPANS[at]) at++;
    within[at]++;
  }
  let held = 0;
  return SPANS.find((_, at) => (held += within[at]) >= entries.length * NEARLY) ?? SPANS.at(-1);
}

function buckets(entries) {
  const newest = Math.min(Date.now() + MINUTE, entries.reduce((most, { time }) => Math.max(most, time), 0));
  const length = shortest(entries, newest);
  const width = length / BARS;
  // On whole bars, so that they do not flicker as time goes on.
  const start = (Math.floor(newest / width) + 1) * width - length;
  const bars = Array.from({ length: BARS }, () => ({ levels: new Array(9).fill(0), all: 0 }));
  let outside = 0;
  for (const { time, level } of entries) {
    const bar = bars[Math.floor((time - start) / width)];
    if (!bar) outside++;
    else {
      bar.levels[level]++;
      bar.all++;
    }
  }
  return { bars, start, width, outside };
}
