// How often in the time that is allowed it looks.
const LOOKS = 10;

/** Calls `bark`, once, when a wait takes longer than `patience` milliseconds. */
export class Watchdog {
  patience: number;
  #hasBarked = false;
  readonly #bark: () => void;

  constructor(patience: number, bark: () => void) {
    this.patience = patience;
    this.#bark = bark;
  }

  get hasBarked(): boolean {
    return this.#hasBarked;
  }

  /** The same as `wait`, but watched. */
  async watch<T>(wait: Promise<T>): Promise<T> {
    let looks = 0;
    const timer = setInterval(() => {
      // Looks are counted, not time: a program that was busy itself, or a computer that slept,
      // looks late, but finds what came meanwhile before it looks again.
      if (++looks < LOOKS) return;
      clearInterval(timer);
      this.#hasBarked = true;
      this.#bark();
    }, this.patience / LOOKS);
    try {
      return await wait;
    } finally {
      clearInterval(timer);
    }
  }
}
