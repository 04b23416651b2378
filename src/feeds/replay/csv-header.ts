// What a CSV of trades says about itself: its first line names the columns, in any order.

import { calendarNames } from '../../calendars/calendar.ts';
import { isTape, type Tape, type TradeTag } from '../../contracts/trade.ts';
import { fieldsOf } from './csv-text.ts';
import type { LocalTime } from './local-time.ts';

const columns = [
  'symbol',
  'time',
  'price',
  'size',
  'id',
  'conditions',
  'tape',
  'calendar',
  'venue',
  'side',
  'action',
  'original',
  'original_time',
  'verdict',
  'scope',
] as const;
export type CsvColumn = (typeof columns)[number];

/** By position; null is a column that we do not read. */
export type CsvHeader = readonly (CsvColumn | null)[];

/** What holds for all rows. */
export interface CsvDefaults {
  /** For rows that name none. */
  readonly symbol: string | undefined;
  /** For times of day: YYYY-MM-DD. */
  readonly date: string | undefined;
  /** For times that name no zone. */
  readonly time: LocalTime;
  /** For rows that name none. */
  readonly tape: Tape;
  /** For symbols whose rows name none. */
  readonly calendar: string;
}

/** Null when the line is not the header of such a file. */
export function headerOf(line: string): CsvHeader | null {
  const fields = fieldsOf(line.replace(/^\uFEFF/, '')) ?? [];
  const names = fields.map((name) => name.trim().toLowerCase());
  const header = names.map(
    (name, at) => columns.find((column) => column === name && names.indexOf(name) === at) ?? null,
  );
  const required = ['time', 'price', 'size'] as const;
  return required.every((column) => header.includes(column)) ? header : null;
}

/** The aggressor, by the words that are in use for it; empty for any other. */
export function sideOf(text: string): TradeTag['side'] {
  const word = text.toLowerCase();
  if (word === 'buy' || word === 'b') return 'buy';
  return word === 'sell' || word === 's' ? 'sell' : '';
}

/** The consolidated tapes, by the letters that US sources write. */
const letters: ReadonlyMap<string, Tape> = new Map([
  ['a', 'sip-ab'],
  ['b', 'sip-ab'],
  ['c', 'sip-c'],
  ['o', 'sip-o'],
]);

/** Null for a tape that we do not know; `otherwise` where none is named. */
export function tapeOf(text: string, otherwise: Tape): Tape | null {
  const name = text.toLowerCase() || otherwise;
  return letters.get(name) ?? (isTape(name) ? name : null);
}

/** Null for a calendar that we do not know; empty where none is named. */
export function calendarNameOf(text: string): string | null {
  const name = text.toUpperCase();
  return name === '' || calendarNames.includes(name) ? name : null;
}

/** Null when it is no id scope; empty where none is named. */
export function scopeOf(text: string): string | null {
  return /^[!-~]{0,64}$/.test(text) ? text : null;
}

/** Times from here on are slips, and would make everything after them late. */
export const timeEnd = Date.parse('2200-01-01') * 1000;
