// The series of candles whose indicators somebody is subscribed to: made for the first, shared by
// all who ask for the same, and dropped with the last. What they hold, all together, is bounded.
//
// When the log has lost candles, nobody can say whose: all series forget what they hold, and read
// it again once the store is past the loss. If the store has not read those candles either, only
// those count that begin too late to have been among them.

import { type Clock, micros } from '../../base/clock.ts';
import { Failure } from '../../base/failure.ts';
import { calendarOf } from '../../calendars/calendar.ts';
import { priceKinds } from '../../contracts/candle.ts';
import { intervals } from '../../contracts/interval.ts';
import { futureMax } from '../../contracts/time.ts';
import type { LostRange } from '../../log/log.ts';
import { candlesBefore, startOf } from '../indicated.ts';
import { candleKey, type Live } from '../live.ts';
import { newestCandles } from '../seam/newest-candles.ts';
import type { SeamSources } from '../seam/unstored.ts';
import type { Hub } from './hub.ts';
import { changeableMax, IndicatedSeries } from './indicated-series.ts';
import type { Wanted } from './wanted.ts';

interface Shared {
  readonly series: IndicatedSeries;
  /** Reads history into the series, instead of whatever it is reading. */
  readonly fill: () => Promise<void>;
  readonly filled: Promise<void>;
  readonly rows: number;
  users: number;
  /** Aborted when its last user has left. */
  readonly left: AbortController;
  readonly unwatch: () => void;
}

/** A range of candles that the log has lost, and when that was found. */
interface Loss extends LostRange {
  readonly foundTime: number;
}

const retryMs = 200;

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
  readonly #clock: Clock;
  readonly #shared = new Map<string, Shared>();
  #rows = 0;
  /** Those of which it is not known whether the store has them. */
  #losses: Loss[] = [];
  /** The log and the store may both lack candles that start before this. */
  #knownFrom = Number.NEGATIVE_INFINITY;

  constructor(live: Live, sources: SeamSources, hub: Hub, rowsMax: number, clock: Clock) {
    this.#live = live;
    this.#sources = sources;
    this.#hub = hub;
    this.#rowsMax = rowsMax;
    this.#clock = clock;
    hub.whenCandlesAreLost((range) => this.#lose(range));
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
        shared.left.abort();
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
    let readings = 0;
    const fill = async (): Promise<void> => {
      const reading = ++readings;
      const lostBefore = this.#settleLosses();
      const candles = await newestCandles(this.#sources, name, ring, span);
      if (reading !== readings) return; // something was lost meanwhile
      const first = candles.length > limit ? startOf(candles[1]) : Number.NEGATIVE_INFINITY;
      series.begin(candles, Math.max(first, lostBefore), lostBefore > first);
    };
    const left = new AbortController();
    return { series, fill, filled: fill(), rows, users: 0, left, unwatch };
  }

  #lose(range: LostRange): void {
    this.#losses.push({ ...range, foundTime: this.#clock.now() });
    for (const shared of this.#shared.values()) void this.#fillAgain(shared);
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
