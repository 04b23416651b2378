// Chooses the parser of a recording by what it holds, and gathers what that parser has to know and
// the recording does not say: its symbol, its day, its time zone.

import type { Failure } from '../../base/failure.ts';
import { alwaysOpenCalendar } from '../../contracts/instrument.ts';
import type { Interval } from '../../contracts/interval.ts';
import type { Tape } from '../../contracts/trade.ts';
import { Capture, exchangeOf } from './capture.ts';
import { CsvTrades } from './csv.ts';
import { headerOf } from './csv-header.ts';
import { formatOf } from './format.ts';
import { KrakenTrades } from './kraken-trades.ts';
import type { LeanRecording } from './lean.ts';
import { type BarRecording, LeanBars } from './lean-bars.ts';
import { LeanEquityQuotes } from './lean-equity-quotes.ts';
import { LeanEquityTrades } from './lean-equity-trades.ts';
import { LeanFxQuotes } from './lean-fx-quotes.ts';
import { LocalTime, localDay } from './local-time.ts';
import { assetClassOf, intervalOf, placeOf, symbolOfStem, timeZoneOf } from './place.ts';
import { badFile } from './recorded-file.ts';
import type { Recording, RecordingParser } from './recording.ts';

/** What a person may say of files that do not say it themselves. */
export interface RecordingOptions {
  /** For files of one instrument, and CSV without a symbol column. */
  readonly symbol?: string | undefined;
  /** For files with times of day: YYYY-MM-DD or YYYYMMDD. */
  readonly date?: string | undefined;
  /** For files with local times: an IANA name, or an offset such as `-05:00`. */
  readonly timeZone?: string | undefined;
  /** For bars whose names do not say how long they are. */
  readonly interval?: Interval | undefined;
  /** For CSV whose conditions are of a tape that no column names. */
  readonly tape?: Tape | undefined;
  /** For CSV without a calendar column, and bars whose folders do not say what is traded. */
  readonly calendar?: string | undefined;
}

export interface Source extends Recording {
  readonly path: string;
  /** The name inside a zip. */
  readonly entry: string | null;
}

/** The parser for a recording that begins with `head`. Throws `bad-file` when there is none. */
export function parserOf(source: Source, head: Buffer, options: RecordingOptions): RecordingParser {
  const format = formatOf(head);
  const lines = linesOf(head);
  switch (format) {
    case 'equity-trades':
      return new LeanEquityTrades(leanRecording(source, 'equity', options));
    case 'equity-quotes':
      return new LeanEquityQuotes(leanRecording(source, 'equity', options));
    case 'fx-quotes':
      return new LeanFxQuotes(leanRecording(source, 'fx', options));
    case 'kraken-trades':
      return new KrakenTrades({ ...source, symbol: options.symbol });
    case 'csv':
      return csvParser(source, lines[0], options);
    case 'capture':
      return captureParser(source, lines);
    case 'trade-bars':
      return new LeanBars(barRecording(source, lines, options));
    case 'quote-bars':
    case 'kraken-bars':
      throw badFile(
        `${source.name} holds bars of a kind that we do not read`,
        'Replay the ticks of the same days, or bars of trades as LEAN writes them.',
      );
    case null:
      throw unknownFormat(source, head);
  }
}

function leanRecording(
  source: Source,
  assetClass: 'equity' | 'fx',
  options: RecordingOptions,
): LeanRecording {
  const place = placeOf(source.path, source.entry);
  const symbol = options.symbol ?? place.symbol;
  const date = options.date ?? place.date;
  if (symbol === null) throw missing(source, 'symbol', 'BAC');
  if (date === null) throw missing(source, 'date', '2013-10-07');
  const time = new LocalTime(options.timeZone ?? timeZoneOf(source.path, assetClass));
  return { ...source, symbol, day: localDay(date, time) };
}

function barRecording(
  source: Source,
  lines: readonly string[],
  options: RecordingOptions,
): BarRecording {
  const { path, entry } = source;
  const rows = lines.filter((line) => line.trim() !== '').map((line) => line.split(','));
  const isDated = isMost(rows, ([time]) => /^\d{8} /.test(time));
  const interval = options.interval ?? barInterval(source, rows, isDated);
  const place = placeOf(path, entry);
  const symbol = options.symbol ?? place.symbol ?? (isDated ? symbolOfStem(path, entry) : null);
  const date = options.date ?? place.date;
  if (interval === null) throw missing(source, 'interval', '1m');
  if (symbol === null) throw missing(source, 'symbol', 'BAC');
  if (date === null && !isDated) throw missing(source, 'date', '2013-10-07');
  // Without a folder that tells, whole prices are those of a stock.
  const hasPoint = isMost(rows, (fields) => fields.slice(1, 5).join().includes('.'));
  const folderClass = assetClassOf(path);
  const assetClass = folderClass === 'unknown' && !hasPoint ? 'equity' : folderClass;
  const zone = options.timeZone ?? timeZoneOf(path, assetClass === 'equity' ? 'equity' : 'fx');
  const time = new LocalTime(zone);
  const day = isDated || date === null ? null : localDay(date, time);
  const calendar = options.calendar ?? alwaysOpenCalendar;
  return { ...source, symbol, assetClass, calendar, interval, time, day };
}

/** What the names say, or else the times: few of finer bars begin a minute, or a day. */
function barInterval(
  { path, entry }: Source,
  rows: readonly (readonly string[])[],
  isDated: boolean,
): Interval | null {
  if (isDated) {
    const isHourly = isMost(rows, ([time]) => /^\d{8} (?!00:00)/.test(time));
    return intervalOf(path, entry, ['1h', '1d']) ?? (isHourly ? '1h' : '1d');
  }
  const isFine = isMost(rows, ([time]) => Number(time) % 60_000 !== 0);
  return intervalOf(path, entry, ['1s', '1m']) ?? (isFine ? '1s' : null);
}

/** One bad row must not hide what the others are. */
function isMost<T>(rows: readonly T[], holds: (row: T) => boolean): boolean {
  return rows.filter(holds).length * 2 > rows.length;
}

function csvParser(source: Source, firstLine: string, options: RecordingOptions): CsvTrades {
  const header = headerOf(firstLine) ?? [];
  if (!header.includes('symbol') && options.symbol === undefined) {
    throw missing(source, 'symbol', 'BAC');
  }
  const { symbol, date, tape = '', calendar = alwaysOpenCalendar } = options;
  const time = new LocalTime(options.timeZone ?? 'UTC');
  return new CsvTrades({ ...source, symbol, date, time, tape, calendar, header });
}

function captureParser(source: Source, lines: readonly string[]): Capture {
  const exchange = exchangeOf(lines);
  if (exchange) return new Capture(source, exchange);
  throw badFile(
    `${source.name} holds frames of an exchange that we do not know: ${shown(lines[0])}`,
    'Replay captures of Coinbase, Kraken, Binance, Bitstamp or Bitfinex.',
  );
}

function missing(source: Source, what: 'symbol' | 'date' | 'interval', example: string): Failure {
  return badFile(
    `${source.name}: neither the file nor its name tells the ${what}`,
    `Give it with --${what}, as in --${what} ${example}.`,
  );
}

function unknownFormat(source: Source, head: Buffer): Failure {
  return badFile(
    `${source.name} is in no format that we know; it begins with ${shown(head.toString('latin1'))}`,
    'Give LEAN ticks or bars, Kraken trades, a capture of raw frames, or a CSV that begins with ' +
      'symbol,time,price,size.',
  );
}

/** The start of a text in quotes, with what cannot be printed as dots. */
function shown(text: string): string {
  const start = text.slice(0, 48).trimEnd();
  return `"${start.replace(/[^ -~]/g, '.')}"`;
}

function linesOf(head: Buffer): readonly string[] {
  return head.toString().split(/\r?\n/);
}
