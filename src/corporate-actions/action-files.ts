// Files of corporate actions, found by their content: LEAN's factor and map files, and a plain CSV.
// A file is taken whole or, with the first row that is wrong, not at all.

import { basename } from 'node:path';
import { Failure } from '../base/failure.ts';
import { calendarNames } from '../calendars/calendar.ts';
import type { CorporateAction } from '../contracts/corporate-action.ts';
import { isSymbol } from '../contracts/instrument.ts';
import { actionsOfCsv, isActionsCsv } from './csv-file.ts';
import { actionsOfFactors, isFactorLine } from './lean-factor-file.ts';
import { actionsOfMap, isMapLine } from './lean-map-file.ts';
import type { Row } from './rows.ts';

export interface ActionFile {
  readonly path: string;
  readonly text: string;
}

export interface ActionFileOptions {
  /** Where a LEAN file is not named after its symbol. */
  readonly symbol?: string | undefined;
  /** The calendar that dates are of. */
  readonly calendar: string;
}

export interface FileActions {
  readonly actions: readonly CorporateAction[];
  /**
   * What the file is all there is to know of: what the store has of this source and of these kinds
   * and the file does not, was withdrawn. Null for a file that only adds.
   */
  readonly whole: { readonly source: string; readonly kinds: readonly string[] } | null;
}

/** Throws Failure `bad-file`, which names file, row and cure. */
export function actionsOf({ path, text }: ActionFile, options: ActionFileOptions): FileActions {
  const { calendar } = options;
  requireCalendar(calendar);
  const rows = rowsOf(text);
  const [first] = rows;
  if (first && isActionsCsv(first.text)) {
    return { actions: inFile(path, () => actionsOfCsv(rows, calendar)), whole: null };
  }
  const isFactors = first !== undefined && isFactorLine(first.text);
  if (!isFactors && !(first && isMapLine(first.text))) throw unknownFile(path);
  // LEAN names a file after the last symbol, and numbers those whose symbol had another use later.
  const name = (options.symbol ?? basename(path).replace(/\.[^.]*$/, '')).toLowerCase();
  const source = `lean:${name}`;
  const symbol = name.replace(/\.\d+$/, '').toUpperCase();
  if (!isSymbol(symbol)) throw noSymbol(path, symbol);
  const read = isFactors ? actionsOfFactors : actionsOfMap;
  const kinds = isFactors ? ['split', 'dividend'] : ['rename'];
  const actions = inFile(path, () => read(rows, { symbol, source, calendar }));
  return { actions, whole: { source, kinds } };
}

function rowsOf(text: string): Row[] {
  const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/);
  return lines
    .map((line, index) => ({ number: index + 1, text: line.trim() }))
    .filter(({ text: line }) => line !== '');
}

function inFile<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    throw new Failure(error.code, `${path}, ${error.message}`, error.cure);
  }
}

function requireCalendar(name: string): void {
  if (calendarNames.includes(name)) return;
  const cure = `Give one of ${calendarNames.join(', ')}.`;
  throw new Failure('bad-request', `there is no calendar "${name}"`, cure);
}

function unknownFile(path: string): Failure {
  return new Failure(
    'bad-file',
    `${path} is no file of corporate actions`,
    'Give a LEAN factor or map file, or a CSV that begins with symbol,date,kind,value.',
  );
}

function noSymbol(path: string, symbol: string): Failure {
  const what = `${path} is named after no symbol ("${symbol}")`;
  return new Failure('bad-file', what, 'Say whose it is: --symbol SYMBOL.');
}
