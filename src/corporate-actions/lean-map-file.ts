// LEAN's map files: `date,symbol,exchange`, without a header. A row holds up to and with its date;
// the first row's date is that of the first trade, the last one's is far away, or the last day
// before a delisting (QuantConnect/Lean, Common/Data/Auxiliary/MapFile.cs). The day after a row on
// which the symbol changes is a rename.

import type { CorporateAction } from '../contracts/corporate-action.ts';
import { isSymbol } from '../contracts/instrument.ts';
import { type LeanFile, leanDate } from './lean-factor-file.ts';
import { badRow, dateAfter, inOrder, type Row, requireDate } from './rows.ts';

export function isMapLine(line: string): boolean {
  return /^\d{8}\s*,\s*[^,\s]+\s*(,[^,]*){0,2}$/.test(line);
}

/** Throws Failure `bad-file`, which names the row. */
export function actionsOfMap(
  lines: readonly Row[],
  { source, calendar }: LeanFile,
): CorporateAction[] {
  const read = lines.map(({ number, text }) => {
    const [day = '', name = ''] = text.split(',').map((cell) => cell.trim());
    const date = requireDate({ number }, leanDate(day));
    const symbol = name.toUpperCase();
    if (!isSymbol(symbol)) {
      throw badRow({ number }, `"${name}" is no symbol`, 'Write the row as 20121231,fb,Q.');
    }
    return { number, date, symbol };
  });
  const rows = inOrder(read);
  return rows.flatMap((row, index) => {
    const to = rows[index + 1]?.symbol ?? row.symbol;
    if (to === row.symbol) return [];
    const date = dateAfter(row, row.date, calendar);
    return [
      { symbol: row.symbol, date, kind: 'rename', to, source, calendar, namedOn: date } as const,
    ];
  });
}
