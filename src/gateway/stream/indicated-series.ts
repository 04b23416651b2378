// The indicators of one series of candles as it moves, for all who subscribed to the same ones. It
// holds as many closed candles as REST would read, and a few more that may yet be revised, so its
// values are those of REST at the same moment. What comes before history has answered is kept, and
// is newer than that.

import type { Days } from '../../calendars/days.ts';
import type { Candle } from '../../contracts/wire-objects.ts';
import type { CandleNumbers } from '../../engine/indicators/indicator.ts';
import type { IndicatorSpec } from '../../engine/indicators/indicators.ts';
import {
  finer,
  type Indicators,
  numbersOf,
  Operators,
  type Scales,
  scalesOf,
  startOf,
  wholes,
} from '../indicated.ts';

/** The newest candles: when one of them changes, its new values are told. */
export const changeableMax = 64;

interface HeldCandle {
  readonly start: number;
  numbers: CandleNumbers;
  /** What has taken all candles before this one; null where it has to be made. */
  operators: Operators | null;
}

export class IndicatedSeries {
  readonly #specs: readonly IndicatorSpec[];
  readonly #before: number;
  readonly #days: Days;
  /** What came before history; null once that is here. */
  #early: Map<string, Candle> | null = new Map();
  /** Ascending. */
  readonly #held: HeldCandle[] = [];
  /** Whether there are no candles before those that are held. */
  #isWhole = true;
  #scales = wholes;

  /** `before` is how many candles before one its values are made of. */
  constructor(specs: readonly IndicatorSpec[], before: number, days: Days) {
    this.#specs = specs;
    this.#before = before;
    this.#days = days;
  }

  /** Takes the newest candles that history had, ascending; `isWhole` when there are no others. */
  begin(candles: readonly Candle[], isWhole: boolean): void {
    for (const candle of candles) this.#put(candle);
    this.#isWhole = isWhole;
    for (const candle of this.#early?.values() ?? []) this.#put(candle);
    this.#early = null;
  }

  put(candle: Candle): void {
    if (this.#early) this.#early.set(candle.start, candle);
    else this.#put(candle);
  }

  /** The values of a version of a candle; null when it is too far back for them. */
  indicatorsOf(candle: Candle): Indicators | null {
    const start = startOf(candle);
    const index = this.#held.findLastIndex((held) => held.start <= start);
    if (this.#held[index]?.start !== start) return null;
    if (index < this.#before && !this.#isWhole) return null;
    return this.#operatorsBefore(index).peek(start, numbersOf(candle, this.#scales));
  }

  #put(candle: Candle): void {
    this.#scaleTo(finer(this.#scales, scalesOf(candle)));
    const start = startOf(candle);
    const numbers = numbersOf(candle, this.#scales);
    const index = this.#held.findLastIndex((held) => held.start < start) + 1;
    const known = this.#held.at(index);
    if (candle.trades === 0 && candle.priced === 0) {
      // Cancels took all its trades.
      if (known?.start !== start) return;
      this.#held.splice(index, 1);
      this.#forgetFrom(index);
      return;
    }
    if (known?.start === start) {
      if (areEqual(known.numbers, numbers)) return; // it has merely closed
      known.numbers = numbers;
    } else {
      if (index === 0 && !this.#isWhole) return; // too old to matter to any that is held
      this.#held.splice(index, 0, { start, numbers, operators: null });
    }
    this.#forgetFrom(index + 1);
    this.#trim();
  }

  #forgetFrom(index: number): void {
    for (const later of this.#held.slice(index)) later.operators = null;
  }

  #trim(): void {
    const { length } = this.#held;
    if (length > changeableMax) this.#held[length - changeableMax - 1].operators = null;
    if (length <= this.#before + changeableMax) return;
    this.#held.shift();
    this.#isWhole = false;
  }

  /** What has taken every candle before this one: goes on from the last that is kept. */
  #operatorsBefore(index: number): Operators {
    const held = this.#held;
    const from = held.findLastIndex(({ operators }, at) => at <= index && operators !== null);
    if (from === index && held[from].operators) return held[from].operators;
    const operators =
      held[from]?.operators?.clone() ??
      new Operators(this.#specs, this.#days, this.#scales.price, this.#isWhole);
    for (let at = Math.max(0, from); at < index; at++) {
      operators.add(held[at].start, held[at].numbers);
      const isKept = at + 1 >= held.length - changeableMax;
      if (isKept) held[at + 1].operators = at + 1 === index ? operators : operators.clone();
    }
    return operators;
  }

  #scaleTo(scales: Scales): void {
    const price = 10 ** (scales.price - this.#scales.price);
    const size = 10 ** (scales.size - this.#scales.size);
    if (price === 1 && size === 1) return;
    this.#scales = scales;
    for (const held of this.#held) {
      const { high, low, close, volume, notional } = held.numbers;
      held.operators = null;
      held.numbers = {
        high: high * price,
        low: low * price,
        close: close * price,
        volume: volume * size,
        notional: notional * price * size,
      };
    }
  }
}

function areEqual(a: CandleNumbers, b: CandleNumbers): boolean {
  return (
    a.high === b.high &&
    a.low === b.low &&
    a.close === b.close &&
    a.volume === b.volume &&
    Object.is(a.notional, b.notional)
  );
}
