// LEAN's factor files: `date,price factor,split factor,reference price`, without a header. A row
// holds up to and with its date, the day before an action; its factors are those of all actions
// after it, multiplied, and its reference price is the raw close of that day. What it says of an
// action is therefore in the step from a row to the next:
//   price factor = next price factor x (reference - dividend) / reference
//   split factor = next split factor x old shares / new shares
// (QuantConnect/Lean, Common/Data/Auxiliary/CorporateFactorRow.cs and CorporateFactorProvider.cs).
//
// The factors are rounded, so the step alone would make 6.99999720:1 of 7:1. We take the action
// that is simplest among those that give the recorded factors to their last digit: see
// docs/decisions/0007-actions-not-factors.md.

import type { CorporateAction } from '../contracts/corporate-action.ts';
import {
  compare,
  fraction,
  minus,
  one,
  over,
  parseRational,
  plus,
  type Rational,
  rationalOf,
  reduced,
  shortestWithin,
  simplestWithin,
  times,
} from './rational.ts';
import { badRow, dateAfter, inOrder, type Row, requireDate } from './rows.ts';

/** Whose a LEAN file is. */
export interface LeanFile {
  readonly symbol: string;
  readonly source: string;
  readonly calendar: string;
}

interface FactorRow {
  readonly number: number;
  readonly date: string;
  readonly price: Rational;
  readonly split: Rational;
  /** The raw close of its date; null where the file has none, or 0. */
  readonly reference: string | null;
}

/** LEAN's `20140606` as `2014-06-06`. */
export function leanDate(text: string): string {
  return text.replace(/^(\d{4})(\d\d)(\d\d)$/, '$1-$2-$3');
}

export function isFactorLine(line: string): boolean {
  return /^\d{8}\s*,\s*[\d.][^,]*,\s*[\d.][^,]*(,|$)/.test(line);
}

/** Throws Failure `bad-file`, which names the row. */
export function actionsOfFactors(lines: readonly Row[], file: LeanFile): CorporateAction[] {
  const rows = inOrder(lines.map(parse));
  const namedOn = rows[rows.length - 1].date;
  const actions: CorporateAction[] = [];
  // What the actions that were found give so far, going back from the end.
  let [price, split] = [one, one];
  for (let index = rows.length - 1; index >= 0; index--) {
    const row = rows[index];
    const next = rows[index + 1] ?? { price: one, split: one };
    const of = { ...file, namedOn };
    if (compare(row.split, next.split) !== 0) {
      const step = reduced(splitStep(row.split, split));
      split = times(split, step);
      const ratio = `${step.denominator}:${step.numerator}`;
      actions.push({ ...of, date: dateAfter(row, row.date, file.calendar), kind: 'split', ratio });
    }
    if (compare(row.price, next.price) !== 0) {
      const { amount, reference } = dividendOf(row, price);
      price = times(price, minus(one, over(rationalOf(amount), rationalOf(reference))));
      const date = dateAfter(row, row.date, file.calendar);
      actions.push({ ...of, date, kind: 'dividend', amount, reference });
    }
  }
  return actions.reverse();
}

function parse({ number, text }: Row): FactorRow {
  const [day = '', price = '', split = '', reference = '0'] = text
    .split(',')
    .map((cell) => cell.trim());
  const date = requireDate({ number }, leanDate(day));
  const close = parseRational(reference);
  if (!close) throw badNumber(number, 'reference price', reference);
  return {
    number,
    date,
    price: factorOf(number, 'price factor', price),
    split: factorOf(number, 'split factor', split),
    reference: close.numerator === 0n ? null : reference,
  };
}

function factorOf(number: number, name: string, text: string): Rational {
  const factor = parseRational(text);
  if (factor && factor.numerator > 0n) return factor;
  throw badNumber(number, name, text);
}

/** LEAN passes over `inf` and `1e+07`; we cannot know what was meant, and would adjust wrongly. */
function badNumber(number: number, name: string, text: string): Error {
  return badRow(
    { number },
    `the ${name} "${text}" is no plain number above zero`,
    'Delete this row and those before it, and import the actions of that time from a CSV.',
  );
}

/** Half of what the last digit of a price factor stands for: they have 7 after the point. */
const priceTolerance = fraction(1n, 2n * 10n ** 7n);

function dividendOf(
  row: FactorRow,
  later: Rational,
): { readonly amount: string; readonly reference: string } {
  const { reference } = row;
  if (reference === null) {
    const what = 'a dividend follows, and there is no reference price';
    throw badRow(row, what, 'Fetch the file anew, in the form of four columns.');
  }
  const close = rationalOf(reference);
  const cash = (factor: Rational): Rational => times(close, minus(one, over(factor, later)));
  const least = cash(plus(row.price, priceTolerance));
  const most = cash(minus(row.price, priceTolerance));
  const amount = least.numerator > 0n ? shortestWithin(least, most) : null;
  if (amount !== null) return { amount, reference };
  const what = 'the price factor steps down after it, which no dividend does';
  throw badRow(row, what, 'Fetch the file anew, or import its actions from a CSV.');
}

/** Old shares over new ones. */
function splitStep(factor: Rational, later: Rational): Rational {
  const tolerance = splitTolerance(factor);
  return simplestWithin(
    over(minus(factor, tolerance), later),
    over(plus(factor, tolerance), later),
  );
}

/** Split factors have at most 8 digits after the point, and six that count (1 / 28: 0.03571430). */
function splitTolerance(factor: Rational): Rational {
  let unit = fraction(1n, 10n ** 8n);
  const millionth = over(factor, fraction(1_000_000n, 1n));
  while (compare(unit, millionth) <= 0) unit = times(unit, fraction(10n, 1n));
  return over(unit, fraction(2n, 1n));
}
