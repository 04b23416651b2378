// Bars: what a source tells of an interval whose trades it does not give, as a columnar batch. A
// bar is a run of trades already folded: how many, and at what average price, is not known.

import { type Micros, micros } from '../base/clock.ts';
import { type EventBatch, EventColumns, type EventMeta } from './event-columns.ts';
import { encodeFrame, FrameReader } from './frame.ts';
import { type Interval, intervalLength } from './interval.ts';

interface BarMeta extends EventMeta {
  /**
   * How long each bar of the batch is: it fills a candle of that interval. A day is one of its
   * instrument's calendar.
   */
  readonly interval: Interval;
}

/**
 * Prices and volumes are integer counts in the scales of the row's instrument. The event time of a
 * bar is its last microsecond: only then could anybody know it.
 */
export interface BarBatch extends EventBatch, BarMeta {
  readonly open: Float64Array;
  readonly high: Float64Array;
  readonly low: Float64Array;
  readonly close: Float64Array;
  readonly volume: Float64Array;
}

/** The event time of the bar that starts at `start`; but a day may have 23 or 25 hours. */
export function barTime(start: number, interval: Interval): Micros {
  return micros(start + intervalLength(interval) - 1);
}

export class BarColumns extends EventColumns implements BarBatch {
  interval: Interval = '1m';
  open: Float64Array<ArrayBuffer>;
  high: Float64Array<ArrayBuffer>;
  low: Float64Array<ArrayBuffer>;
  close: Float64Array<ArrayBuffer>;
  volume: Float64Array<ArrayBuffer>;

  constructor(spent?: BarColumns) {
    super(spent);
    const { length } = this.eventTime;
    this.open = spent?.open ?? new Float64Array(length);
    this.high = spent?.high ?? new Float64Array(length);
    this.low = spent?.low ?? new Float64Array(length);
    this.close = spent?.close ?? new Float64Array(length);
    this.volume = spent?.volume ?? new Float64Array(length);
  }

  /** Appends one bar whose prices and volume are already in the instrument's scales. */
  push(
    instrument: number,
    eventTime: number,
    receiveTime: number,
    [open, high, low, close]: readonly [number, number, number, number],
    volume: number,
    id: number,
  ): void {
    const row = this.append(instrument, eventTime, receiveTime, id);
    this.open[row] = open;
    this.high[row] = high;
    this.low[row] = low;
    this.close[row] = close;
    this.volume[row] = volume;
  }

  columns() {
    return [
      this.eventTime,
      this.receiveTime,
      this.id,
      this.open,
      this.high,
      this.low,
      this.close,
      this.volume,
      this.instrument,
      this.verdict,
    ];
  }

  protected prices() {
    return [this.open, this.high, this.low, this.close];
  }

  protected sizes() {
    return [this.volume];
  }

  protected resize(grow: (column: Float64Array) => Float64Array): void {
    this.open = grow(this.open) as Float64Array<ArrayBuffer>;
    this.high = grow(this.high) as Float64Array<ArrayBuffer>;
    this.low = grow(this.low) as Float64Array<ArrayBuffer>;
    this.close = grow(this.close) as Float64Array<ArrayBuffer>;
    this.volume = grow(this.volume) as Float64Array<ArrayBuffer>;
  }
}

export function encodeBars(columns: BarColumns): Uint8Array {
  const { source, scope, recording, instruments, textIds, interval } = columns;
  const meta: BarMeta = { source, scope, recording, instruments, textIds, interval };
  return encodeFrame('bars', columns.count, meta, columns.columns());
}

export function decodeBars(bytes: Uint8Array): BarBatch {
  const frame = new FrameReader(bytes);
  return {
    ...(frame.meta as BarMeta),
    count: frame.count,
    eventTime: frame.column(Float64Array),
    receiveTime: frame.column(Float64Array),
    id: frame.column(Float64Array),
    open: frame.column(Float64Array),
    high: frame.column(Float64Array),
    low: frame.column(Float64Array),
    close: frame.column(Float64Array),
    volume: frame.column(Float64Array),
    instrument: frame.column(Uint16Array),
    verdict: frame.column(Uint8Array),
  };
}
