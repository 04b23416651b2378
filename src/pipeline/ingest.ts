// Ingest: joins a feed to the log. Here, and only here, it is decided of each record what it is:
// new or a repeat, on time or late, its sequence. The decision is written to the log with the
// record, and everything after is a pure function of the log.
//
// Records, decisions and the memory they rest on (ids seen, clocks, sequences) commit together, so
// a crash at any instruction leaves both or neither, and replaying a file again adds nothing.

import type { Clock, Micros } from '../base/clock.ts';
import { BarColumns, encodeBars } from '../contracts/bar.ts';
import { type DeadLetter, deadLetter } from '../contracts/dead-letter.ts';
import type { EventColumns } from '../contracts/event-columns.ts';
import { encodeJson } from '../contracts/frame.ts';
import { encodeHeartbeat, type Heartbeat } from '../contracts/heartbeat.ts';
import { idSpace, numbersRows } from '../contracts/identity.ts';
import { alwaysOpenCalendar, type BatchInstrument } from '../contracts/instrument.ts';
import { encodeQuotes, type QuoteColumns } from '../contracts/quote.ts';
import { futureMax } from '../contracts/time.ts';
import { encodeTrades, type TradeColumns } from '../contracts/trade.ts';
import {
  cancel,
  cancelled,
  cancelTooLate,
  correction,
  counts,
  isCancel,
  late,
  onTime,
  tooLate,
  verdictName,
  verdicts,
} from '../contracts/verdict.ts';
import type { Instrument } from '../contracts/wire-objects.ts';
import type { Feed, Observations } from '../feeds/feed.ts';
import { Intake } from '../feeds/feed.ts';
import type { KnownTrade } from '../feeds/live-feed.ts';
import type { Append, Log, StateWrite, Topic } from '../log/log.ts';
import {
  type AmountColumns,
  type Amounts,
  judgeAmounts,
  newAmounts,
  quoteFactorMax,
  tradeFactorMax,
} from './amounts.ts';
import { commitUntilDurable } from './commit.ts';
import type { Meters } from './meters.ts';
import { blockSize, SeenIds } from './seen-ids.ts';

export interface IngestOptions {
  /** Microseconds of event time that a record may be behind the newest and still be on time. */
  readonly allowedLateness: number;
  /**
   * Microseconds of event time that a record may be behind the newest of its instrument and still
   * change candles; Infinity for no bound.
   */
  readonly correctionHorizon: number;
}

const streams = { 'market.trades': 'trades', 'market.quotes': 'quotes' } as const;
type Stream = keyof typeof streams;

/** What ingest remembers of a symbol in one stream. */
interface Memory extends Amounts {
  /** Newest event time, microseconds. */
  clock: number;
  sequence: number;
  /** By id scope, the record of the greatest id, where a source numbers its records. */
  readonly newest: Record<string, KnownTrade>;
}

const partition = 0;
const idBlocksMax = 4_096;
/** Of how many id scopes a symbol's newest record is remembered: each simulation has its own. */
const scopesMax = 8;

export class Ingest {
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #options: IngestOptions;
  readonly #meters: Meters;
  readonly #memories = new Map<string, Memory>();
  /** What the log knows of each symbol met; null while that is nothing. */
  readonly #instruments = new Map<string, Instrument | null>();
  readonly #seen = new Map<string, SeenIds>();
  /** By numbering, the ids of cancelled trades; null where there are none, as nearly everywhere. */
  readonly #cancels = new Map<string, SeenIds | null>();
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
    } catch (error) {
      this.#forget();
      throw error;
    } finally {
      resolve();
    }
  }

  /** What was decided is not in the log: all that is remembered is read again from there. */
  #forget(): void {
    this.#memories.clear();
    this.#instruments.clear();
    this.#seen.clear();
    this.#cancels.clear();
    this.#touched.clear();
  }

  async #decide(seen: Observations, appends: Append[], state: StateWrite[]): Promise<void> {
    const { trades, quotes, bars, heartbeats, deadLetters } = seen;
    await this.#introduce(seen.instruments, appends, state);
    await this.#judge('market.trades', trades, tradeAmounts(trades), seen);
    await this.#judge('market.quotes', quotes, quoteAmounts(quotes), seen);
    await this.#judge('market.trades', bars, barAmounts(bars), seen);
    if (trades.count > 0) appends.push(this.#append('market.trades', trades, encodeTrades(trades)));
    if (bars.count > 0) appends.push(this.#append('market.trades', bars, encodeBars(bars)));
    if (quotes.count > 0) appends.push(this.#append('market.quotes', quotes, encodeQuotes(quotes)));
    for (const heartbeat of heartbeats) await this.#beat(heartbeat, appends);
    this.#remember(seen, state);
    if (deadLetters.length > 0) appends.push(this.#bury(deadLetters));
  }

  #append(topic: Stream, columns: EventColumns, bytes: Uint8Array): Append {
    const labels = labelsOf(topic, columns);
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
    amounts: AmountColumns,
    into: Observations,
  ): Promise<void> {
    if (columns.count === 0) return;
    this.#refuseEarly(columns, into);
    const spaces = columns.instruments.map(
      ({ symbol }) => `${streams[topic]} ${idSpace(columns.scope, symbol)}`,
    );
    await this.#dropRepeats(topic, columns, spaces);
    await this.#markCancelled(columns, spaces);
    const memories: Memory[] = [];
    for (const entry of columns.instruments) {
      memories.push(await this.#memoryOf(topic, entry.symbol));
      entry.calendar = (await this.#definitionOf(entry.symbol))?.calendar ?? alwaysOpenCalendar;
    }
    const fits = new Uint8Array(columns.count).fill(1);
    judgeAmounts(columns, amounts, memories, (row, reason) => {
      refuse(columns, fits, row, reason, into);
    });
    if (fits.includes(0)) columns.compact(fits);
    this.#stamp(topic, columns, memories);
  }

  /** Before ids are looked at: what is refused for its time may come again with a better one. */
  #refuseEarly(columns: EventColumns, into: Observations): void {
    const keep = new Uint8Array(columns.count).fill(1);
    const now = this.#clock.now();
    for (let row = 0; row < columns.count; row++) {
      // What is replayed was received when it happened, so our own clock has to be asked too.
      const received = Math.min(columns.receiveTime[row] as number, now);
      const tooEarly = (columns.eventTime[row] as number) > received + futureMax;
      if (tooEarly) refuse(columns, keep, row, 'time-in-future', into);
    }
    if (keep.includes(0)) columns.compact(keep);
  }

  /** An id is taken in once, and cancelled once. */
  async #dropRepeats(
    topic: Stream,
    columns: EventColumns,
    spaces: readonly string[],
  ): Promise<void> {
    const keep = new Uint8Array(columns.count).fill(1);
    const seen = spaces.map((space) => this.#seenIn(space));
    let repeats = 0;
    for (let row = 0; row < columns.count; ) {
      const end = runEnd(columns, row);
      const id = columns.id[row] as number;
      if (!Number.isNaN(id)) {
        const index = columns.instrument[row] as number;
        const space =
          columns.verdict[row] === cancel
            ? await this.#cancelsIn(spaces[index] as string)
            : (seen[index] as SeenIds);
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
    if (repeats === 0) return;
    columns.compact(keep);
    this.#meters.repeats.inc(labelsOf(topic, columns), repeats);
  }

  /** A trade whose cancel came before it, or beside it, counts for nothing. */
  async #markCancelled(columns: EventColumns, spaces: readonly string[]): Promise<void> {
    const known: (SeenIds | null)[] = [];
    for (const space of spaces) known.push(await this.#knownCancels(space));
    if (known.every((cancels) => cancels === null)) return;
    for (let row = 0; row < columns.count; row++) {
      const cancels = known[columns.instrument[row] as number] as SeenIds | null;
      const id = columns.id[row] as number;
      if (cancels === null || columns.verdict[row] === cancel || Number.isNaN(id)) continue;
      if (cancels.lacks(id)) await cancels.load(this.#log, id);
      if (cancels.has(id)) columns.verdict[row] = cancelled;
    }
  }

  async #knownCancels(space: string): Promise<SeenIds | null> {
    let cancels = this.#cancels.get(space);
    if (cancels === undefined) {
      const known = cancelsOf(space);
      cancels = (await SeenIds.areIn(this.#log, known)) ? new SeenIds(known) : null;
      this.#cancels.set(space, cancels);
    }
    if (cancels) this.#touched.add(cancels);
    return cancels;
  }

  async #cancelsIn(space: string): Promise<SeenIds> {
    const cancels = (await this.#knownCancels(space)) ?? new SeenIds(cancelsOf(space));
    this.#cancels.set(space, cancels);
    this.#touched.add(cancels);
    return cancels;
  }

  #seenIn(space: string): SeenIds {
    let seen = this.#seen.get(space);
    if (!seen) {
      seen = new SeenIds(space);
      this.#seen.set(space, seen);
    }
    this.#touched.add(seen);
    return seen;
  }

  /** Verdicts, clocks and sequences of the rows that stay. */
  #stamp(topic: Stream, columns: EventColumns, memories: readonly Memory[]): void {
    for (const [index, entry] of columns.instruments.entries()) {
      entry.sequence = (memories[index] as Memory).sequence;
    }
    const counted = new Float64Array(verdicts.length);
    for (let row = 0; row < columns.count; row++) {
      const memory = memories[columns.instrument[row] as number] as Memory;
      const time = columns.eventTime[row] as number;
      const verdict = this.#verdictOn(columns.verdict[row] as number, memory.clock - time);
      columns.verdict[row] = verdict;
      counted[verdict] = (counted[verdict] as number) + 1;
      if (counts(verdict) && time > memory.clock) memory.clock = time;
      memory.sequence++;
    }
    noteNewest(columns, memories);
    // A symbol's further entries have no rows, and nothing may begin with them again.
    const known = new Set<Memory>();
    for (const [index, entry] of columns.instruments.entries()) {
      const memory = memories[index] as Memory;
      if (known.has(memory)) entry.sequence = memory.sequence;
      known.add(memory);
    }
    const { source } = columns;
    const lateCount = counted[late] as number;
    if (lateCount > 0) this.#meters.late.inc(labelsOf(topic, columns), lateCount);
    for (let code = correction; code < verdicts.length; code++) {
      const rows = counted[code] as number;
      if (rows > 0) this.#meters.corrections.inc({ source, verdict: verdictName(code) }, rows);
    }
  }

  /** `said` is what is known of a record but its time, which is `behind` the newest. */
  #verdictOn(said: number, behind: number): number {
    const { allowedLateness, correctionHorizon } = this.#options;
    if (behind <= allowedLateness) return said === late ? onTime : said;
    // What fills a gap has no horizon: an outage may be longer.
    if (said === cancelled || said === late) return said;
    if (behind > correctionHorizon) return said === cancel ? cancelTooLate : tooLate;
    return said === onTime ? late : said;
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

  /**
   * New instruments go to their topic. The first source to define a symbol owns it; of its files
   * the one that does not even know the kind of instrument cannot undo what another knew.
   */
  async #introduce(
    instruments: readonly Instrument[],
    appends: Append[],
    state: StateWrite[],
  ): Promise<void> {
    const fresh: Instrument[] = [];
    for (const instrument of instruments) {
      const known = await this.#definitionOf(instrument.symbol);
      if (known && known.source !== instrument.source) continue;
      if (known && instrument.assetClass === 'unknown' && known.assetClass !== 'unknown') continue;
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

  #remember({ trades, quotes, bars, heartbeats }: Observations, state: StateWrite[]): void {
    const touched = new Set<string>();
    for (const [topic, columns] of [
      ['market.trades', trades],
      ['market.quotes', quotes],
      ['market.trades', bars],
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

/**
 * By symbol, the newest trade that the log has within an id scope: a live feed asks its exchange
 * for what was traded since.
 */
export async function knownTrades(log: Log, scope: string): Promise<Map<string, KnownTrade>> {
  const known = new Map<string, KnownTrade>();
  const prefix = memoryKey('market.trades', '');
  for await (const [key, value] of log.states(prefix)) {
    const newest = (JSON.parse(decode(value) as string) as Memory).newest[scope];
    if (newest) known.set(key.slice(prefix.length), newest);
  }
  return known;
}

const refusals = {
  'price-too-far': 'price is a million times the one before it, or a millionth (quotes: 10^9)',
  'too-many-digits': 'price or size has more digits than fit beside those seen before (2^53)',
  'time-in-future': 'event time is more than an hour after it was received, or after now',
};

/** Takes a row out, into the dead letters. */
function refuse(
  columns: EventColumns,
  keep: Uint8Array,
  row: number,
  reason: keyof typeof refusals,
  into: Observations,
): void {
  keep[row] = 0;
  const record = Object.fromEntries(
    Object.entries(columns).flatMap(([name, column]) =>
      ArrayBuffer.isView(column) ? [[name, (column as Float64Array)[row]]] : [],
    ),
  );
  const instrument = columns.instruments[columns.instrument[row] as number] as BatchInstrument;
  const { symbol, priceScale, sizeScale } = instrument;
  const fields = {
    source: columns.source,
    receiveTime: columns.receiveTime[row] as number,
    where: `${columns.scope} ${symbol} id ${columns.textIds?.[row] ?? columns.id[row]}`,
    reason,
    detail: refusals[reason],
  };
  const raw = JSON.stringify({ ...record, priceScale, sizeScale });
  into.deadLetters.push(deadLetter(fields, raw));
}

function tradeAmounts({ price, size }: TradeColumns): AmountColumns {
  return { prices: [price], sizes: [size], factorMax: tradeFactorMax };
}

function barAmounts({ open, high, low, close, volume }: BarColumns): AmountColumns {
  return { prices: [open, high, low, close], sizes: [volume], factorMax: tradeFactorMax };
}

function quoteAmounts({ bid, ask, bidSize, askSize }: QuoteColumns): AmountColumns {
  return { prices: [bid, ask], sizes: [bidSize, askSize], factorMax: quoteFactorMax };
}

/** The numbering of the cancels of a numbering. */
function cancelsOf(space: string): string {
  return `cancels ${space}`;
}

function noteNewest(columns: EventColumns, memories: readonly Memory[]): void {
  const { count, scope, textIds, instrument, id, eventTime, verdict } = columns;
  if (textIds !== null || numbersRows(scope)) return;
  const greatest = memories.map(({ newest }) => newest[scope]?.id ?? -1);
  const rows = new Map<number, number>();
  for (let row = 0; row < count; row++) {
    const index = instrument[row] as number;
    if (isCancel(verdict[row] as number)) continue;
    if (!((id[row] as number) > (greatest[index] as number))) continue;
    greatest[index] = id[row] as number;
    rows.set(index, row);
  }
  for (const [index, row] of rows) {
    const { newest } = memories[index] as Memory;
    newest[scope] = { id: id[row] as number, eventTime: eventTime[row] as Micros };
    const [oldest, ...others] = Object.keys(newest);
    if (oldest !== undefined && others.length >= scopesMax) delete newest[oldest];
  }
}

function newMemory(): Memory {
  return { ...newAmounts(), clock: Number.MIN_SAFE_INTEGER, sequence: 0, newest: {} };
}

function instrumentKey(symbol: string): string {
  return `ingest instrument ${symbol}`;
}

function labelsOf(topic: Stream, columns: EventColumns) {
  const stream = columns instanceof BarColumns ? 'bars' : streams[topic];
  return { source: columns.source, stream };
}

function memoryKey(topic: Topic, symbol: string): string {
  return `ingest memory ${topic} ${symbol}`;
}

function decode(value: Uint8Array | null): string | undefined {
  return value ? Buffer.from(value).toString() : undefined;
}

/** The row after those that number on from `row`: one instrument, one block, no cancel between. */
function runEnd({ count, instrument, id, verdict }: EventColumns, row: number): number {
  const index = instrument[row];
  const said = verdict[row];
  const blockEnd = (Math.floor((id[row] as number) / blockSize) + 1) * blockSize;
  let next = (id[row] as number) + 1;
  let end = row + 1;
  while (
    end < count &&
    instrument[end] === index &&
    id[end] === next &&
    next < blockEnd &&
    verdict[end] === said
  ) {
    end++;
    next++;
  }
  return end;
}
