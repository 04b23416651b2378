// Ingest: joins a feed to the log. Here, and only here, it is decided of each record what it is:
// new or a repeat, on time or late, its sequence. The decision is written to the log with the
// record, and everything after is a pure function of the log.
//
// Records, decisions and the memory they rest on (ids seen, clocks, sequences) commit together, so
// a crash at any instruction leaves both or neither, and replaying a file again adds nothing.

import type { Clock, Micros } from '../base/clock.ts';
import { BarColumns, encodeBars } from '../contracts/bar.ts';
import type { DeadLetter } from '../contracts/dead-letter.ts';
import type { EventColumns } from '../contracts/event-columns.ts';
import { encodeJson } from '../contracts/frame.ts';
import { encodeHeartbeat, type Heartbeat } from '../contracts/heartbeat.ts';
import { idSpace, numbersRows } from '../contracts/identity.ts';
import { alwaysOpenCalendar } from '../contracts/instrument.ts';
import { encodeQuotes, type QuoteColumns } from '../contracts/quote.ts';
import { futureMax } from '../contracts/time.ts';
import { encodeTrades, type TradeColumns } from '../contracts/trade.ts';
import {
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
import type { Feed, Gap, Observations } from '../feeds/feed.ts';
import { Intake } from '../feeds/feed.ts';
import type { KnownTrade } from '../feeds/live-feed.ts';
import { gapLimits } from '../feeds/trade-gaps.ts';
import type { Append, Log, StateWrite, Topic } from '../log/log.ts';
import {
  type Amounts,
  type BoundAmounts,
  judgeAmounts,
  newAmounts,
  quoteFactorMax,
  tradeFactorMax,
} from './amounts.ts';
import { commitUntilDurable } from './commit.ts';
import { Definitions } from './definitions.ts';
import { type Floor, Floors, isGone } from './floors.ts';
import type { Meters } from './meters.ts';
import { Refused } from './refusals.ts';
import { Repeats } from './repeats.ts';
import { keepShard, type Shard } from './shard.ts';
import { type Span, surveyOf } from './survey.ts';

export interface IngestOptions {
  /** Microseconds of event time that a record may be behind the newest and still be on time. */
  readonly allowedLateness: number;
  /**
   * Microseconds of event time that a record may be behind the newest of its instrument and still
   * change candles; Infinity for no bound.
   */
  readonly correctionHorizon: number;
  /** Where symbols are divided among several logs: what is not this one's is passed over. */
  readonly shard?: Shard;
}

const streams = { 'market.trades': 'trades', 'market.quotes': 'quotes' } as const;
type Stream = keyof typeof streams;

/** What ingest remembers of a symbol in one stream, beside its floor. */
interface Memory extends Amounts {
  /** Newest event time, microseconds. */
  clock: number;
  sequence: number;
  /**
   * By id scope, where a source numbers its records, the newest one before which none is missing,
   * but for those that were given up.
   */
  readonly newest: Record<string, KnownTrade>;
}

/** Of how many id scopes a symbol's newest record is remembered: each simulation has its own. */
const scopesMax = 8;

export class Ingest {
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #options: IngestOptions;
  readonly #meters: Meters;
  readonly #memories = new Map<string, Memory>();
  readonly #definitions: Definitions;
  readonly #repeats: Repeats;
  readonly #floors: Floors;
  #turn: Promise<void> = Promise.resolve();

  constructor(log: Log, clock: Clock, options: IngestOptions, meters: Meters) {
    this.#log = log;
    this.#clock = clock;
    this.#options = options;
    this.#meters = meters;
    this.#definitions = new Definitions(log);
    this.#repeats = new Repeats(log);
    this.#floors = new Floors(log, clock, options.correctionHorizon);
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
    if (this.#options.shard) keepShard(observations, this.#options.shard);
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
    this.#definitions.forget();
    this.#repeats.forget();
    this.#floors.forget();
  }

  async #decide(seen: Observations, appends: Append[], state: StateWrite[]): Promise<void> {
    const { allTrades, quotes, bars, heartbeats, deadLetters } = seen;
    await this.#introduce(seen.instruments, appends, state);
    for (const trades of allTrades) {
      await this.#judge('market.trades', trades, tradeAmounts(trades), seen);
    }
    await this.#judge('market.quotes', quotes, quoteAmounts(quotes), seen);
    await this.#judge('market.trades', bars, barAmounts(bars), seen);
    for (const trades of allTrades) {
      if (trades.count === 0) continue;
      appends.push(this.#append('market.trades', trades, encodeTrades(trades)));
    }
    if (bars.count > 0) appends.push(this.#append('market.trades', bars, encodeBars(bars)));
    if (quotes.count > 0) appends.push(this.#append('market.quotes', quotes, encodeQuotes(quotes)));
    await this.#giveUp(seen.givenUp, seen.trades.scope);
    for (const heartbeat of heartbeats) await this.#beat(heartbeat, appends);
    this.#remember(seen, state);
    if (deadLetters.length > 0) appends.push(this.#bury(deadLetters));
  }

  #append(topic: Stream, columns: EventColumns, bytes: Uint8Array): Append {
    const labels = labelsOf(topic, columns);
    this.#meters.records.inc(labels, columns.count);
    return { topic, count: columns.count, bytes };
  }

  #bury(letters: readonly DeadLetter[]): Append {
    for (const { source, reason } of letters) this.#meters.deadLetters.inc({ source, reason });
    const bytes = encodeJson(letters);
    return { topic: 'dead-letter', count: letters.length, bytes };
  }

  /** Drops repeats and the impossible, and marks what is late, in place. */
  async #judge(
    topic: Stream,
    columns: EventColumns,
    amounts: BoundAmounts,
    into: Observations,
  ): Promise<void> {
    if (columns.count === 0) return;
    let spans = surveyOf(columns, amounts);
    const look = (): void => {
      spans = surveyOf(columns, amounts);
    };
    // Before ids are looked at: what is refused for its time may come again with a better one.
    if (this.#refuseEarly(columns, spans, into)) look();
    const spaces = columns.instruments.map(({ symbol }) => spaceOf(topic, columns.scope, symbol));
    const repeats = await this.#repeats.drop(columns, spaces);
    if (repeats > 0) {
      this.#meters.repeats.inc(labelsOf(topic, columns), repeats);
      look();
    }
    await this.#repeats.markCancelled(columns, spaces);
    const memories: Memory[] = [];
    const floors: Floor[] = [];
    for (const entry of columns.instruments) {
      memories.push(await this.#memoryOf(topic, entry.symbol));
      floors.push(await this.#floors.of(topic, entry.symbol));
      entry.calendar = (await this.#definitions.of(entry.symbol))?.calendar ?? alwaysOpenCalendar;
    }
    const refused = new Refused(columns, into);
    const arePlain = judgeAmounts(columns, amounts, spans, memories, refused.take);
    refused.drop();
    if (!arePlain) look();
    this.#stamp(topic, columns, spans, memories, floors);
    await this.#noteNewest(columns, spaces, spans, memories);
  }

  /** Moves the newest record before which none is missing, where the source numbers. */
  async #noteNewest(
    { scope, textIds }: EventColumns,
    spaces: readonly string[],
    spans: readonly Span[],
    memories: readonly Memory[],
  ): Promise<void> {
    if (textIds !== null || numbersRows(scope)) return;
    for (const [index, { idMax, idMaxTime }] of spans.entries()) {
      if (idMax < 0) continue;
      const memory = memories[index] as Memory;
      const known = memory.newest[scope]?.id ?? idMax - 1;
      const ahead = idMax - known;
      // So far away nothing is fetched: the source numbers anew.
      const isElsewhere = Math.abs(ahead) > gapLimits.tradesMax;
      const space = spaces[index] as string;
      if (!isElsewhere && ahead <= 0) continue;
      if (!isElsewhere && !(await this.#repeats.hasAll(space, known + 1, idMax))) continue;
      setNewest(memory, scope, { id: idMax, eventTime: idMaxTime as Micros });
    }
  }

  /** What a feed has given up is missing for good, and nothing waits for it any more. */
  async #giveUp(gaps: readonly Gap[], scope: string): Promise<void> {
    for (const { symbol, from, to, after } of gaps) {
      const memory = await this.#memoryOf('market.trades', symbol);
      const known = memory.newest[scope];
      if (!known || known.id >= to) continue;
      const space = spaceOf('market.trades', scope, symbol);
      if (!(await this.#repeats.hasAll(space, known.id + 1, from))) continue;
      setNewest(memory, scope, { id: to, eventTime: after ?? known.eventTime });
    }
  }

  /** Whether any row was refused for a time that has not come yet. */
  #refuseEarly(columns: EventColumns, spans: readonly Span[], into: Observations): boolean {
    const now = this.#clock.now();
    const isPlain = spans.every(
      ({ ahead, newest }) => ahead <= futureMax && newest <= now + futureMax,
    );
    if (isPlain) return false;
    const refused = new Refused(columns, into);
    for (let row = 0; row < columns.count; row++) {
      // What is replayed was received when it happened, so our own clock has to be asked too.
      const received = Math.min(columns.receiveTime[row] as number, now);
      const tooEarly = (columns.eventTime[row] as number) > received + futureMax;
      if (tooEarly) refused.take(row, 'time-in-future');
    }
    return refused.drop();
  }

  /** Verdicts, clocks, floors and sequences of the rows that stay. */
  #stamp(
    topic: Stream,
    columns: EventColumns,
    spans: readonly Span[],
    memories: readonly Memory[],
    floors: readonly Floor[],
  ): void {
    for (const [index, entry] of columns.instruments.entries()) {
      const { sequence, clock } = memories[index] as Memory;
      const floor = floors[index] as Floor;
      entry.sequence = sequence;
      if (this.#floors.raise(floor, clock)) entry.gone = floor.gone;
    }
    if (this.#areOnTime(columns, spans, memories)) {
      for (const [index, { rows, newest, oldest }] of spans.entries()) {
        const memory = memories[index] as Memory;
        memory.clock = Math.max(memory.clock, newest);
        memory.sequence += rows;
        this.#floors.note(floors[index] as Floor, oldest);
      }
    } else {
      this.#stampRows(topic, columns, memories, floors);
    }
    // A symbol's further entries have no rows, and nothing may begin with them again.
    const known = new Set<Memory>();
    for (const [index, entry] of columns.instruments.entries()) {
      const memory = memories[index] as Memory;
      if (known.has(memory)) entry.sequence = memory.sequence;
      known.add(memory);
    }
  }

  /** Whether nothing was said of any row, and none is behind by more than is allowed. */
  #areOnTime(
    { verdict, count }: EventColumns,
    spans: readonly Span[],
    memories: readonly Memory[],
  ): boolean {
    const { allowedLateness } = this.#options;
    const said = verdict.subarray(0, count);
    if (verdicts.keys().some((code) => code !== onTime && said.includes(code))) return false;
    return spans.every(({ rows, behind, oldest }, index) => {
      const { clock } = memories[index] as Memory;
      return rows === 0 || Math.max(behind, clock - oldest) <= allowedLateness;
    });
  }

  #stampRows(
    topic: Stream,
    columns: EventColumns,
    memories: readonly Memory[],
    floors: readonly Floor[],
  ): void {
    const counted = new Float64Array(verdicts.length);
    for (let row = 0; row < columns.count; row++) {
      const index = columns.instrument[row] as number;
      const memory = memories[index] as Memory;
      const floor = floors[index] as Floor;
      const time = columns.eventTime[row] as number;
      const said = columns.verdict[row] as number;
      const verdict = this.#verdictOn(said, memory.clock - time, isGone(floor, time));
      columns.verdict[row] = verdict;
      counted[verdict] = (counted[verdict] as number) + 1;
      memory.sequence++;
      if (!counts(verdict)) continue;
      memory.clock = Math.max(memory.clock, time);
      this.#floors.note(floor, time);
    }
    const { source } = columns;
    const lateCount = counted[late] as number;
    if (lateCount > 0) this.#meters.late.inc(labelsOf(topic, columns), lateCount);
    for (let code = correction; code < verdicts.length; code++) {
      const rows = counted[code] as number;
      if (rows > 0) this.#meters.corrections.inc({ source, verdict: verdictName(code) }, rows);
    }
  }

  /**
   * `said` is what is known of a record but its time, which is `behind` the newest, and below the
   * floor if it `isGone`.
   */
  #verdictOn(said: number, behind: number, isGone: boolean): number {
    const { allowedLateness, correctionHorizon } = this.#options;
    if (behind <= allowedLateness) return said === late ? onTime : said;
    if (said === cancelled) return said;
    // What fills a gap has no horizon: an outage may be longer.
    const isTooLate = isGone || (behind > correctionHorizon && said !== late);
    if (isTooLate) return isCancel(said) ? cancelTooLate : tooLate;
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
      if (known) appends.push({ topic, count: 1, bytes });
    }
  }

  /** New instruments go to their topic. */
  async #introduce(
    instruments: readonly Instrument[],
    appends: Append[],
    state: StateWrite[],
  ): Promise<void> {
    const fresh = await this.#definitions.learn(instruments, state);
    if (fresh.length === 0) return;
    const bytes = encodeJson(fresh);
    appends.push({ topic: 'instruments', count: fresh.length, bytes });
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

  #remember({ allTrades, quotes, bars, heartbeats }: Observations, state: StateWrite[]): void {
    const touched = new Set<string>();
    for (const [topic, batches] of [
      ['market.trades', [...allTrades, bars]],
      ['market.quotes', [quotes]],
    ] as const) {
      const instruments = batches.flatMap((columns) => columns.instruments);
      for (const { symbol } of instruments) touched.add(memoryKey(topic, symbol));
      for (const { symbols } of heartbeats) {
        for (const symbol of symbols) touched.add(memoryKey(topic, symbol));
      }
    }
    for (const key of touched) {
      const memory = this.#memories.get(key);
      if (!memory || memory.sequence === 0) continue;
      state.push({ key, value: Buffer.from(JSON.stringify(memory)) });
    }
    state.push(...this.#repeats.changes(), ...this.#floors.changes());
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
 * By symbol, the newest trade that the log has within an id scope and before which none is missing:
 * a live feed asks its exchange for what was traded since.
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

function tradeAmounts({ price, size }: TradeColumns): BoundAmounts {
  return { prices: [price], sizes: [size], factorMax: tradeFactorMax };
}

function barAmounts({ open, high, low, close, volume }: BarColumns): BoundAmounts {
  return { prices: [open, high, low, close], sizes: [volume], factorMax: tradeFactorMax };
}

function quoteAmounts({ bid, ask, bidSize, askSize }: QuoteColumns): BoundAmounts {
  return { prices: [bid, ask], sizes: [bidSize, askSize], factorMax: quoteFactorMax };
}

/** The numbering of a symbol's records. */
function spaceOf(topic: Stream, scope: string, symbol: string): string {
  return `${streams[topic]} ${idSpace(scope, symbol)}`;
}

function setNewest({ newest }: Memory, scope: string, trade: KnownTrade): void {
  newest[scope] = trade;
  const [oldest, ...others] = Object.keys(newest);
  if (oldest !== undefined && others.length >= scopesMax) delete newest[oldest];
}

function newMemory(): Memory {
  return { ...newAmounts(), clock: Number.MIN_SAFE_INTEGER, sequence: 0, newest: {} };
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
