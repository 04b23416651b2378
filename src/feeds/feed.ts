// The port for sources of market data. A feed turns what a source sends into observations; it
// decides nothing: verdicts, repeats and sequences are ingest's.
//
// Order       Observations reach ingest in the order in which they were pushed.
// Delivery    At least once; ingest drops repeats by id.
// Back-pressure  A feed awaits `intake.room()` between frames; it never buffers beyond the bound.
// Life        `run` ends when the source is exhausted (a file) or the signal aborts; a live feed
//             reconnects for ever by itself. It throws a Failure only for what a person must mend.

import type { Micros } from '../base/clock.ts';
import { BarColumns } from '../contracts/bar.ts';
import type { DeadLetter } from '../contracts/dead-letter.ts';
import type { Heartbeat } from '../contracts/heartbeat.ts';
import { QuoteColumns } from '../contracts/quote.ts';
import { type Tape, TradeColumns } from '../contracts/trade.ts';
import type { Instrument } from '../contracts/wire-objects.ts';

export interface Feed {
  /** The source's name in every record: `simulator`, `coinbase`, … */
  readonly name: string;
  run(intake: Intake, signal: AbortSignal): Promise<void>;
  /** The state of a live feed, for /health and metrics. */
  status?(): FeedStatus;
}

export interface FeedStatus {
  readonly state: 'connecting' | 'live' | 'stale' | 'waiting' | 'ended';
  readonly detail: string;
  readonly reconnects: number;
}

/** Ids `from` to `to` of a symbol; `after` is the event time of the trade before them, if known. */
export interface Gap {
  readonly symbol: string;
  readonly from: number;
  readonly to: number;
  readonly after: Micros | null;
}

/** What a feed saw since ingest last took: filled by parsers, emptied whole. */
export class Observations {
  readonly trades: TradeColumns;
  readonly quotes: QuoteColumns;
  readonly bars: BarColumns;
  readonly instruments: Instrument[] = [];
  readonly heartbeats: Heartbeat[] = [];
  readonly deadLetters: DeadLetter[] = [];
  /** Trades that cannot be had: a later run need not look for them. Dead letters say why. */
  readonly givenUp: Gap[] = [];
  /** By tape and id scope. */
  readonly #otherTrades = new Map<string, TradeColumns>();

  /** Takes over the memory of observations that nobody needs any more. */
  constructor(source: string, scope: string, spent?: Observations) {
    this.trades = new TradeColumns(spent?.trades);
    this.quotes = new QuoteColumns(spent?.quotes);
    this.bars = new BarColumns(spent?.bars);
    for (const columns of [this.trades, this.quotes, this.bars]) {
      columns.source = source;
      columns.scope = scope;
    }
  }

  /** All trades, as the batches that they become. */
  get allTrades(): readonly TradeColumns[] {
    return [this.trades, ...this.#otherTrades.values()];
  }

  /**
   * Where trades of this id scope and tape go: a batch has one of each, and a file may mix them.
   * The order between those that are kept apart is lost.
   */
  tradesOf(scope: string, tape: Tape): TradeColumns {
    const { trades } = this;
    if (trades.scope === scope && trades.tape === tape) return trades;
    if (trades.count === 0) return Object.assign(trades, { scope, tape });
    const { source, recording } = trades;
    return this.#otherTrades.getOrInsertComputed(`${tape} ${scope}`, () =>
      Object.assign(new TradeColumns(), { source, scope, recording, tape }),
    );
  }

  get count(): number {
    let count = this.trades.count;
    for (const others of this.#otherTrades.values()) count += others.count;
    return (
      count +
      this.quotes.count +
      this.bars.count +
      this.instruments.length +
      this.heartbeats.length +
      this.deadLetters.length
    );
  }
}

/**
 * The bounded hand-over between one feed and ingest: a double buffer. While ingest makes one
 * buffer durable the feed fills the other, so batches grow with load and latency stays one commit.
 * Heartbeats count after the trades and quotes of the same buffer.
 */
export class Intake implements AsyncIterable<Observations> {
  readonly source: string;
  readonly #rowsMax: number;
  #scope: string;
  #recording = '';
  #open: Observations;
  /** What ingest is done with: its memory is used again. */
  #spent: Observations | undefined;
  #ended = false;
  #filled = Promise.withResolvers<void>();
  #taken = Promise.withResolvers<void>();

  /** `scope` is the id scope of the first records; `rowsMax` bounds what may wait. */
  constructor(source: string, scope: string, rowsMax = 65_536) {
    this.source = source;
    this.#scope = scope;
    this.#rowsMax = rowsMax;
    this.#open = new Observations(source, scope);
  }

  /** The buffer to push to now. Ask again after every await: it is swapped when taken. */
  get open(): Observations {
    return this.#open;
  }

  /** Rows that a parser may still push before it has to await `room`. */
  get free(): number {
    return this.#rowsMax - this.#open.count;
  }

  /** Tells ingest that the open buffer has something to take. */
  offer(): void {
    this.#filled.resolve();
  }

  /** Offers, and resolves once there is room for more. */
  async room(): Promise<void> {
    if (this.#open.count > 0) this.offer();
    while (this.free <= 0 && !this.#ended) await this.#taken.promise;
  }

  /** Offers what is open and resolves once ingest has taken it. */
  async flush(): Promise<void> {
    const filled = this.#open;
    if (filled.count === 0) return;
    this.offer();
    while (this.#open === filled && !this.#ended) await this.#taken.promise;
  }

  /** Begins another id scope, such as the next file; `recording` names a file that is complete. */
  async enter(scope: string, recording = ''): Promise<void> {
    await this.flush();
    this.#scope = scope;
    this.#recording = recording;
    this.#open = this.#next();
  }

  /** After the last push: ingest takes what is left and then its iteration ends. */
  end(): void {
    this.#ended = true;
    this.#filled.resolve();
    this.#taken.resolve();
  }

  #next(): Observations {
    const spent = this.#spent;
    this.#spent = undefined;
    const next = new Observations(this.source, this.#scope, spent);
    for (const columns of [next.trades, next.quotes, next.bars]) {
      columns.recording = this.#recording;
    }
    return next;
  }

  /** What it yields is the consumer's until it asks for the next. */
  async *[Symbol.asyncIterator](): AsyncIterator<Observations> {
    for (;;) {
      await this.#filled.promise;
      this.#filled = Promise.withResolvers<void>();
      const taken = this.#open;
      if (taken.count > 0) {
        this.#open = this.#next();
        this.#taken.resolve();
        this.#taken = Promise.withResolvers<void>();
        yield taken;
        this.#spent = taken;
      }
      if (this.#ended && this.#open.count === 0) return;
      if (this.#open.count > 0 && this.#ended) this.#filled.resolve();
    }
  }
}
