// The candles of a chart: history that grows as one pans back, the live candle on top of it, and
// anew what was missed. It holds a bounded number, letting the oldest go.

import { api, type IndicatedCandle, type Interval, type ProblemError, patiently } from '../api.ts';
import { onNextFrame } from '../frame.ts';
import { subscribe } from '../live.ts';

export interface CandleWatcher {
  /** All have to be drawn anew. */
  readonly all: () => void;
  /** These starts have changed: at most once per frame, in ascending order. */
  readonly some: (starts: readonly number[]) => void;
  readonly problem: (problem: ProblemError | null) => void;
}

const pageLimit = 500;
const heldMax = 20_000;

export class Candles {
  readonly #symbol: string;
  readonly #interval: Interval;
  readonly #indicators: readonly string[];
  readonly #watcher: CandleWatcher;
  readonly #stopped = new AbortController();
  readonly #byStart = new Map<number, IndicatedCandle>();
  readonly #changed = new Set<number>();
  readonly #unsubscribe: () => void;
  #oldest = Number.POSITIVE_INFINITY;
  #newest = Number.NEGATIVE_INFINITY;
  #hasOlder = false;
  #isLoading = false;

  constructor(
    symbol: string,
    interval: Interval,
    indicators: readonly string[],
    watcher: CandleWatcher,
  ) {
    this.#symbol = symbol;
    this.#interval = interval;
    this.#indicators = indicators;
    this.#watcher = watcher;
    this.#unsubscribe = subscribe(
      { stream: 'candles', symbol, interval, indicators },
      { next: (candle) => this.#take(candle), begin: () => void this.#loadNewest() },
    );
  }

  close(): void {
    this.#stopped.abort();
    this.#unsubscribe();
  }

  get(start: number): IndicatedCandle | undefined {
    return this.#byStart.get(start);
  }

  get newest(): IndicatedCandle | undefined {
    return this.#byStart.get(this.#newest);
  }

  get count(): number {
    return this.#byStart.size;
  }

  sorted(): (readonly [start: number, candle: IndicatedCandle])[] {
    return [...this.#byStart].sort(([a], [b]) => a - b);
  }

  /** The start as the chart has it, in seconds. A day is at midnight UTC of its date. */
  startOf({ start }: { readonly start: string }): number {
    const seconds = Date.parse(start) / 1000;
    return this.#interval === '1d' ? Math.round(seconds / 86_400) * 86_400 : seconds;
  }

  async loadOlder(): Promise<void> {
    const oldest = this.#byStart.get(this.#oldest);
    if (this.#isLoading || !this.#hasOlder || !oldest || this.count >= heldMax) return;
    this.#isLoading = true;
    const page = await this.#ask({ to: oldest.start }).catch(() => null);
    this.#isLoading = false;
    if (!page || this.#stopped.signal.aborted) return;
    for (const candle of page.candles) this.#keep(candle);
    this.#hasOlder = page.hasOlder;
    this.#watcher.all();
  }

  async #loadNewest(): Promise<void> {
    const { signal } = this.#stopped;
    const { problem } = this.#watcher;
    const held = this.#newest;
    const page = await patiently(() => this.#ask({}), signal, problem).catch(() => null);
    if (!page || signal.aborted) return;
    problem(null);
    const first = page.candles[0];
    // At first, and after so long a break that the page does not reach back to what is held.
    if (first && this.startOf(first) > held) {
      this.#forgetBefore(this.startOf(first));
      this.#hasOlder = page.hasOlder;
    }
    // What came live meanwhile is newer than the answer.
    for (const candle of page.candles) {
      if (!this.#changed.has(this.startOf(candle))) this.#keep(candle);
    }
    this.#watcher.all();
  }

  #ask(span: { readonly to?: string }) {
    const question = { symbol: this.#symbol, interval: this.#interval, limit: pageLimit };
    const whole = { ...question, indicators: this.#indicators, ...span };
    return api.candles(whole, this.#stopped.signal);
  }

  #take(candle: IndicatedCandle): void {
    const start = this.#keep(candle);
    // Without a trade left, it is taken away.
    if (candle.open === '0') this.#byStart.delete(start);
    this.#changed.add(start);
    if (this.count > heldMax)
      this.#trim(); // also of a page that is not looked at
    else onNextFrame(this.#tell);
  }

  readonly #tell = (): void => {
    if (this.#stopped.signal.aborted) return;
    const starts = [...this.#changed].sort((a, b) => a - b);
    this.#changed.clear();
    if (starts.every((start) => this.#byStart.has(start))) this.#watcher.some(starts);
    else this.#watcher.all();
  };

  #keep(candle: IndicatedCandle): number {
    const start = this.startOf(candle);
    this.#byStart.set(start, candle);
    this.#newest = Math.max(this.#newest, start);
    this.#oldest = Math.min(this.#oldest, start);
    return start;
  }

  #forgetBefore(from: number): void {
    for (const start of this.#byStart.keys()) if (start < from) this.#byStart.delete(start);
    this.#oldest = from;
  }

  /** A tenth at once, so that it is seldom; panning back brings them again. */
  #trim(): void {
    const starts = [...this.#byStart.keys()].sort((a, b) => a - b);
    this.#forgetBefore(starts[Math.floor(heldMax / 10)] ?? this.#oldest);
    this.#hasOlder = true;
    this.#changed.clear();
    this.#watcher.all();
  }
}
