// The series of candles whose indicators somebody is subscribed to: made for the first, shared by
// all who ask for the same, and dropped with the last. What they hold, all together, is bounded.

import { micros } from '../../base/clock.ts';
import { Failure } from '../../base/failure.ts';
import { calendarOf } from '../../calendars/calendar.ts';
import type { Candle } from '../../contracts/wire-objects.ts';
import { candlesBefore, type Indicators } from '../indicated.ts';
import type { Live } from '../live.ts';
import { newestCandles } from '../seam/newest-candles.ts';
import type { SeamSources } from '../seam/unstored.ts';
import { changeableMax, IndicatedSeries } from './indicated-series.ts';
import type { CandleStreamBatch, Group } from './stream-batch.ts';
import { keysOf, type Wanted } from './wanted.ts';

interface Shared {
  readonly series: IndicatedSeries;
  readonly filled: Promise<void>;
  readonly rows: number;
  users: number;
}

/** The series of a subscription. */
export interface Joined {
  /** Once history has filled them; rejects with what keeps it from that. */
  readonly filled: Promise<unknown>;
  /** To be called once. */
  readonly leave: () => void;
}

export class SeriesPool {
  readonly #live: Live;
  readonly #sources: SeamSources;
  readonly #rowsMax: number;
  /** By symbol and key, then by the text of the indicators. */
  readonly #shared = new Map<string, Map<string, Shared>>();
  #rows = 0;

  constructor(live: Live, sources: SeamSources, rowsMax: number) {
    this.#live = live;
    this.#sources = sources;
    this.#rowsMax = rowsMax;
  }

  /** A series for each symbol. Throws Failure `limit-exceeded`. */
  join(wanted: Wanted): Joined {
    const { symbols } = wanted;
    this.#requireRoom(wanted);
    const joined = (symbols ?? []).map((symbol) => this.#joinOne(symbol, wanted));
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

  /** The values of a version of a candle; null where there are none. */
  indicatorsOf(group: Group, text: string, candle: Candle): Indicators | null {
    const shared = this.#shared.get(placeOf(group))?.get(text);
    return shared?.series.indicatorsOf(candle) ?? null;
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
        this.#rows -= shared.rows;
        byText.delete(text);
        if (byText.size === 0) this.#shared.delete(place);
      },
    };
  }

  #requireRoom(wanted: Wanted): void {
    const [key] = keysOf(wanted);
    const text = indicatorsText(wanted);
    const isNew = (symbol: string): boolean =>
      !this.#shared.get(placeOf({ symbol, key }))?.has(text);
    const rows = (wanted.symbols ?? []).filter(isNew).length * rowsOf(wanted);
    const left = this.#rowsMax - this.#rows;
    if (rows <= left) return;
    throw new Failure(
      'limit-exceeded',
      `These indicators take ${rows} values, and streams may have ${left} more at this server.`,
      'Ask for fewer or shorter ones, or for some that others have; REST gives them all.',
    );
  }

  #open(symbol: string, wanted: Wanted): Shared {
    const { price, interval, indicators } = wanted;
    const before = candlesBefore(indicators, interval);
    const limit = before + changeableMax;
    const rows = rowsOf(wanted);
    this.#rows += rows;
    const { days } = calendarOf(this.#live.instrument(symbol).calendar);
    const series = new IndicatedSeries(indicators, before, days);
    const ring = this.#live.candles(symbol, price, interval);
    const always = { from: micros(-Infinity), to: micros(Infinity) };
    const span = { interval, price, limit: limit + 1, ...always };
    const filled = newestCandles(this.#sources, symbol, ring, span).then((candles) =>
      series.begin(candles.slice(-limit), candles.length <= limit),
    );
    return { series, filled, rows, users: 0 };
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
