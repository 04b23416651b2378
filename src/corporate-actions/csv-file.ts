// The plain CSV: `symbol,date,kind,value`, where the value is a split's ratio, a dividend's amount
// or a rename's new symbol; columns `ratio`, `amount` and `to` will do instead of one for all, and
// a column `reference` may give the raw close before a dividend. The header may be left out. A
// symbol is meant as it was used on its date.

import type { CorporateAction } from '../contracts/corporate-action.ts';
import { isSymbol } from '../contracts/instrument.ts';
import { compare, over, parseRational, reduced } from './rational.ts';
import { badRow, type Row, requireDate } from './rows.ts';

const kinds = ['split', 'dividend', 'rename'];
const ownColumn: Readonly<Record<string, string>> = {
  split: 'ratio',
  dividend: 'amount',
  rename: 'to',
};
const commonColumns = ['symbol', 'date', 'kind', 'reference'];
const headerless = ['symbol', 'date', 'kind', 'value', 'reference'];

export function isActionsCsv(line: string): boolean {
  return isHeader(line) || kinds.includes(cellsOf(line)[2]?.toLowerCase() ?? '');
}

/** Throws Failure `bad-file`, which names the row. */
export function actionsOfCsv(lines: readonly Row[], calendar: string): CorporateAction[] {
  const [first] = lines;
  const hasHeader = isHeader(first.text);
  const header = hasHeader ? cellsOf(first.text).map((name) => name.toLowerCase()) : headerless;
  const known = new Map<string, number>();
  return lines.slice(hasHeader ? 1 : 0).map((line) => {
    const cells = cellsOf(line.text);
    const row = Object.fromEntries(header.map((name, index) => [name, cells[index] ?? '']));
    const action = actionOf(line, row, calendar);
    const { symbol, date, kind } = action;
    const key = [symbol, date, kind].join(' ');
    const before = known.get(key);
    if (before !== undefined) {
      const what = `${symbol} has a ${kind} on ${date} in row ${before} too`;
      throw badRow(line, what, 'Keep one row; of two dividends on a day, one with their sum.');
    }
    known.set(key, line.number);
    return action;
  });
}

function isHeader(line: string): boolean {
  const names = cellsOf(line).map((name) => name.toLowerCase());
  return ['symbol', 'date', 'kind'].every((name) => names.includes(name));
}

/** No value of ours has a comma in it, so quotes only have to be taken off. */
function cellsOf(line: string): string[] {
  return line.split(',').map((cell) => cell.trim().replace(/^"(.*)"$/, '$1'));
}

function actionOf(
  line: Row,
  row: Readonly<Record<string, string>>,
  calendar: string,
): CorporateAction {
  const symbol = requireSymbol(line, row.symbol);
  const date = requireDate(line, row.date);
  const common = { symbol, date, source: 'csv', calendar, namedOn: date };
  const kind = row.kind.toLowerCase();
  const value = row[ownColumn[kind] ?? ''] ?? valueIn(row);
  switch (kind) {
    case 'split':
      return { ...common, kind, ratio: ratioOf(line, value) };
    case 'dividend': {
      const reference = row.reference ? positive(line, 'reference', row.reference) : null;
      const amount = positive(line, 'amount', value);
      requireBelow(line, amount, reference);
      return { ...common, kind, amount, reference };
    }
    case 'rename': {
      const to = requireSymbol(line, value);
      if (to !== symbol) return { ...common, kind, to };
      throw badRow(line, `${symbol} is renamed to itself`, 'Name the new symbol.');
    }
    default:
      throw badRow(line, `"${row.kind}" is no kind of action`, `Write ${kinds.join(', ')}.`);
  }
}

/** Where no column is of its kind: the first that is not of another thing. */
function valueIn(row: Readonly<Record<string, string>>): string {
  const column = Object.keys(row).find((name) => !commonColumns.includes(name));
  return row[column ?? ''] ?? '';
}

function requireSymbol(line: Row, text = ''): string {
  const symbol = text.toUpperCase();
  if (isSymbol(symbol)) return symbol;
  throw badRow(line, `"${text}" is no symbol`, 'Write it as the feed does, such as AAPL.');
}

/** `7:1`, `3/2`, `7` or `1.5`: new shares to old ones, in lowest terms. */
function ratioOf(line: Row, text: string): string {
  const [newShares = '', oldShares = '1', ...rest] = text.split(/[:/]/).map((part) => part.trim());
  const [top, bottom] = [parseRational(newShares), parseRational(oldShares)];
  if (rest.length === 0 && top && bottom && top.numerator > 0n && bottom.numerator > 0n) {
    const { numerator, denominator } = reduced(over(top, bottom));
    if (numerator !== denominator) return `${numerator}:${denominator}`;
  }
  throw badRow(
    line,
    `"${text}" is no split ratio`,
    'Write new shares to old ones: 7:1, or 1:10 for a reverse split.',
  );
}

function positive(line: Row, name: string, text: string): string {
  const amount = parseRational(text);
  if (amount && amount.numerator > 0n) return text;
  const cure = 'Write a plain number above zero, such as 0.47.';
  throw badRow(line, `the ${name} "${text}" is no amount`, cure);
}

function requireBelow(line: Row, amount: string, reference: string | null): void {
  const [paid, close] = [parseRational(amount), parseRational(reference ?? '')];
  if (!paid || !close || compare(paid, close) < 0) return;
  const what = `the dividend ${amount} is not below the close before it, ${reference}`;
  throw badRow(line, what, 'Give both for one share, in the same currency.');
}
