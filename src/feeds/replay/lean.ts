// Tick files in the layout of QuantConnect's LEAN: one symbol and one day to a file, one tick to a
// line, times of day in the zone of the market. Source: QuantConnect/Lean, Data/*/readme.md and
// Common/Util/LeanData.cs. A time of day is the reading of a clock, so on the days on which clocks
// change it is not the time since midnight.

import { microsPerDay } from '../../base/clock.ts';
import type { Instrument } from '../../contracts/wire-objects.ts';
import { type Refusal, refusal } from '../admit.ts';
import type { Observations } from '../feed.ts';
import type { ByteWindow } from './byte-window.ts';
import type { LocalDay } from './local-time.ts';
import { type Recording, RecordingParser } from './recording.ts';
import { Scan } from './scan.ts';

export interface LeanRecording extends Recording {
  readonly symbol: string;
  readonly day: LocalDay;
}

/** What `readRow` answers for a line that it does not understand. */
export const notUnderstood = -1;

/** LEAN's whole numbers of 1/10,000 dollars. */
export const equityPriceScale = 4;

/** The loop over lines that the three kinds of tick file share. */
export abstract class LeanParser extends RecordingParser {
  protected readonly symbol: string;
  protected readonly scan = new Scan();
  readonly #day: LocalDay;

  constructor(recording: LeanRecording) {
    super(recording);
    this.symbol = recording.symbol;
    this.#day = recording.day;
  }

  override completeTimeOf(): number {
    return this.#day.end;
  }

  override parse(window: ByteWindow, into: Observations, rowsMax: number, until: number): void {
    const { bytes } = window;
    const end = window.linesEnd;
    this.scan.bytes = bytes;
    this.due = Number.NEGATIVE_INFINITY;
    this.begin(into);
    for (let count = 0; count < rowsMax && window.at < end; count++) {
      const next = this.#parseLine(window, into, until);
      if (next === window.at) break;
      window.at = next;
      this.rows++;
    }
    this.paceTime = this.eventTime;
  }

  /** The end of the line; or its start, when it is not due yet. */
  #parseLine(window: ByteWindow, into: Observations, until: number): number {
    const { scan } = this;
    scan.at = window.at;
    const timeOfDay = scan.micros();
    if (timeOfDay >= 0 && timeOfDay < microsPerDay) {
      const eventTime = this.#day.time.toUtc(this.#day.midnight + timeOfDay);
      if (eventTime > until) {
        this.due = eventTime;
        return window.at;
      }
      const next = this.readRow(into, eventTime, this.recording.rowsBefore + this.rows + 1);
      if (next !== notUnderstood) {
        if (eventTime > this.eventTime) this.eventTime = eventTime;
        return next;
      }
    }
    return this.#refuseLine(window, into);
  }

  #refuseLine(window: ByteWindow, into: Observations): number {
    const end = window.lineEnd(window.at);
    const line = window.bytes.subarray(window.at, end);
    const text = line.toString().trimEnd();
    if (text !== '') this.reject(into, this.#whyNot(text.split(',')), line);
    return end;
  }

  #whyNot(fields: readonly string[]): Refusal {
    const time = fields[0];
    if (!/^\d+(\.\d+)?$/.test(time) || Number(time) * 1000 >= microsPerDay) {
      return refusal('bad-time', time);
    }
    return this.whyNot(fields);
  }

  /** To be called before the rows of a batch. */
  protected abstract begin(into: Observations): void;

  /** Pushes the rest of the row at `scan.at`, whose time is read; the end of the line. */
  protected abstract readRow(into: Observations, eventTime: number, id: number): number;

  /** Says of a row with a good time why it was not understood. */
  protected abstract whyNot(fields: readonly string[]): Refusal;
}

/** A row with too few or too many fields, or with one of them odd; `expected` names them. */
export function fieldsRefusal(fields: readonly string[], expected: string): Refusal {
  const count = expected.split(',').length;
  return fields.length === count
    ? refusal('bad-row', fields.join(','))
    : refusal('bad-row', `${fields.length} fields instead of the ${count} of ${expected}`);
}

/** A US stock, as LEAN's files of them imply. */
export function equityInstrument(symbol: string): Instrument {
  return {
    symbol,
    name: symbol,
    exchange: '',
    currency: 'USD',
    assetClass: 'equity',
    priceIncrement: '0.01',
    sizeIncrement: '1',
    calendar: 'XNYS',
    source: 'replay',
  };
}
