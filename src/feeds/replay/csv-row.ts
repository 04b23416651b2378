// Reads ordinary rows of a CSV straight from bytes: no quotes, plain numbers, times in UTC or in
// the zone of the file. What is out of the ordinary is left to be read as text, several times
// slower; on what is read here, both agree.

import { micros } from '../../base/clock.ts';
import { type Decimal, powerOfTen, scaleMax } from '../../contracts/decimal.ts';
import { isSymbol } from '../../contracts/instrument.ts';
import type { Tape } from '../../contracts/trade.ts';
import type { SoundTrade } from '../admit.ts';
import { placesToMicros } from '../epoch-time.ts';
import {
  type CsvColumn,
  type CsvDefaults,
  type CsvHeader,
  calendarNameOf,
  scopeOf,
  sideOf,
  tapeOf,
  timeEnd,
} from './csv-header.ts';
import { Interned } from './interned.ts';
import { dateOf } from './local-time.ts';
import { comma, newline, Scan } from './scan.ts';

const [quote, minus, colon, nought, T, Z, space] = [34, 45, 58, 48, 84, 90, 32];

/** What stands in these columns of a trade that is neither cancelled nor a correction. */
const ofTrades = {
  action: ['', 'trade'],
  original: [''],
  original_time: [''],
  verdict: ['', 'on time', 'late'],
} satisfies Partial<Record<CsvColumn, readonly string[]>>;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
interface Trade extends Mutable<SoundTrade> {
  readonly price: Mutable<Decimal>;
  readonly size: Mutable<Decimal>;
}

export class PlainRow {
  /** What was read last; the same object for every row. */
  readonly trade: Trade;
  /** What that row, or else the file, says of its tape. */
  tape: Tape;
  /** The calendar that the row names; empty for none. */
  calendar = '';
  /** The id scope that the row names; empty for none. */
  scope = '';
  /** Behind the row read last. */
  end = 0;
  readonly #header: CsvHeader;
  readonly #defaults: CsvDefaults;
  readonly #scan = new Scan();
  readonly #symbols: Interned<string | null>;
  readonly #words = new Interned<string | null>(wordOf);
  readonly #sides = new Interned(ofWord(sideOf));
  readonly #tapes: Interned<Tape | null>;
  readonly #calendars = new Interned(ofWord(calendarNameOf));
  readonly #scopes = new Interned(ofWord(scopeOf));
  /** The date read last, as YYYYMMDD, and its midnight by the local clock. */
  #date = -1;
  #midnight = 0;

  constructor(header: CsvHeader, defaults: CsvDefaults) {
    this.#header = header;
    this.#defaults = defaults;
    this.#symbols = new Interned((text) => {
      const symbol = wordOf(text)?.toUpperCase() || defaults.symbol;
      return symbol !== undefined && isSymbol(symbol) ? symbol : null;
    });
    this.tape = defaults.tape;
    this.#tapes = new Interned(ofWord((text) => tapeOf(text, defaults.tape)));
    this.trade = {
      symbol: defaults.symbol ?? '',
      eventTime: micros(0),
      receiveTime: micros(0),
      price: { value: 0, scale: 0 },
      size: { value: 0, scale: 0 },
      id: 0,
      venue: '',
      conditions: '',
      side: '',
    };
  }

  /** Reads the row at `from`, whose line is whole; false when it is not an ordinary one. */
  read(bytes: Uint8Array, from: number): boolean {
    const scan = this.#scan;
    const lastColumn = this.#header.length - 1;
    scan.bytes = bytes;
    scan.at = from;
    for (let column = 0; column <= lastColumn; column++) {
      const stop = column === lastColumn ? newline : comma;
      if (!this.#readField(this.#header[column], stop)) return false;
      if (bytes[scan.at - 1] !== stop) return false;
    }
    this.end = scan.at;
    return true;
  }

  #readField(column: CsvColumn | null, stop: number): boolean {
    switch (column) {
      case 'time':
        return this.#readTime(stop);
      case 'price':
        return this.#readDecimal(this.trade.price, stop);
      case 'size':
        return this.#readDecimal(this.trade.size, stop);
      case 'symbol':
        return this.#readWord('symbol', this.#symbols, stop);
      case 'id':
        return this.#readId(stop);
      case 'conditions':
        return this.#readWord('conditions', this.#words, stop);
      case 'tape':
        return this.#readTape(stop);
      case 'calendar':
        return this.#readCalendar(stop);
      case 'scope':
        return this.#readScope(stop);
      case 'venue':
        return this.#readWord('venue', this.#words, stop);
      case 'side':
        return this.#readWord('side', this.#sides, stop);
      case 'action':
      case 'original':
      case 'original_time':
      case 'verdict':
        return this.#expectTrade(column, stop);
      case null:
        return this.#skip(stop);
    }
  }

  #readWord<C extends 'symbol' | 'conditions' | 'venue' | 'side'>(
    column: C,
    words: Interned<Trade[C] | null>,
    stop: number,
  ): boolean {
    const word = this.#find(words, stop);
    if (word === null) return false;
    this.trade[column] = word;
    return true;
  }

  #readTape(stop: number): boolean {
    const tape = this.#find(this.#tapes, stop);
    this.tape = tape ?? this.tape;
    return tape !== null;
  }

  #readCalendar(stop: number): boolean {
    const calendar = this.#find(this.#calendars, stop);
    this.calendar = calendar ?? '';
    return calendar !== null;
  }

  #readScope(stop: number): boolean {
    const scope = this.#find(this.#scopes, stop);
    this.scope = scope ?? '';
    return scope !== null;
  }

  #find<T>(words: Interned<T>, stop: number): T {
    const word = words.find(this.#scan.bytes, this.#scan.at, stop);
    this.#scan.at = words.end;
    return word;
  }

  /** Cancels and corrections are rare, and left to be read as text. */
  #expectTrade(column: keyof typeof ofTrades, stop: number): boolean {
    const word = this.#find(this.#words, stop);
    return word !== null && ofTrades[column].includes(word);
  }

  /** In the smallest scale that holds it, as `parseDecimal` does. */
  #readDecimal(into: Mutable<Decimal>, stop: number): boolean {
    const scan = this.#scan;
    let value = scan.decimal(stop === newline);
    let { scale } = scan;
    if (value <= 0) return false;
    while (scale > 0 && value % 10 === 0) {
      value /= 10;
      scale--;
    }
    into.value = value;
    into.scale = scale;
    return scale <= scaleMax;
  }

  #readId(stop: number): boolean {
    const { bytes, at } = this.#scan;
    const id = this.#scan.count(stop === newline);
    // `007` is a name.
    if (id < 0 || (bytes[at] === nought && isDigit(bytes[at + 1]))) return false;
    this.trade.id = id;
    return true;
  }

  #skip(stop: number): boolean {
    const scan = this.#scan;
    const { bytes } = scan;
    for (let byte = bytes[scan.at]; byte !== stop; byte = bytes[++scan.at]) {
      if (byte === quote || byte === newline) return false;
    }
    scan.at++;
    return true;
  }

  #readTime(stop: number): boolean {
    const { bytes, at } = this.#scan;
    const time = bytes[at + 4] === minus ? this.#readDateTime() : this.#readEpoch();
    if (!(time >= 0 && time < timeEnd)) return false;
    this.trade.eventTime = micros(time);
    this.trade.receiveTime = micros(time);
    return this.#scan.stop(stop);
  }

  /** Seconds to nanoseconds since the epoch, as in epoch-time.ts; -1 when it is not that. */
  #readEpoch(): number {
    const scan = this.#scan;
    const { bytes } = scan;
    const from = scan.at;
    let value = 0;
    // The 16 digits of microseconds are all that matter of the 19 of nanoseconds.
    for (; isDigit(bytes[scan.at]); scan.at++) {
      if (scan.at - from < 16) value = value * 10 + (bytes[scan.at] - nought);
    }
    const length = scan.at - from;
    if (length < 9 || (length > 16 && length !== 19)) return -1;
    const places = Math.max(placesToMicros(length), 0);
    const fraction = scan.fraction(places);
    return fraction < 0 ? -1 : value * powerOfTen(places) + fraction;
  }

  /** `2013-10-07T13:30:00.125Z`, or with a space, or without the Z; -1 when it is not that. */
  #readDateTime(): number {
    const scan = this.#scan;
    const { bytes, at } = scan;
    const midnight = this.#readDate(at);
    const separator = bytes[at + 10];
    const hour = twoDigits(bytes, at + 11);
    const minute = twoDigits(bytes, at + 14);
    const second = twoDigits(bytes, at + 17);
    const punctuated =
      (separator === T || separator === space) &&
      bytes[at + 13] === colon &&
      bytes[at + 16] === colon;
    if (!punctuated || !(hour < 24 && minute < 60 && second < 60)) return -1;
    scan.at = at + 19;
    const fraction = scan.fraction(6);
    if (fraction < 0 || scan.scale > 9) return -1;
    const wall = midnight + (hour * 3600 + minute * 60 + second) * 1_000_000 + fraction;
    if (bytes[scan.at] !== Z) return this.#defaults.time.toUtc(wall);
    scan.at++;
    return wall;
  }

  /** Midnight by the local clock; NaN when there is no such day. */
  #readDate(at: number): number {
    const { bytes } = this.#scan;
    const year = twoDigits(bytes, at) * 100 + twoDigits(bytes, at + 2);
    const date = year * 10_000 + twoDigits(bytes, at + 5) * 100 + twoDigits(bytes, at + 8);
    if (bytes[at + 7] !== minus) return Number.NaN;
    if (date !== this.#date) {
      const text = dateOf(String(date));
      this.#midnight = text === null ? Number.NaN : Date.parse(text) * 1000;
      this.#date = date;
    }
    return this.#midnight;
  }
}

/** Trimmed; null when it has a quote, which is not for here. */
function wordOf(text: string): string | null {
  return text.includes('"') ? null : text.trim();
}

/** What reads a text by its word. */
function ofWord<T>(read: (word: string) => T): (text: string) => T | null {
  return (text) => {
    const word = wordOf(text);
    return word === null ? null : read(word);
  };
}

function isDigit(byte: number): boolean {
  return byte >= nought && byte <= nought + 9;
}

/** NaN when they are not both digits. */
function twoDigits(bytes: Uint8Array, at: number): number {
  if (!isDigit(bytes[at]) || !isDigit(bytes[at + 1])) return Number.NaN;
  return (bytes[at] - nought) * 10 + (bytes[at + 1] - nought);
}
