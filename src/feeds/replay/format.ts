// Tells what a recorded file holds from how it begins; names and extensions are not asked.

import { isCaptureLine } from './capture.ts';
import { headerOf } from './csv-header.ts';

export type Format =
  | 'kraken-bars'
  | 'quote-bars'
  | 'trade-bars'
  | 'capture'
  | 'csv'
  | 'fx-quotes'
  | 'equity-quotes'
  | 'equity-trades'
  | 'kraken-trades';

/** As much of a file as is looked at. */
export const headBytes = 65_536;
const linesMax = 50;

// LEAN's files have no header: the number and kind of their fields tell them apart.
const shapes: readonly (readonly [Format, (line: string) => boolean])[] = [
  ['equity-trades', matches(/^[\d.]+,[\d.]+,[\d.]+,[A-Za-z]+,[0-9A-Fa-f]+,[01]$/)],
  ['equity-quotes', matches(/^[\d.]+(,\d+){4},[A-Za-z]+,[0-9A-Fa-f]+,[01]$/)],
  ['fx-quotes', matches(/^\d+(\.\d+)?,\d+(\.\d+)?,\d+(\.\d+)?$/)],
  // Time (of day, or the day) with open, high, low, close, volume; or that twice, for bid and ask.
  ['trade-bars', matches(/^(\d+|\d{8} \d\d:\d\d)(,[\d.]*){5}$/)],
  ['quote-bars', matches(/^(\d+|\d{8} \d\d:\d\d)(,[\d.]*){10}$/)],
  ['capture', isCaptureLine],
];

/** Null when it is none of them. */
export function formatOf(head: Buffer): Format | null {
  const text = head.toString().replace(/^\uFEFF/, '');
  if (/^\s*\{/.test(text)) return jsonFormatOf(text);
  const lines = text.split(/\r?\n/, linesMax);
  if (headerOf(lines[0]) !== null) return 'csv';
  // One bad line must not hide what the others are.
  const votes = shapes.map(([format, fits]) => ({ format, count: lines.filter(fits).length }));
  const [best] = votes.sort((a, b) => b.count - a.count);
  return best.count > 0 ? best.format : null;
}

/** Kraken's answers: rows of a trade begin with its price, rows of a bar with its time. */
function jsonFormatOf(text: string): Format | null {
  const first = /"result"\s*:\s*\{[^[]*\[\s*\[\s*("|\d+\s*,\s*")/.exec(text)?.[1];
  if (first === undefined) return null;
  return first === '"' ? 'kraken-trades' : 'kraken-bars';
}

function matches(pattern: RegExp): (line: string) => boolean {
  return (line) => pattern.test(line);
}
