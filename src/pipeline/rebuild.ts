// Rebuild: joins the engine to the store a second time: candles and signals computed anew from
// stored trades, compared with what is stored, and put in its place where that is wanted. Works
// through days of UTC, since all candles but those of a day lie within one; a day's candle is
// compared with the day of UTC in which it ends.

import { isDeepStrictEqual } from 'node:util';
import { microsPerDay } from '../base/clock.ts';
import { calendarOf } from '../calendars/calendar.ts';
import { type CandleBatch, candleStates, type PriceKind } from '../contracts/candle.ts';
import { type ComparedField, comparedFields } from '../contracts/explanation.ts';
import { bucketStart, type Interval, intervalLength, intervals } from '../contracts/interval.ts';
import { parseTime } from '../contracts/time.ts';
import { candleAt, type Signal } from '../contracts/wire-objects.ts';
import { Recomputed } from '../engine/recomputed.ts';
import { signalDefinitions } from '../engine/signals/definitions.ts';
import { SignalOperator } from '../engine/signals/signals.ts';
import type { Rework, ReworkInstrument, ReworkSpan, StoredFigures } from '../store/rework.ts';
import { asTheyClose, picked, storedBatch } from './candle-rows.ts';

export interface RebuildOptions {
  /** Microseconds; absent for what there is. Candles that overlap [from, to) are rebuilt. */
  readonly from?: number;
  readonly to?: number;
  /** Null for all. */
  readonly symbols: readonly string[] | null;
  readonly replace: boolean;
  /** Differences told one by one. */
  readonly differencesMax: number;
}

export interface Difference {
  readonly symbol: string;
  /** The interval of a candle, the kind of a signal. */
  readonly what: string;
  readonly start: string;
  readonly fields: readonly DifferentField[];
}

interface DifferentField {
  readonly field: string;
  /** Null where there is no such candle or signal. */
  readonly stored: string | null;
  readonly recomputed: string | null;
}

export interface RebuildReport {
  candles: {
    compared: number;
    different: number;
    /** Left alone: not closed yet. */
    open: number;
    /** Left alone: no stored trade is behind them, or not trades alone. */
    withoutTrades: number;
    /** Left alone: of bid, ask and mid prices. */
    ofQuotes: number;
  };
  signals: { compared: number; different: number };
  replaced: number;
  /** The first of them. */
  differences: Difference[];
}

export async function rebuild(store: Rework, options: RebuildOptions): Promise<RebuildReport> {
  const report: RebuildReport = {
    candles: { compared: 0, different: 0, open: 0, withoutTrades: 0, ofQuotes: 0 },
    signals: { compared: 0, different: 0 },
    replaced: 0,
    differences: [],
  };
  for (const group of await store.groups(options.symbols)) {
    const firsts = group.map(({ first }) => first ?? Number.POSITIVE_INFINITY);
    const lasts = group.map(({ last }) => last ?? Number.NEGATIVE_INFINITY);
    const { from = Math.min(...firsts), to = Math.max(...lasts) + 1 } = options;
    if (from >= to || !Number.isFinite(to - from)) continue;
    await new GroupRebuild(store, group, { from, to }, options, report).run();
  }
  return report;
}

const final = candleStates.indexOf('final');
const revised = candleStates.indexOf('revised');
const minute = intervalLength('1m');
/** What volumes are compared with, and the seconds that prices are. */
const recalled = 29 * microsPerDay;
const secondsRecalled = 10 * minute;
/** A candle that began so shortly before the newest trade need not be stored yet: it is open. */
const unstoredMax = 5 * intervalLength('1s');

/** The rebuilding of instruments that are held in memory together. */
class GroupRebuild {
  readonly #store: Rework;
  readonly #group: readonly ReworkInstrument[];
  readonly #bySymbol: ReadonlyMap<string, ReworkInstrument>;
  readonly #byId: ReadonlyMap<number, ReworkInstrument>;
  readonly #span: ReworkSpan;
  readonly #options: RebuildOptions;
  readonly #report: RebuildReport;
  readonly #recomputed = new Recomputed();
  readonly #signals = new SignalOperator();

  constructor(
    store: Rework,
    group: readonly ReworkInstrument[],
    span: ReworkSpan,
    options: RebuildOptions,
    report: RebuildReport,
  ) {
    this.#store = store;
    this.#group = group;
    this.#bySymbol = new Map(group.map((instrument) => [instrument.symbol, instrument]));
    this.#byId = new Map(group.map((instrument) => [instrument.id, instrument]));
    this.#span = span;
    this.#options = options;
    this.#report = report;
  }

  async run(): Promise<void> {
    const { candles } = this.#report;
    candles.ofQuotes += await this.#store.countQuoteCandles(this.#group, this.#span);
    const whole = this.#wholeDays();
    await this.#recall(whole.from);
    const found = new Map<string, Signal>();
    for (const part of await this.#days(whole)) {
      for await (const trades of this.#store.trades(this.#group, part))
        this.#recomputed.add(trades);
      const made = this.#recomputed.candles(part.to) ?? storedBatch([], this.#byId);
      const signals = await this.#settleCandles(part, made);
      for (const signal of signals) found.set(signal.id, signal);
    }
    await this.#settleSignals(whole, found);
  }

  /** The days that have anything, and those behind them: there a day of a calendar may end. */
  async #days(span: ReworkSpan): Promise<readonly ReworkSpan[]> {
    const days = await this.#store.days(this.#group, span);
    const wanted = new Set(days.flatMap((day) => [day, day + microsPerDay]));
    return Array.from(parts(span, microsPerDay)).filter(({ from }) =>
      wanted.has(bucketStart(from, microsPerDay)),
    );
  }

  /** The span widened so that it holds every candle whole that overlaps it. */
  #wholeDays(): ReworkSpan {
    const { from, to } = this.#span;
    const days = this.#group.map(({ calendar }) => calendarOf(calendar).days);
    return {
      from: Math.min(bucketStart(from, microsPerDay), ...days.map((its) => its.of(from).start)),
      to: Math.max(
        bucketStart(to - 1, microsPerDay) + microsPerDay,
        ...days.map((its) => its.of(to - 1).end),
      ),
    };
  }

  /** Brings the signals to where they know what the first ones are compared with. */
  async #recall(to: number): Promise<void> {
    const firsts = this.#group.map(({ first }) => first ?? to);
    const from = Math.max(bucketStart(Math.min(...firsts), microsPerDay), to - recalled);
    for (const part of await this.#days({ from, to })) {
      const minutes = await this.#stored(part, ['trade'], ['1m']);
      for (const batch of asTheyClose([minutes], part)) this.#signals.apply(batch);
    }
    const last = { from: to - secondsRecalled, to };
    await this.#detect(last, [await this.#stored(last, ['trade'], ['1s'])]);
  }

  /** What these candles, and the stored ones of quotes, raise, change and retract. */
  async #detect(part: ReworkSpan, batches: readonly CandleBatch[]): Promise<readonly Signal[]> {
    const found: Signal[] = [];
    // Quotes are many: an hour of them at once.
    const hasQuotes = (await this.#store.countQuoteCandles(this.#group, part)) > 0;
    const length = hasQuotes ? intervalLength('1h') : microsPerDay;
    for (const hour of parts(part, length)) {
      const quotes = await this.#stored(hour, ['bid', 'ask'], ['1s', '1m']);
      for (const batch of asTheyClose([...batches, quotes], hour)) {
        found.push(...this.#signals.apply(batch));
      }
    }
    return found;
  }

  async #stored(
    span: ReworkSpan,
    prices: readonly PriceKind[],
    wanted: readonly Interval[],
  ): Promise<CandleBatch> {
    const stored: StoredFigures[] = [];
    for await (const some of this.#store.candles(this.#group, span, prices, wanted)) {
      stored.push(...some);
    }
    return storedBatch(stored, this.#byId);
  }

  /** Compares what is new with what is stored, and replaces it if it shall be; its signals. */
  async #settleCandles(part: ReworkSpan, candles: CandleBatch): Promise<readonly Signal[]> {
    const { wrong, dropped, kept } = await this.#compareCandles(part, candles);
    const rows = Array.from({ length: candles.count }, (_, row) => row);
    const closed = picked(
      candles,
      rows.filter((row) => !dropped.has(row)),
    );
    if (this.#options.replace && wrong.length > 0) {
      await this.#store.replace(picked(candles, wrong), []);
      this.#report.replaced += wrong.length;
    }
    return await this.#detect(part, [closed, storedBatch(kept, this.#byId)]);
  }

  async #compareCandles(part: ReworkSpan, candles: CandleBatch): Promise<Compared> {
    const counts = this.#report.candles;
    const rows = this.#rowsByKey(candles);
    const compared: Compared = { wrong: [], dropped: new Set(), kept: [] };
    for await (const batch of this.#store.candles(this.#group, part, ['trade'], intervals)) {
      for (const stored of batch) {
        const end = this.#endOf(stored);
        if (end <= part.from || end > part.to) continue;
        const isWanted = this.#isWanted(stored.start, end);
        const key = keyOf(stored.instrumentId, stored.interval, stored.start);
        const row = rows.get(key);
        rows.delete(key);
        if (row !== undefined && isComputable(stored)) {
          if (isWanted) this.#compareCandle(compared, candles, row, stored);
          continue;
        }
        if (row !== undefined) compared.dropped.add(row);
        if (stored.state !== 'open') compared.kept.push(stored);
        if (!isWanted) continue;
        if (stored.state === 'open') counts.open++;
        else counts.withoutTrades++;
      }
    }
    for (const row of rows.values()) {
      const place = this.#placeOf(candles, row);
      if (!this.#isWanted(place.start, this.#endOf(place))) continue;
      const { last } = this.#byId.get(place.instrumentId) as ReworkInstrument;
      if (last !== null && place.start > last - unstoredMax) {
        compared.dropped.add(row);
        counts.open++;
      } else this.#compareCandle(compared, candles, row, null);
    }
    return compared;
  }

  /** Makes a row that is not stored like this the next version of what is. */
  #compareCandle(
    { wrong }: Compared,
    candles: CandleBatch,
    row: number,
    stored: StoredFigures | null,
  ): void {
    const counts = this.#report.candles;
    const fields = differentFields(stored, candles, row);
    counts.compared++;
    if (fields.length === 0) return;
    counts.different++;
    const { symbol, interval, start } = candleAt(candles, row);
    this.#tell({ symbol, what: interval, start, fields });
    candles.revision[row] = stored ? stored.revision + 1 : 0;
    candles.state[row] = stored ? revised : final;
    wrong.push(row);
  }

  #rowsByKey(candles: CandleBatch): Map<string, number> {
    const rows = new Map<string, number>();
    for (let row = 0; row < candles.count; row++) {
      const { instrumentId, interval, start } = this.#placeOf(candles, row);
      rows.set(keyOf(instrumentId, interval, start), row);
    }
    return rows;
  }

  #placeOf({ symbol, symbols, interval, start }: CandleBatch, row: number): CandlePlace {
    const { id } = this.#bySymbol.get(symbols[symbol[row]].symbol) as ReworkInstrument;
    return { instrumentId: id, interval: intervals[interval[row]], start: start[row] };
  }

  /** Of those that rest on trades: what is stored, and what is found of it now. */
  async #settleSignals(whole: ReworkSpan, found: Map<string, Signal>): Promise<void> {
    const wrong: Signal[] = [];
    for (const stored of await this.#store.signals(this.#group, whole)) {
      const recomputed = found.get(stored.id) ?? null;
      found.delete(stored.id);
      // What only later candles could tell is not known here.
      const isKnown = (parseTime(stored.time) ?? 0) <= whole.to;
      if (isKnown && this.#isSignalWanted(stored)) this.#compareSignal(wrong, stored, recomputed);
    }
    for (const recomputed of found.values()) {
      if (this.#isSignalWanted(recomputed)) this.#compareSignal(wrong, null, recomputed);
    }
    if (!this.#options.replace || wrong.length === 0) return;
    await this.#store.replace(null, wrong);
    this.#report.replaced += wrong.length;
  }

  /** One that is not stored like this is wrong: it becomes the next version of what is. */
  #compareSignal(wrong: Signal[], stored: Signal | null, recomputed: Signal | null): void {
    const counts = this.#report.signals;
    if (stored?.state !== 'raised' && recomputed?.state !== 'raised') return;
    counts.compared++;
    const now = recomputed?.state === 'raised' ? recomputed : null;
    const fields = differentFacts(stored, now);
    if (fields.length === 0) return;
    counts.different++;
    const { kind, symbol, start } = (stored ?? now) as Signal;
    this.#tell({ symbol, what: kind, start, fields });
    const revision = stored ? stored.revision + 1 : 0;
    if (now) wrong.push({ ...now, revision });
    else if (stored) wrong.push({ ...stored, state: 'retracted', revision });
  }

  #endOf({ instrumentId, interval, start }: CandlePlace): number {
    if (interval !== '1d') return start + intervalLength(interval);
    const { calendar } = this.#byId.get(instrumentId) as ReworkInstrument;
    return calendarOf(calendar).days.of(start).end;
  }

  #isWanted(start: number, end: number): boolean {
    return start < this.#span.to && end > this.#span.from;
  }

  /** By its window, a minute or an hour; those of quotes alone rest on what is not rebuilt. */
  #isSignalWanted({ kind, start: from }: Signal): boolean {
    const start = parseTime(from) ?? 0;
    const { interval, prices } = signalDefinitions[kind];
    const end = start + Math.max(minute, intervalLength(interval));
    return prices[0] === 'trade' && this.#isWanted(start, end);
  }

  #tell(difference: Difference): void {
    const { differences } = this.#report;
    if (differences.length < this.#options.differencesMax) differences.push(difference);
  }
}

type CandlePlace = Pick<StoredFigures, 'instrumentId' | 'interval' | 'start'>;

interface Compared {
  /** Rows to be stored. */
  readonly wrong: number[];
  /** Rows of candles that are stored as open, or with more than trades in them. */
  readonly dropped: Set<number>;
  /** Closed candles that count as they are stored. */
  readonly kept: StoredFigures[];
}

/** Bars that were folded into a candle are not in the database: trades alone do not give it. */
function isComputable({ state, figures }: StoredFigures): boolean {
  return state !== 'open' && figures.notional !== null;
}

function keyOf(instrumentId: number, interval: Interval, start: number): string {
  return `${instrumentId} ${interval} ${start}`;
}

function differentFields(
  stored: StoredFigures | null,
  candles: CandleBatch,
  row: number,
): DifferentField[] {
  const recomputed = candleAt(candles, row);
  const pairs = comparedFields.map((field: ComparedField) => ({
    field,
    stored: stored && stored.figures[field],
    recomputed: String(recomputed[field]),
  }));
  return pairs.filter((pair) => pair.stored !== pair.recomputed);
}

const signalFields = ['state', 'time', 'severity', 'text', 'values'] as const;

function differentFacts(stored: Signal | null, recomputed: Signal | null): DifferentField[] {
  return signalFields
    .filter((field) => !isDeepStrictEqual(stored?.[field], recomputed?.[field]))
    .map((field) => ({
      field,
      stored: told(stored?.[field]),
      recomputed: told(recomputed?.[field]),
    }));
}

function told(value: Signal[(typeof signalFields)[number]] | undefined): string | null {
  if (value === undefined) return null;
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** A span cut where lengths of the grid of UTC end. */
function* parts({ from, to }: ReworkSpan, length: number): Generator<ReworkSpan> {
  for (let at = from; at < to; ) {
    const end = Math.min(bucketStart(at, length) + length, to);
    yield { from: at, to: end };
    at = end;
  }
}
