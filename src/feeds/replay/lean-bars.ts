// LEAN's trade bars: `time,open,high,low,close,volume`. Bars of a second and a minute have a file
// to a day and times of day in milliseconds; those of an hour and a day have one file for all
// years, and times as `20131007 09:00`. A stock's prices are whole numbers of 1/10,000 dollars,
// all others are decimals. Source: QuantConnect/Lean, Data/*/readme.md and
// Common/Data/Market/TradeBar.cs.

import { type Micros, micros, microsPerDay } from '../../base/clock.ts';
import { barTime } from '../../contracts/bar.ts';
import { alwaysOpenCalendar } from '../../contracts/instrument.ts';
import { type Interval, intervalLength } from '../../contracts/interval.ts';
import type { Instrument } from '../../contracts/wire-objects.ts';
import { admitBar, type Refusal, refusal } from '../admit.ts';
import type { Observations } from '../feed.ts';
import type { ByteWindow } from './byte-window.ts';
import { equityInstrument, equityPriceScale, fieldsRefusal } from './lean.ts';
import { dateOf, type LocalDay, type LocalTime, localDay } from './local-time.ts';
import { type Recording, RecordingParser } from './recording.ts';

/** What is traded. LEAN's folders are named so; where they do not tell, it may be `unknown`. */
export type AssetClass = Instrument['assetClass'];

export interface BarRecording extends Recording {
  readonly symbol: string;
  readonly assetClass: AssetClass;
  /** Of what is traded, where its class does not say. */
  readonly calendar: string;
  readonly interval: Interval;
  readonly time: LocalTime;
  /** The day of a file of one day; null where each row has its date. */
  readonly day: LocalDay | null;
}

const layout = 'time,open,high,low,close,volume';

export class LeanBars extends RecordingParser<BarRecording> {
  readonly #priceScale: number | null;
  /** The day of the newest bar. */
  #day: LocalDay | null;

  constructor(recording: BarRecording) {
    super(recording);
    this.#priceScale = recording.assetClass === 'equity' ? equityPriceScale : null;
    this.#day = recording.day;
  }

  override completeTimeOf(): number {
    return this.#day?.end ?? this.eventTime;
  }

  override define(symbol: string): Instrument {
    const equity = equityInstrument(symbol);
    const { assetClass } = this.recording;
    if (assetClass === 'equity') return equity;
    const increments = { priceIncrement: null, sizeIncrement: null };
    const calendars = { crypto: alwaysOpenCalendar, fx: 'FX', unknown: this.recording.calendar };
    return { ...equity, ...increments, currency: '', assetClass, calendar: calendars[assetClass] };
  }

  override parse(window: ByteWindow, into: Observations, rowsMax: number, until: number): void {
    this.due = Number.NEGATIVE_INFINITY;
    into.bars.interval = this.recording.interval;
    for (let count = 0; count < rowsMax; count++) {
      const end = window.lineEnd(window.at);
      if (end < 0 || !this.#take(window.bytes.subarray(window.at, end), into, until)) break;
      window.at = end;
      this.rows++;
    }
    this.paceTime = this.eventTime;
  }

  /** False when the line is not due yet. */
  #take(line: Buffer, into: Observations, until: number): boolean {
    const text = line.toString().trimEnd();
    if (text === '') return true;
    const refused = this.#takeRow(text.split(','), into, until);
    if (refused) this.reject(into, refused, line);
    return this.due <= until;
  }

  #takeRow(fields: readonly string[], into: Observations, until: number): Refusal | null {
    const [time, open, high, low, close, volume] = fields;
    const { symbol, interval } = this.recording;
    if (fields.length !== layout.split(',').length) return fieldsRefusal(fields, layout);
    const day = this.#dayOf(time);
    const start = day && this.#startOf(time, day);
    if (!day || start === null) return refusal('bad-time', time);
    // A day has 23 or 25 hours when clocks change.
    const eventTime = interval === '1d' ? micros(day.end - 1) : barTime(start, interval);
    if (eventTime > until) {
      this.due = eventTime;
      return null;
    }
    const refused = admitBar(into, {
      symbol,
      eventTime,
      // The file does not say when: the same every time, so that replays agree.
      receiveTime: eventTime,
      open,
      high,
      low,
      close,
      volume,
      priceScale: this.#priceScale,
      id: this.recording.rowsBefore + this.row,
    });
    if (!refused && eventTime > this.eventTime) {
      this.eventTime = eventTime;
      this.#day = day;
    }
    return refused;
  }

  #dayOf(time: string): LocalDay | null {
    const { day, time: zone } = this.recording;
    if (day) return day;
    const date = dateOf(time.slice(0, 8));
    return date === null ? null : localDay(date, zone);
  }

  /** Null when there is no such time, or when a bar of this interval cannot start then. */
  #startOf(time: string, { midnight, time: zone }: LocalDay): Micros | null {
    const [, ms, hours, minutes] = /^(?:(\d{1,8})|\d{8} (\d\d):(\d\d))$/.exec(time) ?? [];
    const isDated = hours !== undefined;
    if (isDated !== (this.recording.day === null)) return null;
    const timeOfDay = isDated ? (Number(hours) * 60 + Number(minutes)) * 60_000 : Number(ms);
    // Also when it is not a number.
    if (!(timeOfDay * 1000 < microsPerDay)) return null;
    const start = zone.toUtc(midnight + timeOfDay * 1000);
    const { interval } = this.recording;
    const onGrid = interval === '1d' ? timeOfDay === 0 : start % intervalLength(interval) === 0;
    return onGrid ? start : null;
  }
}
