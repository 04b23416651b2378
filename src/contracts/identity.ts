// How a record is told from every other, so that a repeat adds nothing. Within an id scope (an
// exchange's own numbering, or one file's rows) a numeric id is exact; a textual id is kept whole
// beside a 53-bit hash that orders it.

import { createHash } from 'node:crypto';

/** An id that says "the source gives none": such records are never taken for repeats. */
export const noId = Number.NaN;

/** A stable 53-bit number for a textual id. */
export function hashId(text: string): number {
  const digest = createHash('sha256').update(text).digest();
  return digest.readUIntBE(0, 6) * 32 + (digest.readUInt8(6) >> 3);
}

/** The id as the source wrote it; null where it gave none. */
export function formatId(
  batch: { readonly id: Float64Array; readonly textIds: readonly string[] | null },
  row: number,
): string | null {
  if (batch.textIds) return batch.textIds[row] ?? null;
  const id = batch.id[row] as number;
  return Number.isNaN(id) ? null : String(id);
}

/** Scopes of files begin so; their ids are row numbers, one numbering for all symbols. */
const fileScope = 'file:';

/** Whether ids are the row numbers of a file, and not numbers that a source gave. */
export function numbersRows(scope: string): boolean {
  return scope.startsWith(fileScope);
}

/** Within what an id is unique: a file's rows by the scope alone, others by scope and symbol. */
export function idSpace(scope: string, symbol: string): string {
  return numbersRows(scope) ? scope : `${scope} ${symbol}`;
}
