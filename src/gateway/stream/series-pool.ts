// The series of candles of a shard whose indicators somebody is subscribed to: made for the first,
// shared by all who ask for the same, and dropped with the last. What they hold is of a budget.
//
// When the log has lost candles, nobody can say whose: all series forget what they hold, and read
// it again once the store is past the loss. If the store has not read those candles either, only
// those count that begin too late to have been among them.

import { type Clock, micros } from '../../base/clock.ts';
import { Failure } from '../../base/failure.ts';
import { calendarOf } from '../../calendars/calendar.ts';
import { futureMax } from '../../contracts/time.ts';
import type { Candle } from '../../contracts/wire-objects.ts';
import type { LostRange } from '../../log/log.ts';
import { candlesBefore, startOf } from '../indicated.ts';
import type { Live } from '../live.ts';
import type { RowBudget } from '../recent/row-budget.ts';
import { newestCandles } from '../seam/newest-candles.ts';
import type { SeamSources } from '../seam/unstored.ts';
import { changeableMax, IndicatedSeries, type ToldIndicators } from './indicated-series.ts';
import type { CandleStreamBatch, Group } from './stream-batch.ts';
import { keysOf, type Wanted } from './wanted.ts';

interface Shared {
  readonly series: IndicatedSeries;
  /** Reads history into the series, instead of whatever it is reading. */
  readonly fill: () => Promise<void>;
  readonly filled: Promise<void>;
  readonly rows: number;
  users: number;
  /** Aborted when its last user has left. */
  readonly left: AbortController;
}

/** A range of candles that the log has lost, and when that was found. */
interface Loss extends LostRange {
  readonly foundTime: number;
}

const retryMs = 200;

/** The series of a subscription. */
interface Joined {
  /** Once history has filled them; rejects with what keeps it from that. */
  readonly filled: Promise<unknown>;
  /** To be called once. */
  readonly leave: () => void;
}

export class SeriesPool {
  readonly #live: Live;
  readonly #sources: SeamSources;
  readonly #budget: RowBudget;
  readonly #clock: Clock;
  /** By symbol and key, then by the text of the indicators. */
  readonly #shared = new Map<string, Map<string, Shared>>();
  /** Those of which it is not known whether the store has them. */
  #losses: Loss[] = [];
  /** The log and the store may both lack candles that start before this. */
  #knownFrom = Number.NEGATIVE_INFINITY;

  constructor(live: Live, sources: SeamSources, budget: RowBudget, clock: Clock) {
    this.#live = live;
    this.#sources = sources;
    this.#budget = budget;
    this.#clock = clock;
  }

  /** A series for each symbol, where indicators are wanted; the budget has room for them. */
  join(wanted: Wanted): Joined {
    const symbols = wanted.indicators.length > 0 ? (wanted.symbols ?? []) : [];
    const joined = symbols.map((symbol) => this.#joinOne(symbol, wanted));
    return {
      filled: Promise.all(joined.map(({ filled }) => filled)),
      leave: () => {
        for (const one of joined) one.leave();
      },
    };
  }

  /** Brings the series up to date; to be called with every batch before it is told. */
  put(batch: CandleStreamBatch): void {
    if (this.#shared.size === 0) return;
    const byGroup = batch.groups.map((group) => this.#shared.get(placeOf(group)));
    for (let row = 0; row < batch.count; row++) {
      for (const { series } of byGroup[batch.groupOf[row]]?.values() ?? []) {
        series.put(batch.candleAt(row));
      }
    }
  }

  /** The values of a version of a candle, or why there are none; nothing of no such series. */
  indicatorsOf(group: Group, text: string, candle: Candle): ToldIndicators | undefined {
    return this.#shared.get(placeOf(group))?.get(text)?.series.of(candle);
  }

  /** Candles were lost: the series are read again, before those who watch them are told of it. */
  lose(range: LostRange): void {
    this.#losses.push({ ...range, foundTime: this.#clock.now() });
    for (const byText of this.#shared.values()) {
      for (const shared of byText.values()) void this.#fillAgain(shared);
    }
  }

  #joinOne(symbol: string, wanted: Wanted): Joined {
    const place = placeOf({ symbol, key: keysOf(wanted)[0] });
    const text = indicatorsText(wanted);
    const byText = this.#shared.getOrInsertComputed(place, () => new Map<string, Shared>());
    const shared = byText.getOrInsertComputed(text, () => this.#open(symbol, wanted));
    shared.users++;
    return {
      filled: shared.filled,
      leave: () => {
        if (--shared.users > 0) return;
        shared.left.abort();
        this.#budget.giveBack(shared.rows);
        byText.delete(text);
        if (byText.size === 0) this.#shared.delete(place);
      },
    };
  }

  /** How many rows of the budget they take that nobody has yet. */
  newRows(wanted: Wanted): number {
    const [key] = keysOf(wanted);
    const text = indicatorsText(wanted);
    const isNew = (symbol: string): boolean =>
      !this.#shared.get(placeOf({ symbol, key }))?.has(text);
    return (wanted.symbols ?? []).filter(isNew).length * rowsOf(wanted);
  }

  #open(symbol: string, wanted: Wanted): Shared {
    const { price, interval, indicators } = wanted;
    const before = candlesBefore(indicators, interval);
    const limit = before + changeableMax;
    const rows = rowsOf(wanted);
    this.#budget.take(rows);
    const { days } = calendarOf(this.#live.instrument(symbol).calendar);
    const series = new IndicatedSeries(indicators, before, days);
    const ring = this.#live.candles(symbol, price, interval);
    const always = { from: micros(-Infinity), to: micros(Infinity) };
    const span = { interval, price, limit: limit + 1, ...always };
    let readings = 0;
    const fill = async (): Promise<void> => {
      const reading = ++readings;
      const lostBefore = this.#settleLosses();
      const candles = await newestCandles(this.#sources, symbol, ring, span);
      if (reading !== readings) return; // something was lost meanwhile
      const first = candles.length > limit ? startOf(candles[1]) : Number.NEGATIVE_INFINITY;
      series.begin(candles, Math.max(first, lostBefore), lostBefore > first);
    };
    return { series, fill, filled: fill(), rows, users: 0, left: new AbortController() };
  }

  /** Tries until history answers, or nobody is left. */
  async #fillAgain({ series, fill, left: { signal } }: Shared): Promise<void> {
    while (!signal.aborted) {
      // Each time, or what comes meanwhile would be kept for as long as the store is away.
      series.lose();
      try {
        await fill();
        return;
      } catch (error) {
        if (!(error instanceof Failure)) throw error;
        await this.#clock.wait(retryMs, signal);
      }
    }
  }

  /**
   * From which start on candles are known, in the log or in the store. Throws Failure `not-ready`
   * while the store has not come to what the log has lost.
   */
  #settleLosses(): number {
    const { stored, storeLost } = this.#sources;
    const isOpen = ({ to }: Loss): boolean => stored('market.candles') < to;
    for (const loss of this.#losses) {
      if (isOpen(loss) || storeLost('market.candles') <= loss.from) continue;
      // Nothing that was received by then can be of a later candle.
      this.#knownFrom = Math.max(this.#knownFrom, loss.foundTime + futureMax);
    }
    this.#losses = this.#losses.filter(isOpen);
    if (this.#losses.length === 0) return this.#knownFrom;
    throw new Failure(
      'not-ready',
      'The log has lost candles, and it is not known yet whether the store has them.',
      'Ask again in a moment.',
    );
  }
}

/** What tells the indicators of subscriptions apart. */
export function indicatorsText({ indicators }: Wanted): string {
  return indicators.map(({ text }) => text).join(';');
}

function rowsOf({ indicators, interval }: Wanted): number {
  return (candlesBefore(indicators, interval) + changeableMax) * indicators.length;
}

function placeOf({ symbol, key }: Group): string {
  return `${key} ${symbol}`;
}
