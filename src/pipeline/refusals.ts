// Rows that are not taken in: they go to the dead letters with all that they say.

import { type DeadLetter, deadLetter } from '../contracts/dead-letter.ts';
import type { EventColumns } from '../contracts/event-columns.ts';
import type { BatchInstrument } from '../contracts/instrument.ts';
import type { Observations } from '../feeds/feed.ts';
import type { AmountRefusal } from './amounts.ts';

const refusals = {
  'price-too-far': 'price is a million times the one before it, or a millionth (quotes: 10^9)',
  'too-many-digits': 'price or size has more digits than fit beside those seen before (2^53)',
  'time-in-future': 'event time is more than an hour after it was received, or after now',
};

type Refusal = AmountRefusal | 'time-in-future';

/** Rows that are taken out of a batch, into its dead letters. */
export class Refused {
  readonly #columns: EventColumns;
  readonly #into: Observations;
  #keep: Uint8Array | null = null;

  constructor(columns: EventColumns, into: Observations) {
    this.#columns = columns;
    this.#into = into;
  }

  readonly take = (row: number, reason: Refusal): void => {
    this.#keep ??= new Uint8Array(this.#columns.count).fill(1);
    this.#keep[row] = 0;
    this.#into.deadLetters.push(refusalOf(this.#columns, row, reason));
  };

  /** Drops them from the batch; false when there are none. */
  drop(): boolean {
    if (!this.#keep) return false;
    this.#columns.compact(this.#keep);
    return true;
  }
}

function refusalOf(columns: EventColumns, row: number, reason: Refusal): DeadLetter {
  const record = Object.fromEntries(
    Object.entries(columns).flatMap(([name, column]) =>
      ArrayBuffer.isView(column) ? [[name, (column as Float64Array)[row]]] : [],
    ),
  );
  const instrument = columns.instruments[columns.instrument[row] as number] as BatchInstrument;
  const { symbol, priceScale, sizeScale } = instrument;
  const fields = {
    source: columns.source,
    receiveTime: columns.receiveTime[row] as number,
    where: `${columns.scope} ${symbol} id ${columns.textIds?.[row] ?? columns.id[row]}`,
    reason,
    detail: refusals[reason],
  };
  return deadLetter(fields, JSON.stringify({ ...record, priceScale, sizeScale }));
}
