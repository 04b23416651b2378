// The replay feed: recorded files, one after the other, as if they happened now: as fast as they
// can be taken, or paced by their own times through the clock. What is unreadable in a file goes to
// the dead letters, a file that is unreadable is passed over, and at the end one Failure names all.

import type { Clock } from '../../base/clock.ts';
import { Failure } from '../../base/failure.ts';
import { calendarNames } from '../../calendars/calendar.ts';
import { isSymbol } from '../../contracts/instrument.ts';
import type { Feed, Intake } from '../feed.ts';
import { dateOf, LocalTime } from './local-time.ts';
import { Pace } from './pace.ts';
import { parserOf, type RecordingOptions } from './parsers.ts';
import { type Place, placeOf } from './place.ts';
import { Playback } from './playback.ts';
import { badFile, RecordedFile } from './recorded-file.ts';

export interface ReplayOptions extends RecordingOptions {
  /** Paths, replayed in this order. */
  readonly files: readonly string[];
  /** Times as fast as it happened; `max` for as fast as it can be taken. */
  readonly speed: number | 'max';
  readonly clock: Clock;
  readonly onProgress?: ((progress: ReplayProgress) => void) | undefined;
}

export interface ReplayProgress {
  readonly file: string;
  /** Of the file as it lies on disk. */
  readonly bytesRead: number;
  readonly bytesTotal: number;
  /** Rows of this file that have been read. */
  readonly rows: number;
}

/**
 * `run` throws one `bad-file` Failure at its end, for all files that could not be read whole;
 * options that make no sense are `bad-configuration` at once.
 */
export function replayFeed(options: ReplayOptions): Feed {
  return new ReplayFeed(options);
}

class ReplayFeed implements Feed {
  readonly name = 'replay';
  readonly #options: ReplayOptions;
  readonly #places: readonly Place[];

  constructor(options: ReplayOptions) {
    const { files, speed, symbol, date, timeZone, calendar } = options;
    check(files.length > 0, 'No files to replay', 'Name at least one.');
    check(
      speed === 'max' || (speed > 0 && speed < Number.POSITIVE_INFINITY),
      `Cannot replay ${speed} times as fast`,
      'Give --speed a number above 0, or max.',
    );
    check(
      symbol === undefined || isSymbol(symbol),
      `"${symbol}" is not a symbol`,
      'Give --symbol an upper-case name such as BAC or BTC-USD.',
    );
    const day = date === undefined ? undefined : dateOf(date);
    check(day !== null, `"${date}" is not a date`, 'Give --date as in 2013-10-07.');
    check(
      calendar === undefined || calendarNames.includes(calendar),
      `There is no calendar "${calendar}"`,
      `Give --calendar one of ${calendarNames.join(', ')}.`,
    );
    if (timeZone !== undefined) new LocalTime(timeZone); // throws when there is no such zone
    this.#options = { ...options, date: day };
    this.#places = files.map((file) => {
      const place = placeOf(file, null);
      return { symbol: symbol ?? place.symbol, date: day ?? place.date };
    });
  }

  async run(intake: Intake, signal: AbortSignal): Promise<void> {
    const failures: Failure[] = [];
    for (const [index, path] of this.#options.files.entries()) {
      if (signal.aborted) return;
      await collecting(failures, () => this.#playFile(path, index, intake, signal, failures));
    }
    if (failures.length > 0) throw together(failures);
  }

  async #playFile(
    path: string,
    index: number,
    intake: Intake,
    signal: AbortSignal,
    failures: Failure[],
  ): Promise<void> {
    const { clock, speed, onProgress } = this.#options;
    const file = await RecordedFile.open(path);
    const { digest, bytesTotal } = file;
    let rowsBefore = 0;
    for await (const part of file.parts()) {
      const { entry } = part;
      const name = entry === null ? path : `${path}/${entry}`;
      const source = { name, path, entry, digest, rowsBefore, openTime: clock.now() };
      const playback = new Playback({
        recording: source,
        parserOf: (head) => parserOf(source, head, this.#options),
        intake,
        pace: new Pace(clock, speed),
        signal,
        completes: this.#completes(index),
        onRows(rows) {
          const { bytesRead } = file;
          onProgress?.({ file: path, bytesRead, bytesTotal, rows: source.rowsBefore + rows });
        },
      });
      await collecting(failures, () => playback.play(part.read()));
      rowsBefore += playback.rows;
      if (signal.aborted) return;
    }
    onProgress?.({ file: path, bytesRead: bytesTotal, bytesTotal, rows: rowsBefore });
  }

  /** Whether a file is the last to tell of its symbol's day, so that its end is the day's. */
  #completes(index: number): boolean {
    const { symbol, date } = this.#places[index];
    if (symbol === null || date === null) return true;
    return !this.#places.some(
      (later, at) =>
        at > index && later.symbol === symbol && later.date !== null && later.date <= date,
    );
  }
}

async function collecting(failures: Failure[], work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof Failure) || error.code !== 'bad-file') throw error;
    failures.push(error);
  }
}

function together(failures: readonly Failure[]): Failure {
  if (failures.length === 1) return failures[0];
  const messages = failures.map(({ message }) => `\n- ${message}`);
  const cures = new Set(failures.map(({ cure }) => cure));
  return badFile(
    `${failures.length} files could not be replayed:${messages.join('')}`,
    [...cures].join(' '),
  );
}

function check(holds: boolean, message: string, cure: string): asserts holds {
  if (!holds) throw new Failure('bad-configuration', message, cure);
}
