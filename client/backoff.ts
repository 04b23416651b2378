// How long to wait before trying again: growing, and random, so that the clients of a server that
// was restarted do not all come at once.

const msMin = 200;
const msMax = 15_000;

export class Backoff {
  readonly #random: () => number;
  #ceiling = 0;

  constructor(random: () => number) {
    this.#random = random;
    this.reset();
  }

  /** Milliseconds to wait before the next attempt. */
  next(): number {
    const ms = msMin + this.#random() * (this.#ceiling - msMin);
    this.#ceiling = Math.min(msMax, this.#ceiling * 2);
    return ms;
  }

  /** To be called once it has gone well for a while. */
  reset(): void {
    this.#ceiling = 4 * msMin;
  }
}
