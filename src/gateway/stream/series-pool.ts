// The series of candles whose indicators somebody is subscribed to: made for the first, shared by
// all who ask for the same, and dropped with the last. What they hold, all together, is bounded.

import { micros } from '../../base/clock.ts';
import { Failure } from '../../base/failure.ts';
import { calendarOf } from '../../calendars/calendar.ts';
import { priceKinds } from '../../contracts/candle.ts';
import { intervals } from '../../contracts/interval.ts';
import { candlesBefore } from '../indicated.ts';
import { candleKey, type Live } from '../live.ts';
import { newestCandles } from '../seam/newest-candles.ts';
import type { SeamSources } from '../seam/unstored.ts';
import type { Hub } from './hub.ts';
import { changeableMax, IndicatedSeries } from './indicated-series.ts';
import type { Wanted } from './wanted.ts';

interface Shared {
  readonly series: IndicatedSeries;
  readonly filled: Promise<void>;
  readonly rows: number;
  users: number;
  readonly unwatch: () => void;
}

/** A series as one subscriber has it. */
interface Joined {
  readonly series: IndicatedSeries;
  /** Once history has filled it; rejects with what keeps it from that. */
  readonly filled: Promise<void>;
  /** To be called once. */
  readonly leave: () => void;
}

export class SeriesPool {
  readonly #live: Live;
  readonly #sources: SeamSources;
  readonly #hub: Hub;
  readonly #rowsMax: number;
  readonly #shared = new Map<string, Shared>();
  #rows = 0;

  constructor(live: Live, sources: SeamSources, hub: Hub, rowsMax: number) {
    this.#live = live;
    this.#sources = sources;
    this.#hub = hub;
    this.#rowsMax = rowsMax;
  }

  /** Throws Failure `limit-exceeded`. */
  join(wanted: Wanted): Joined {
    const { symbol, price, interval, indicators } = wanted;
    const key = [symbol, price, interval, ...indicators.map(({ text }) => text)].join(' ');
    const shared = this.#shared.get(key) ?? this.#open(wanted);
    this.#shared.set(key, shared);
    shared.users++;
    return {
      series: shared.series,
      filled: shared.filled,
      leave: () => {
        if (--shared.users > 0) return;
        shared.unwatch();
        this.#rows -= shared.rows;
        this.#shared.delete(key);
      },
    };
  }

  #open({ symbol, price, interval, indicators }: Wanted): Shared {
    const name = symbol ?? '';
    const before = candlesBefore(indicators, interval);
    const limit = before + changeableMax;
    const rows = limit * indicators.length;
    if (this.#rows + rows > this.#rowsMax) {
      const left = this.#rowsMax - this.#rows;
      throw new Failure(
        'limit-exceeded',
        `These indicators take ${rows} values, and streams may have ${left} more at this server.`,
        'Ask for fewer or shorter ones, or for some that others have; REST gives them all.',
      );
    }
    this.#rows += rows;
    const { days } = calendarOf(this.#live.instrument(name).calendar);
    const series = new IndicatedSeries(indicators, before, days);
    const key = candleKey(priceKinds.indexOf(price), intervals.indexOf(interval));
    const unwatch = this.#hub.watchSeries(name, key, series);
    const ring = this.#live.candles(name, price, interval);
    const always = { from: micros(-Infinity), to: micros(Infinity) };
    const span = { interval, price, limit: limit + 1, ...always };
    const filled = newestCandles(this.#sources, name, ring, span).then((candles) =>
      series.begin(candles.slice(-limit), candles.length <= limit),
    );
    return { series, filled, rows, users: 0, unwatch };
  }
}
