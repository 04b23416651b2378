// Trades as CSV: a header that names at least time, price and size, and symbol unless it is given;
// id, conditions, venue and side are read, other columns ignored. A row without an id is known by
// its file and number, so that equal rows are two trades.
//
// `tape` says whose the conditions are, and `calendar` which days the symbol has; what holds for
// the whole file may be given instead of a column.
//
// `action` says of a row that it is no trade but a `cancel`, or the trade that is the `correction`
// of another; `original` is the id of that other (a cancel may write it as `id`), and
// `original_time` its event time where that is not the row's own.
//
// An export of ours has `verdict` instead: what was decided of the row, which holds again. `scope`
// is whose numbering its ids are of. It is gathered from what ended at different times.

import type { Micros } from '../../base/clock.ts';
import { parseTime } from '../../contracts/time.ts';
import type { TradeColumns } from '../../contracts/trade.ts';
import { isCancel, late, onTime, verdicts } from '../../contracts/verdict.ts';
import type { Instrument } from '../../contracts/wire-objects.ts';
import {
  admitCancel,
  admitCorrection,
  admitTrade,
  pushTrade,
  type RawTrade,
  type Refusal,
  refusal,
} from '../admit.ts';
import { parseEpoch } from '../epoch-time.ts';
import type { Observations } from '../feed.ts';
import type { ByteWindow } from './byte-window.ts';
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
import { PlainRow } from './csv-row.ts';
import { fieldsOf, recordEnd } from './csv-text.ts';
import { fileScope, type Recording, RecordingParser } from './recording.ts';

export interface CsvRecording extends Recording, CsvDefaults {
  readonly header: CsvHeader;
}

/** What is known of a symbol from its rows. */
interface SymbolRows {
  /** What the first of them said, or left to the file. */
  readonly calendar: string;
  /** The newest, microseconds. */
  eventTime: number;
}

/** The id scope of CSV files that give ids. */
export const csvScope = 'csv';

export class CsvTrades extends RecordingParser<CsvRecording> {
  readonly #plain: PlainRow;
  readonly #at: ReadonlyMap<CsvColumn | null, number>;
  readonly #scope: string;
  readonly #symbols = new Map<string, SymbolRows>();

  constructor(recording: CsvRecording) {
    super(recording);
    this.#plain = new PlainRow(recording.header, recording);
    this.#at = new Map(recording.header.map((column, at) => [column, at]));
    this.#scope = this.#at.has('id') ? csvScope : fileScope(recording.digest);
  }

  override parse(window: ByteWindow, into: Observations, rowsMax: number, until: number): void {
    this.due = Number.NEGATIVE_INFINITY;
    const { linesEnd } = window;
    for (let count = 0; count < rowsMax && window.at < linesEnd; count++) {
      const end = this.#parseRow(window, into, until);
      if (end < 0 || this.due > until) break;
      window.at = end;
      this.rows++;
    }
    this.paceTime = this.eventTime;
  }

  override completeTimeOf(symbol: string): number {
    if (!this.#at.has('scope')) return this.eventTime;
    return this.#symbols.get(symbol)?.eventTime ?? Number.NEGATIVE_INFINITY;
  }

  override define(symbol: string): Instrument {
    return {
      symbol,
      name: symbol,
      exchange: '',
      currency: '',
      assetClass: 'unknown',
      priceIncrement: null,
      sizeIncrement: null,
      calendar: this.#symbols.get(symbol)?.calendar ?? this.recording.calendar,
      source: 'replay',
    };
  }

  /** The end of the row; -1 when it is not all there. */
  #parseRow(window: ByteWindow, into: Observations, until: number): number {
    if (this.rows > 0 && this.#plain.read(window.bytes, window.at)) {
      if (this.#takePlain(into, until)) return this.#plain.end;
    }
    const end = recordEnd(window);
    if (end >= 0) this.#parseText(window.bytes.subarray(window.at, end), into, until);
    return end;
  }

  /** False when its numbers are too large, which is for the text to show. */
  #takePlain(into: Observations, until: number): boolean {
    const { trade, scope, tape, calendar } = this.#plain;
    if (!this.#isDue(trade.eventTime, until)) return true;
    if (!this.#at.has('id')) trade.id = this.recording.rowsBefore + this.row;
    if (!this.#isOf(calendar, trade.symbol)) return false;
    if (!pushTrade(into.tradesOf(this.#within(scope), tape), trade)) return false;
    this.#see(trade.symbol, calendar, trade.eventTime);
    return true;
  }

  #parseText(bytes: Buffer, into: Observations, until: number): void {
    const text = bytes.toString().trimEnd();
    if (this.rows === 0 || text === '') return; // the header, a blank line
    const refused = this.#takeText(text, into, until);
    if (refused) this.reject(into, refused, bytes);
  }

  #takeText(text: string, into: Observations, until: number): Refusal | null {
    const { header, symbol } = this.recording;
    const fields = fieldsOf(text);
    if (fields?.length !== header.length) {
      return refusal('bad-row', `not ${header.length} fields: ${text}`);
    }
    const field: Field = (column) => fields[this.#at.get(column) ?? -1]?.trim() ?? '';
    const eventTime = this.#timeOf(field('time'));
    if (eventTime === null) return refusal('bad-time', field('time'));
    if (!this.#isDue(eventTime, until)) return null;
    const tape = tapeOf(field('tape'), this.recording.tape);
    if (tape === null) return refusal('bad-tape', field('tape'));
    const name = (field('symbol') || (symbol ?? '')).toUpperCase();
    const calendar = calendarNameOf(field('calendar'));
    if (calendar === null || !this.#isOf(calendar, name)) {
      return refusal('bad-calendar', field('calendar'));
    }
    const scope = scopeOf(field('scope'));
    if (scope === null) return refusal('bad-scope', field('scope'));
    const refused = this.#admit(into.tradesOf(this.#within(scope), tape), field, {
      symbol: name,
      eventTime,
      // The file does not say when: the same every time, so that replays agree.
      receiveTime: eventTime,
      price: field('price'),
      size: field('size'),
      ...this.#idOf(field('id')),
      venue: field('venue'),
      conditions: field('conditions'),
      side: sideOf(field('side')),
    });
    if (!refused) this.#see(name, calendar, eventTime);
    return refused;
  }

  #admit(into: TradeColumns, field: Field, trade: RawTrade): Refusal | null {
    if (this.#at.has('verdict') && !this.#at.has('action')) {
      return this.#admitDecided(into, field, trade);
    }
    const action = field('action').toLowerCase() || 'trade';
    const original = field('original') || (action === 'cancel' ? field('id') : '');
    if (action === 'trade') {
      return original === '' ? admitTrade(into, trade) : refusal('bad-action', noAction);
    }
    if (action !== 'cancel' && action !== 'correction') return refusal('bad-action', action);
    if (!this.#at.has('id')) return refusal('bad-action', noIds);
    if (original === '') return refusal('bad-action', noOriginal);
    if (action === 'correction' && original === field('id')) return refusal('bad-id', sameId);
    const time = field('original_time');
    const { symbol, receiveTime, venue } = trade;
    const eventTime = time === '' ? trade.eventTime : this.#timeOf(time);
    const named = { symbol, eventTime, receiveTime, venue, ...this.#idOf(original) };
    return action === 'cancel' ? admitCancel(into, named) : admitCorrection(into, named, trade);
  }

  #admitDecided(into: TradeColumns, field: Field, trade: RawTrade): Refusal | null {
    const name = field('verdict').toLowerCase();
    const verdict = name === '' ? onTime : verdicts.findIndex((known) => known === name);
    if (verdict < 0) return refusal('bad-verdict', name);
    if (!isCancel(verdict)) return admitTrade(into, trade, verdict === late ? onTime : verdict);
    if (field('id') === '') return refusal('bad-action', noOriginal);
    return admitCancel(into, trade, verdict);
  }

  #isDue(eventTime: number, until: number): boolean {
    if (eventTime <= until) return true;
    this.due = eventTime;
    return false;
  }

  /** Whether a row names no other calendar than the rows of the symbol before it. */
  #isOf(calendar: string, symbol: string): boolean {
    return calendar === '' || (this.#symbols.get(symbol)?.calendar ?? calendar) === calendar;
  }

  /** The numbers of rows are of this file, whatever it says. */
  #within(scope: string): string {
    return scope !== '' && this.#at.has('id') ? scope : this.#scope;
  }

  #see(symbol: string, calendar: string, eventTime: number): void {
    const rows = this.#symbols.get(symbol);
    if (!rows) {
      const named = calendar || this.recording.calendar;
      this.#symbols.set(symbol, { calendar: named, eventTime });
    } else if (eventTime > rows.eventTime) {
      rows.eventTime = eventTime;
    }
    if (eventTime > this.eventTime) this.eventTime = eventTime;
  }

  #idOf(text: string): { readonly id: number; readonly textId?: string } {
    const id = this.recording.rowsBefore + this.row;
    if (!this.#at.has('id')) return { id };
    if (text === '') return { id, textId: `${this.recording.digest}:${id}` };
    const isNumber = /^(0|[1-9]\d*)$/.test(text) && Number.isSafeInteger(Number(text));
    return isNumber ? { id: Number(text) } : { id, textId: text };
  }

  #timeOf(text: string): Micros | null {
    const read = parseEpoch(text) ?? this.#readingOf(text);
    return read !== null && read >= 0 && read < timeEnd ? read : null;
  }

  /** A date and time with or without a zone, or a time of day of a given date. */
  #readingOf(text: string): Micros | null {
    const { date, time } = this.recording;
    const dated = date !== undefined && /^\d{2}:/.test(text) ? `${date}T${text}` : text;
    const read = parseTime(dated);
    return read === null || zoned.test(dated) ? read : time.toUtc(read);
  }
}

type Field = (column: CsvColumn) => string;

const noAction = 'original is given, but action is neither cancel nor correction';
const noIds = 'without a column id no trade of this file can be cancelled';
const noOriginal = 'original does not say which trade';
const sameId = 'a correction has an id of its own, not that of its original';

const zoned = /:.*(?:Z|[+-]\d{2}:?\d{2})$/i;
