// The syntax of CSV (RFC 4180): commas between fields, quotes around those that hold a comma, a
// quote (doubled) or a line break.

import type { ByteWindow } from './byte-window.ts';

const quote = 34;
/** A record longer than this has a quote that was never closed. */
const recordBytesMax = 65_536;

/**
 * The end of the record at the start of the window: lines go on while a quote is open, unless none
 * closes it, and then the line is a bad row by itself. -1 while the rest is still to come.
 */
export function recordEnd(window: ByteWindow): number {
  const lineEnd = window.lineEnd(window.at);
  let open = false;
  let from = window.at;
  for (let end = lineEnd; end >= 0; end = window.lineEnd(end)) {
    if (hasOddQuotes(window.bytes.subarray(from, end))) open = !open;
    if (!open) return end;
    if (end - window.at > recordBytesMax) return lineEnd;
    from = end;
  }
  return window.final || window.size > recordBytesMax ? lineEnd : -1;
}

function hasOddQuotes(bytes: Buffer): boolean {
  let odd = false;
  for (let at = bytes.indexOf(quote); at >= 0; at = bytes.indexOf(quote, at + 1)) odd = !odd;
  return odd;
}

const field = /(?:"((?:[^"]|"")*)"|([^",]*))(,|$)/y;

/** The fields of a record; null when a quote is not closed, or stands inside a field. */
export function fieldsOf(record: string): readonly string[] | null {
  if (!record.includes('"')) return record.split(',');
  const fields: string[] = [];
  field.lastIndex = 0;
  for (;;) {
    const parts = field.exec(record);
    if (!parts) return null;
    const [, quoted, plain, separator] = parts;
    fields.push(quoted === undefined ? plain : quoted.replaceAll('""', '"'));
    if (separator === '') return fields;
  }
}
