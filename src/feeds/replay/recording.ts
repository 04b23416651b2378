// What the parsers of recorded files share. A parser is pure: bytes in, observations out. It is
// made for one recording (a file, or one file in a zip), and keeps its place in it between calls.

import { createHash } from 'node:crypto';
import { type DeadLetter, deadLetter } from '../../contracts/dead-letter.ts';
import type { Instrument } from '../../contracts/wire-objects.ts';
import { type Refusal, reject } from '../admit.ts';
import type { Observations } from '../feed.ts';
import type { ByteWindow } from './byte-window.ts';

/** A recording and what is known of it before its first row. */
export interface Recording {
  /** For dead letters and messages: the path, and the name inside a zip. */
  readonly name: string;
  /** The name inside a zip; null for the file itself. */
  readonly entry: string | null;
  /** The first 16 hex digits of the SHA-256 of the file. */
  readonly digest: string;
  /** Rows of the same file that came before: row numbers, and so ids, go on from them. */
  readonly rowsBefore: number;
  /** When we opened it, microseconds: the receive time of what is not a record. */
  readonly openTime: number;
}

/** The id scope of rows that are known by their number in this file. */
export function fileScope(digest: string): string {
  return `file:${digest}`;
}

export abstract class RecordingParser<R extends Recording = Recording> {
  readonly recording: R;
  /** Rows read so far. */
  rows = 0;
  /** Newest event time, microseconds. */
  eventTime = Number.NEGATIVE_INFINITY;
  /** The newest time of those that a paced replay goes by: receive times, where there are any. */
  paceTime = Number.NEGATIVE_INFINITY;
  /** The pace time of the row that `parse` stopped before, as it was not due; or -Infinity. */
  due = Number.NEGATIVE_INFINITY;

  constructor(recording: R) {
    this.recording = recording;
  }

  /**
   * Takes whole rows from the window, at most `rowsMax` and none later than `until`, and pushes
   * what they hold; what cannot be read goes to the dead letters. The id scope of `into` is the
   * file's, until the parser sets that of a source which numbers its records itself.
   */
  abstract parse(window: ByteWindow, into: Observations, rowsMax: number, until: number): void;

  /** What is known of a symbol that has been met for the first time. */
  abstract define(symbol: string): Instrument;

  /** Up to when what was read whole is complete of a symbol, microseconds of event time. */
  completeTimeOf(_symbol: string): number {
    return this.eventTime;
  }

  /** The number of the row being read, from 1. */
  protected get row(): number {
    return this.rows + 1;
  }

  protected reject(into: Observations, refused: Refusal, raw: Uint8Array | string): void {
    const first = into.deadLetters.length;
    reject(into, refused, `${this.recording.name}:${this.row}`, this.recording.openTime, raw);
    this.nameLetters(into, first);
  }

  /** Gives ids to the dead letters from `first` on: they are of the row being read. */
  protected nameLetters({ deadLetters }: Observations, first: number): void {
    for (const [nth, letter] of deadLetters.slice(first).entries()) {
      deadLetters[first + nth] = { ...letter, id: letterId(this.recording, this.row, nth) };
    }
  }
}

/** What is left of a recording that ends in the middle of a row, which is none of its `rows`. */
export function letterOfRest(
  recording: Recording,
  rows: number,
  source: string,
  detail: string,
  rest: Buffer,
): DeadLetter {
  const { name: where, openTime: receiveTime } = recording;
  const fields = { source, receiveTime, where, reason: 'truncated', detail };
  return deadLetter(fields, rest, letterId(recording, rows + 1, 0));
}

/** The same whenever, and from whichever path, the file is read. */
function letterId({ digest, entry }: Recording, row: number, nth: number): string {
  const cause = [fileScope(digest), entry ?? '', row, nth].join('\0');
  return createHash('sha256').update(cause).digest('hex').slice(0, 32);
}
