// The trades of an export, by time and place in the log, as cells.

import type { Client } from 'pg';
import { formatDecimal } from '../contracts/decimal.ts';
import { idAt, type PlacedTrades, tagAt, verdictAt } from '../contracts/placed-trades.ts';
import type { Cells, ExportColumn, RowBatch } from './export-formats.ts';
import type { ExportScope } from './export-scope.ts';
import { storedTrades } from './stored-trades.ts';
import type { Ask } from './trade-pages.ts';

/** What our own CSV replay reads back. */
export const tradeExportColumns: readonly ExportColumn[] = [
  { name: 'symbol', kind: 'text' },
  { name: 'time', kind: 'time' },
  { name: 'price', kind: 'decimal' },
  { name: 'size', kind: 'decimal' },
  { name: 'id', kind: 'text' },
  { name: 'conditions', kind: 'text' },
  { name: 'venue', kind: 'text' },
  { name: 'side', kind: 'text' },
  { name: 'source', kind: 'text' },
  { name: 'received', kind: 'time' },
  { name: 'verdict', kind: 'text' },
  { name: 'tape', kind: 'text' },
  { name: 'calendar', kind: 'text' },
  { name: 'scope', kind: 'text' },
];

/** `asker` is a second connection, for what the rows that `reader` streams refer to. */
export async function* readTrades(
  reader: Client,
  asker: Client,
  scope: ExportScope,
): AsyncGenerator<RowBatch> {
  const ask: Ask = async <Row extends object>(sql: string, values: readonly unknown[]) =>
    (await asker.query<Row>(sql, [...values])).rows;
  const cells = new TradeCells();
  for await (const trades of storedTrades(reader, ask, scope)) {
    yield { count: trades.count, cells: cells.of(trades) };
  }
}

/** The cells of some trades, used again and again. */
class TradeCells {
  readonly #columns = {
    symbol: textCells(),
    time: numberCells(),
    price: textCells(),
    size: textCells(),
    id: textCells(),
    conditions: textCells(),
    venue: textCells(),
    side: textCells(),
    source: textCells(),
    received: numberCells(),
    verdict: textCells(),
    tape: textCells(),
    calendar: textCells(),
    scope: textCells(),
  };

  of(trades: PlacedTrades): readonly Cells[] {
    const columns = this.#columns;
    columns.time = trades.eventTime;
    columns.received = trades.receiveTime;
    for (let row = 0; row < trades.count; row++) {
      const tag = tagAt(trades, row);
      const instrument = trades.instruments.get(trades.instrumentId[row]);
      columns.symbol[row] = instrument?.symbol ?? null;
      columns.price[row] = formatDecimal(trades.price[row], tag.priceScale);
      columns.size[row] = formatDecimal(trades.size[row], tag.sizeScale);
      columns.id[row] = idAt(trades, row);
      columns.conditions[row] = tag.conditions;
      columns.venue[row] = tag.venue;
      columns.side[row] = tag.side;
      columns.source[row] = tag.source;
      columns.verdict[row] = verdictAt(trades, row);
      columns.tape[row] = tag.tape;
      columns.calendar[row] = instrument?.calendar ?? null;
      columns.scope[row] = tag.scope;
    }
    return Object.values(columns);
  }
}

function textCells(): (string | null)[] {
  return [];
}

function numberCells(): Float64Array {
  return new Float64Array();
}
