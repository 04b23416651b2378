// Ingest: joins a feed to the log. Here, and only here, it is decided of each record what it is:
// new or a repeat, on time or late, its sequence. The decision is written to the log with the
// record, and everything after is a pure function of the log.
//
// Records, decisions and the memory they rest on (ids seen, clocks, sequences) commit together, so
// a crash at any instruction leaves both or neither, and replaying a file again adds nothing.

import type { Clock } from '../base/clock.ts';
import { microsPerSecond } from '../base/clock.ts';
import { type DeadLetter, deadLetter } from '../contracts/dead-letter.ts';
import { rescale } from '../contracts/decimal.ts';
import type { EventColumns } from '../contracts/event-columns.ts';
import { encodeJson } from '../contracts/frame.ts';
import { encodeHeartbeat, type Heartbeat } from '../contracts/heartbeat.ts';
import { idSpace } from '../contracts/identity.ts';
import { alwaysOpenCalendar, type BatchInstrument } from '../contracts/instrument.ts';
import { encodeQuotes } from '../contracts/quote.ts';
import { encodeTrades } from '../contracts/trade.ts';
import { late, onTime } from '../contracts/verdict.ts';
import type { Instrument } from '../contracts/wire-objects.ts';
import type { Feed, Observations } from '../feeds/feed.ts';
import { Intake } from '../feeds/feed.ts';
import type { Append, Log, StateWrite, Topic } from '../log/log.ts';
import { commitUntilDurable } from './commit.ts';
import type { Meters } from './meters.ts';
import { blockSize, SeenIds } from './seen-ids.ts';

export interface IngestOptions {
  /** Microseconds of event time that a record may be behind the newest and still be on time. */
  readonly allowedLateness: number;
}

const streams = { 'market.trades': 'trades', 'market.quotes': 'quotes' } as const;
type Stream = keyof typeof streams;

/** What ingest remembers of a symbol in one stream. */
interface Memory {
  /** Newest event time, microseconds. */
  clock: number;
  sequence: number;
  /** Finest scales seen; batches may be coarser. */
  priceScale: number;
  sizeScale: number;
  /** Largest amounts seen, in those scales: a finer scale must still hold them. */
  priceMax: number;
  sizeMax: number;
}

const partition = 0;
const idBlocksMax = 4_096;
/** A record further in the future than this is absurd: it would make everything after it late. */
const futureMax = 3_600 * microsPerSecond;

export class Ingest {
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #options: IngestOptions;
  readonly #meters: Meters;
  readonly #memories = new Map<string, Memory>();
  /** What the log knows of each symbol met; null while that is nothing. */
  readonly #instruments = new Map<string, Instrument | null>();
  readonly #seen = new Map<string, SeenIds>();
  /** The numberings of the observations being decided. */
  readonly #touched = new Set<SeenIds>();
  #turn: Promise<void> = Promise.resolve();

  constructor(log: Log, clock: Clock, options: IngestOptions, meters: Meters) {
    this.#log = log;
    this.#clock = clock;
    this.#options = options;
    this.#meters = meters;
  }

  /**
   * Runs a feed until it ends or the signal aborts, then until all it gave is durable.
   * `keepTrying`: a live plant waits out a full disk; a command fails with the Failure instead.
   */
  async run(feed: Feed, signal: AbortSignal, keepTrying: boolean): Promise<void> {
    const intake = new Intake(feed.name, feed.name);
    const failed = new AbortController();
    const running = feed
      .run(intake, AbortSignal.any([signal, failed.signal]))
      .finally(() => intake.end());
    // It is awaited below, once what the feed gave is taken; till then nobody listens.
    running.catch(() => undefined);
    try {
      for await (const observations of intake) await this.take(observations, keepTrying, signal);
    } catch (error) {
      failed.abort();
      intake.end();
      await running.catch(() => undefined);
      throw error;
    }
    await running;
  }

  /**
   * Decides and commits; resolves once durable. One at a time, commit included: what one saw the
   * next must know, and ids that left memory are asked of the log.
   */
  async take(observations: Observations, keepTrying: boolean, signal: AbortSignal): Promise<void> {
    const before = this.#turn;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#turn = promise;
    await before;
    try {
      const appends: Append[] = [];
      const state: StateWrite[] = [];
      await this.#decide(observations, appends, state);
      await this.#commit(appends, state, keepTrying, signal);
    } finally {
      resolve();
    }
  }

  async #decide(seen: Observations, appends: Append[], state: StateWrite[]): Promise<void> {
    const { trades, quotes, heartbeats, deadLetters } = seen;
    await this.#introduce(seen.instruments, appends, state);
    await this.#judge('market.trades', trades, [trades.price], [trades.size], seen);
    await this.#judge(
      'market.quotes',
      quotes,
      [quotes.bid, quotes.ask],
      [quotes.bidSize, quotes.askSize],
      seen,
    );
    if (trades.count > 0) appends.push(this.#append('market.trades', trades, encodeTrades(trades)));
    if (quotes.count > 0) appends.push(this.#append('market.quotes', quotes, encodeQuotes(quotes)));
    for (const heartbeat of heartbeats) await this.#beat(heartbeat, appends);
    this.#remember(seen, state);
    if (deadLetters.length > 0) appends.push(this.#bury(deadLetters));
  }

  #append(topic: Stream, columns: EventColumns, bytes: Uint8Array): Append {
    const labels = { source: columns.source, stream: streams[topic] };
    this.#meters.records.inc(labels, columns.count);
    return { topic, partition, count: columns.count, bytes };
  }

  #bury(letters: readonly DeadLetter[]): Append {
    for (const { source, reason } of letters) this.#meters.deadLetters.inc({ source, reason });
    const bytes = encodeJson(letters);
    return { topic: 'dead-letter', partition, count: letters.length, bytes };
  }

  /** Drops repeats and the impossible, and marks what is late, in place. */
  async #judge(
    topic: Stream,
    columns: EventColumns,
    prices: readonly Float64Array[],
    sizes: readonly Float64Array[],
    into: Observations,
  ): Promise<void> {
    if (columns.count === 0) return;
    const keep = new Uint8Array(columns.count).fill(1);
    await this.#dropRepeats(topic, columns, keep);
    const priceMax = largest(columns, prices);
    const sizeMax = largest(columns, sizes);
    for (const [index, entry] of columns.instruments.entries()) {
      const memory = await this.#memoryOf(topic, entry.symbol);
      const fits = widen(memory, entry, priceMax[index] as number, sizeMax[index] as number);
      const ofInstrument = (row: number): boolean => columns.instrument[row] === index;
      if (!fits) this.#refuse(columns, keep, ofInstrument, 'too-many-digits', into);
    }
    const tooEarly = (row: number): boolean =>
      (columns.eventTime[row] as number) > (columns.receiveTime[row] as number) + futureMax;
    this.#refuse(columns, keep, tooEarly, 'time-in-future', into);
    if (keep.includes(0)) columns.compact(keep);
    await this.#stamp(topic, columns);
  }

  async #dropRepeats(topic: Stream, columns: EventColumns, keep: Uint8Array): Promise<void> {
    const spaces = columns.instruments.map(({ symbol }) => this.#seenIn(topic, columns, symbol));
    let repeats = 0;
    for (let row = 0; row < columns.count; ) {
      const end = runEnd(columns, row);
      const id = columns.id[row] as number;
      if (!Number.isNaN(id)) {
        const space = spaces[columns.instrument[row] as number] as SeenIds;
        if (space.lacks(id)) await space.load(this.#log, id);
        if (!space.addRun(id, id + end - row)) {
          for (let at = row; at < end; at++) {
            if (space.add(columns.id[at] as number)) continue;
            keep[at] = 0;
            repeats++;
          }
        }
      }
      row = end;
    }
    const labels = { source: columns.source, stream: streams[topic] };
    if (repeats > 0) this.#meters.repeats.inc(labels, repeats);
  }

  #seenIn(topic: Stream, columns: EventColumns, symbol: string): SeenIds {
    const space = `${streams[topic]} ${idSpace(columns.scope, symbol)}`;
    let seen = this.#seen.get(space);
    if (!seen) {
      seen = new SeenIds(space);
      this.#seen.set(space, seen);
    }
    this.#touched.add(seen);
    return seen;
  }

  #refuse(
    columns: EventColumns,
    keep: Uint8Array,
    refused: (row: number) => boolean,
    reason: string,
    into: Observations,
  ): void {
    for (let row = 0; row < columns.count; row++) {
      if (keep[row] === 0 || !refused(row)) continue;
      keep[row] = 0;
      const record = Object.fromEntries(
        Object.entries(columns).flatMap(([name, column]) =>
          ArrayBuffer.isView(column) ? [[name, (column as Float64Array)[row]]] : [],
        ),
      );
      const { symbol } = columns.instruments[columns.instrument[row] as number] as BatchInstrument;
      const fields = {
        source: columns.source,
        receiveTime: columns.receiveTime[row] as number,
        where: `${columns.scope} ${symbol} id ${columns.textIds?.[row] ?? columns.id[row]}`,
        reason,
        detail: refusals[reason] ?? reason,
      };
      into.deadLetters.push(deadLetter(fields, JSON.stringify(record)));
    }
  }

  /** Verdicts, clocks and sequences of the rows that stay. */
  async #stamp(topic: Stream, columns: EventColumns): Promise<void> {
    const memories: Memory[] = [];
    for (const entry of columns.instruments) {
      const memory = await this.#memoryOf(topic, entry.symbol);
      entry.sequence = memory.sequence;
      entry.calendar = (await this.#definitionOf(entry.symbol))?.calendar ?? alwaysOpenCalendar;
      memories.push(memory);
    }
    const { allowedLateness } = this.#options;
    let lateCount = 0;
    for (let row = 0; row < columns.count; row++) {
      const memory = memories[columns.instrument[row] as number] as Memory;
      const time = columns.eventTime[row] as number;
      const isLate = time < memory.clock - allowedLateness;
      columns.verdict[row] = isLate ? late : onTime;
      if (isLate) lateCount++;
      else if (time > memory.clock) memory.clock = time;
      memory.sequence++;
    }
    const labels = { source: columns.source, stream: streams[topic] };
    if (lateCount > 0) this.#meters.late.inc(labels, lateCount);
  }

  async #beat(heartbeat: Heartbeat, appends: Append[]): Promise<void> {
    const bytes = encodeHeartbeat(heartbeat);
    const ahead = heartbeat.complete ? this.#options.allowedLateness : 0;
    for (const topic of Object.keys(streams) as Stream[]) {
      let known = false;
      for (const symbol of heartbeat.symbols) {
        const memory = await this.#memoryOf(topic, symbol);
        if (memory.sequence === 0) continue;
        known = true;
        memory.clock = Math.max(memory.clock, heartbeat.eventTime + ahead);
      }
      if (known) appends.push({ topic, partition, count: 1, bytes });
    }
  }

  /** New instruments go to their topic; the first source to define a symbol owns it. */
  async #introduce(
    instruments: readonly Instrument[],
    appends: Append[],
    state: StateWrite[],
  ): Promise<void> {
    const fresh: Instrument[] = [];
    for (const instrument of instruments) {
      const known = await this.#definitionOf(instrument.symbol);
      if (known && known.source !== instrument.source) continue;
      const text = JSON.stringify(instrument);
      if (JSON.stringify(known) === text) continue;
      this.#instruments.set(instrument.symbol, instrument);
      state.push({ key: instrumentKey(instrument.symbol), value: Buffer.from(text) });
      fresh.push(instrument);
    }
    if (fresh.length === 0) return;
    const bytes = encodeJson(fresh);
    appends.push({ topic: 'instruments', partition, count: fresh.length, bytes });
  }

  async #definitionOf(symbol: string): Promise<Instrument | null> {
    let known = this.#instruments.get(symbol);
    if (known === undefined) {
      const stored = decode(await this.#log.state(instrumentKey(symbol)));
      known = stored ? (JSON.parse(stored) as Instrument) : null;
      this.#instruments.set(symbol, known);
    }
    return known;
  }

  async #memoryOf(topic: Stream, symbol: string): Promise<Memory> {
    const key = memoryKey(topic, symbol);
    let memory = this.#memories.get(key);
    if (!memory) {
      const stored = decode(await this.#log.state(key));
      memory = stored ? (JSON.parse(stored) as Memory) : newMemory();
      this.#memories.set(key, memory);
    }
    return memory;
  }

  #remember({ trades, quotes, heartbeats }: Observations, state: StateWrite[]): void {
    const touched = new Set<string>();
    for (const [topic, columns] of [
      ['market.trades', trades],
      ['market.quotes', quotes],
    ] as const) {
      for (const { symbol } of columns.instruments) touched.add(memoryKey(topic, symbol));
      for (const { symbols } of heartbeats) {
        for (const symbol of symbols) touched.add(memoryKey(topic, symbol));
      }
    }
    for (const key of touched) {
      const memory = this.#memories.get(key);
      if (!memory || memory.sequence === 0) continue;
      state.push({ key, value: Buffer.from(JSON.stringify(memory)) });
    }
    for (const seen of this.#touched) {
      state.push(...seen.changes());
      seen.shrink(idBlocksMax);
    }
    this.#touched.clear();
  }

  async #commit(
    appends: readonly Append[],
    state: readonly StateWrite[],
    keepTrying: boolean,
    signal: AbortSignal,
  ): Promise<void> {
    if (appends.length === 0) return;
    await commitUntilDurable(this.#log, { appends, state }, this.#clock, keepTrying, signal);
  }
}

const refusals: Record<string, string> = {
  'too-many-digits': 'price or size has more digits than fit beside those seen before (2^53)',
  'time-in-future': 'event time is more than an hour after it was received',
};

function newMemory(): Memory {
  return {
    clock: Number.MIN_SAFE_INTEGER,
    sequence: 0,
    priceScale: 0,
    sizeScale: 0,
    priceMax: 0,
    sizeMax: 0,
  };
}

function instrumentKey(symbol: string): string {
  return `ingest instrument ${symbol}`;
}

function memoryKey(topic: Topic, symbol: string): string {
  return `ingest memory ${topic} ${symbol}`;
}

function decode(value: Uint8Array | null): string | undefined {
  return value ? Buffer.from(value).toString() : undefined;
}

/** The row after those that number on from `row`: one instrument, one block of ids. */
function runEnd({ count, instrument, id }: EventColumns, row: number): number {
  const index = instrument[row];
  const blockEnd = (Math.floor((id[row] as number) / blockSize) + 1) * blockSize;
  let next = (id[row] as number) + 1;
  let end = row + 1;
  while (end < count && instrument[end] === index && id[end] === next && next < blockEnd) {
    end++;
    next++;
  }
  return end;
}

/** Whether a batch's amounts fit beside all that its symbol has seen; if so they are remembered. */
function widen(memory: Memory, entry: BatchInstrument, priceMax: number, sizeMax: number): boolean {
  const priceScale = Math.max(memory.priceScale, entry.priceScale);
  const sizeScale = Math.max(memory.sizeScale, entry.sizeScale);
  const prices = [
    rescale(priceMax, entry.priceScale, priceScale),
    rescale(memory.priceMax, memory.priceScale, priceScale),
  ];
  const sizes = [
    rescale(sizeMax, entry.sizeScale, sizeScale),
    rescale(memory.sizeMax, memory.sizeScale, sizeScale),
  ];
  if (prices.includes(null) || sizes.includes(null)) return false;
  memory.priceScale = priceScale;
  memory.sizeScale = sizeScale;
  memory.priceMax = Math.max(...(prices as number[]));
  memory.sizeMax = Math.max(...(sizes as number[]));
  return true;
}

/** Per instrument, the largest magnitude in these columns. */
function largest(columns: EventColumns, of: readonly Float64Array[]): Float64Array {
  const result = new Float64Array(columns.instruments.length);
  for (const column of of) {
    for (let row = 0; row < columns.count; row++) {
      const index = columns.instrument[row] as number;
      const magnitude = Math.abs(column[row] as number);
      if (magnitude > (result[index] as number)) result[index] = magnitude;
    }
  }
  return result;
}
