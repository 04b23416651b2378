// What a CSV of trades says about itself: its first line names the columns, in any order.

import type { TradeTag } from '../../contracts/trade.ts';
import { fieldsOf } from './csv-text.ts';
import type { LocalTime } from './local-time.ts';

const columns = [
  'symbol',
  'time',
  'price',
  'size',
  'id',
  'conditions',
  'venue',
  'side',
  'action',
  'original',
  'original_time',
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

/** Times from here on are slips, and would make everything after them late. */
export const timeEnd = Date.parse('2200-01-01') * 1000;
