// The rows of a batch, grouped by instrument in their order: one stable counting sort, so that
// everything after works on one symbol at a time and looks its state up once, not once per row.

import type { EventBatch } from '../../contracts/event-columns.ts';

export interface RowsBySymbol {
  /** Rows of the batch; those of instrument i stand from starts[i] to before starts[i + 1]. */
  readonly order: Uint32Array;
  readonly starts: Uint32Array;
}

export function rowsBySymbol(batch: EventBatch): RowsBySymbol {
  const { count, instrument, instruments } = batch;
  const starts = new Uint32Array(instruments.length + 1);
  for (let row = 0; row < count; row++) starts[instrument[row] + 1]++;
  for (let index = 1; index < starts.length; index++) starts[index] += starts[index - 1];
  const next = starts.slice();
  const order = new Uint32Array(count);
  for (let row = 0; row < count; row++) order[next[instrument[row]]++] = row;
  return { order, starts };
}
