// The rows of a file of corporate actions, and what can be wrong with one.

import { Failure } from '../base/failure.ts';
import { isDate } from '../contracts/time.ts';
import { nextSessionDate } from './exchange-dates.ts';

/** A line of a file that is not empty, and its number from 1. */
export interface Row {
  readonly number: number;
  readonly text: string;
}

type Numbered = Pick<Row, 'number'>;

/** The file is named by whoever reads it. */
export function badRow(row: Numbered, what: string, cure: string): Failure {
  return new Failure('bad-file', `row ${row.number}: ${what}`, cure);
}

/** A date that exists. Throws Failure `bad-file`. */
export function requireDate(row: Numbered, date: string): string {
  if (isDate(date)) return date;
  throw badRow(row, `"${date}" is no date`, 'Write it as 2014-06-09.');
}

/** By date, of which each has one row. Throws Failure `bad-file`. */
export function inOrder<Dated extends Numbered & { readonly date: string }>(
  rows: readonly Dated[],
): Dated[] {
  const sorted = rows.toSorted((a, b) => (a.date < b.date ? -1 : Number(a.date > b.date)));
  for (const [index, row] of sorted.entries()) {
    if (row.date !== sorted[index + 1]?.date) continue;
    const what = `${row.date} has another row, ${sorted[index + 1].number}`;
    throw badRow(row, what, 'Delete the one that is wrong.');
  }
  return sorted;
}

/** The first day after one on which LEAN's rows end. Throws Failure `bad-file`. */
export function dateAfter(row: Numbered, date: string, calendar: string): string {
  try {
    return nextSessionDate(date, calendar);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    const cure = `Leave the row out, or name another calendar than ${calendar}: --calendar NAME.`;
    throw badRow(row, error.message, cure);
  }
}
