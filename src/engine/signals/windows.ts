// What the candles of each window tell. Prices are whole counts in the symbol's scale.

import { limb, wideFromBigInt, wideToBigInt } from '../../contracts/wide.ts';
import { CandleWindow } from './candle-window.ts';
import { minute, type PriceSpan, second } from './span.ts';

const OPEN = 1;
const HIGH = 2;
const LOW = 3;
const CLOSE = 4;
const VOLUME_HIGH = 5;
const VOLUME_LOW = 6;
const BID = 1;
const ASK = 2;
const FIRST_START = 1;
const FIRST_OPEN = 2;
const LAST_START = 3;
const LAST_CLOSE = 4;

export class PriceWindow extends CandleWindow {
  constructor(unit: number, width = 5) {
    super(unit, width);
  }

  /** Puts a candle in its place, over the version that was there; its index. */
  place(start: number, open: number, high: number, low: number, close: number): number {
    const index = this.enter(start);
    this.set(index, OPEN, open);
    this.set(index, HIGH, high);
    this.set(index, LOW, low);
    this.set(index, CLOSE, close);
    return index;
  }

  open(index: number): number {
    return this.number(index, OPEN);
  }

  high(index: number): number {
    return this.number(index, HIGH);
  }

  low(index: number): number {
    return this.number(index, LOW);
  }

  close(index: number): number {
    return this.number(index, CLOSE);
  }

  /** The candle at an index, to be handed on. */
  span(index: number): PriceSpan | undefined {
    if (index < 0 || index >= this.length) return undefined;
    return {
      start: this.start(index),
      open: this.open(index),
      high: this.high(index),
      low: this.low(index),
      close: this.close(index),
    };
  }

  rescale(factor: number): void {
    this.scale([OPEN, HIGH, LOW, CLOSE], factor);
  }
}

/** Prices are 0 where none of a minute's trades may set any. */
export class MinuteWindow extends PriceWindow {
  constructor() {
    super(minute, 7);
  }

  isPriced(index: number): boolean {
    return this.open(index) !== 0;
  }

  /** In two limbs (contracts/wide.ts). */
  setVolume(index: number, high: number, low: number): void {
    this.set(index, VOLUME_HIGH, high);
    this.set(index, VOLUME_LOW, low);
  }

  volume(index: number): bigint {
    return wideToBigInt(this.number(index, VOLUME_HIGH), this.number(index, VOLUME_LOW));
  }

  /** The double nearest to it. */
  roughVolume(index: number): number {
    return this.number(index, VOLUME_HIGH) * limb + this.number(index, VOLUME_LOW);
  }

  rescaleVolumes(factor: bigint): void {
    for (let index = 0; index < this.length; index++) {
      const { high, low } = wideFromBigInt(factor * this.volume(index));
      this.setVolume(index, high, low);
    }
  }
}

/** The lowest bid and the highest ask; 0 where there was none. */
export class QuoteWindow extends CandleWindow {
  constructor(unit: number) {
    super(unit, 3);
  }

  /** Puts the bid of a time beside its ask; the index of both. */
  placeBid(start: number, bid: number): number {
    const index = this.enter(start);
    this.set(index, BID, bid);
    return index;
  }

  placeAsk(start: number, ask: number): number {
    const index = this.enter(start);
    this.set(index, ASK, ask);
    return index;
  }

  bid(index: number): number {
    return this.number(index, BID);
  }

  ask(index: number): number {
    return this.number(index, ASK);
  }

  rescale(factor: number): void {
    this.scale([BID, ASK], factor);
  }
}

/** Regular sessions, which start when the exchange opens, by their minutes that had a price. */
export class SessionWindow extends CandleWindow {
  constructor() {
    super(second, 5);
  }

  /** Takes a minute into its session; the index of that. */
  include(session: number, start: number, open: number, close: number): number {
    const isNew = this.indexOf(session) < 0;
    const index = this.enter(session);
    if (isNew || start <= this.firstStart(index)) this.setFirst(index, start, open);
    if (isNew || start >= this.lastStart(index)) this.setLast(index, start, close);
    return index;
  }

  setFirst(index: number, start: number, open: number): void {
    this.set(index, FIRST_START, start / second);
    this.set(index, FIRST_OPEN, open);
  }

  setLast(index: number, start: number, close: number): void {
    this.set(index, LAST_START, start / second);
    this.set(index, LAST_CLOSE, close);
  }

  firstStart(index: number): number {
    return this.number(index, FIRST_START) * second;
  }

  lastStart(index: number): number {
    return this.number(index, LAST_START) * second;
  }

  open(index: number): number {
    return this.number(index, FIRST_OPEN);
  }

  close(index: number): number {
    return this.number(index, LAST_CLOSE);
  }

  rescale(factor: number): void {
    this.scale([FIRST_OPEN, LAST_CLOSE], factor);
  }
}
