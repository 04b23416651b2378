// Plays one recording into the intake: bytes to the parser, rows to ingest no earlier than they are
// due, heartbeats while time passes and when the recording has ended.

import { microsPerSecond } from '../../base/clock.ts';
import { Failure } from '../../base/failure.ts';
import type { Intake, Observations } from '../feed.ts';
import { ByteWindow, windowBytesMax } from './byte-window.ts';
import { headBytes } from './format.ts';
import type { Pace } from './pace.ts';
import { badFile } from './recorded-file.ts';
import { fileScope, letterOfRest, type Recording, type RecordingParser } from './recording.ts';

/** At great speed heartbeats are no closer than this, in milliseconds of the clock. */
const beatMsMin = 10;

export interface PlaybackOptions {
  readonly recording: Recording;
  /** Chooses the parser by how the recording begins. */
  readonly parserOf: (head: Buffer) => RecordingParser;
  readonly intake: Intake;
  readonly pace: Pace;
  readonly signal: AbortSignal;
  /** False when more of the same day is still to come from another file. */
  readonly completes: boolean;
  readonly onRows: (rows: number) => void;
}

export class Playback {
  readonly #options: PlaybackOptions;
  readonly #window = new ByteWindow();
  readonly #symbols = new Set<string>();
  #parser: RecordingParser | null = null;
  #damage: Failure | null = null;
  #beatDue = Number.NEGATIVE_INFINITY;

  constructor(options: PlaybackOptions) {
    this.#options = options;
  }

  /** Rows read so far. */
  get rows(): number {
    return this.#parser?.rows ?? 0;
  }

  /** Plays all that can be read, then throws the Failure of what cannot. */
  async play(pieces: AsyncGenerator<Buffer>): Promise<void> {
    const { intake, recording, signal } = this.#options;
    await intake.enter(fileScope(recording.digest), recording.digest);
    try {
      for (let piece = await this.#next(pieces); piece; piece = await this.#next(pieces)) {
        this.#append(piece);
        if (this.#parser || this.#window.size >= headBytes) await this.#drain();
        if (signal.aborted) return;
      }
    } finally {
      await pieces.return(undefined);
    }
    if (this.#damage) await this.#endDamaged(this.#damage);
    else await this.#end();
  }

  async #next(pieces: AsyncGenerator<Buffer>): Promise<Buffer | null> {
    try {
      const { value, done } = await pieces.next();
      return done ? null : value;
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      this.#damage = error;
      return null;
    }
  }

  #append(piece: Buffer): void {
    if (this.#window.size + piece.length > windowBytesMax) {
      throw badFile(
        `${this.#options.recording.name} has a row of more than ${windowBytesMax} bytes`,
        'Give a file with a record to a line.',
      );
    }
    this.#window.append(piece);
  }

  /** Parses whatever is in the window, as it falls due and as there is room. */
  async #drain(): Promise<void> {
    const { intake, pace, signal, onRows } = this.#options;
    this.#parser ??= this.#options.parserOf(this.#window.head(headBytes));
    const parser = this.#parser;
    while (!signal.aborted) {
      const { open } = intake;
      parser.parse(this.#window, open, intake.free, pace.horizon);
      this.#introduce(open, parser);
      onRows(parser.rows);
      if (intake.free <= 0) await intake.room();
      else if (parser.due > Number.NEGATIVE_INFINITY) await this.#awaitDue(parser);
      else break;
    }
  }

  /** Defines the symbols that were not met before. */
  #introduce(into: Observations, parser: RecordingParser): void {
    for (const { instruments } of [...into.allTrades, into.quotes, into.bars]) {
      for (const { symbol } of instruments) {
        if (this.#symbols.has(symbol)) continue;
        this.#symbols.add(symbol);
        into.instruments.push(parser.define(symbol));
      }
    }
  }

  async #awaitDue(parser: RecordingParser): Promise<void> {
    const { intake, pace, signal } = this.#options;
    if (!pace.begun) {
      pace.begin(parser.due);
      this.#beatDue = this.#nextBeat(parser.due);
      return;
    }
    await intake.room();
    await pace.wait(Math.min(parser.due, this.#beatDue), signal);
    const time = Math.min(parser.due, pace.horizon);
    if (time < this.#beatDue) return;
    // Event time goes on from the newest as pace time does.
    this.#beat([...this.#symbols], parser.eventTime + (time - parser.paceTime), time, false);
    this.#beatDue = this.#nextBeat(pace.horizon);
  }

  #nextBeat(time: number): number {
    const every = Math.max(microsPerSecond, this.#options.pace.recordedIn(beatMsMin));
    return (Math.floor(time / every) + 1) * every;
  }

  #beat(
    symbols: readonly string[],
    eventTime: number,
    receiveTime: number,
    complete: boolean,
  ): void {
    const { intake, completes } = this.#options;
    if (!completes || symbols.length === 0 || !Number.isFinite(eventTime)) return;
    const { source, open } = intake;
    open.heartbeats.push({ source, symbols, eventTime, complete, receiveTime });
    intake.offer();
  }

  async #end(): Promise<void> {
    this.#window.finish();
    await this.#drain();
    if (this.#options.signal.aborted) return;
    const parser = this.#parser as RecordingParser;
    const ends = Map.groupBy(this.#symbols, (symbol) => parser.completeTimeOf(symbol));
    for (const [time, symbols] of ends) {
      this.#beat(symbols, time, Math.max(time, parser.paceTime), true);
    }
  }

  /** The last row may be cut in the middle of a number, so it is not read. */
  async #endDamaged(damage: Failure): Promise<void> {
    const { intake, recording } = this.#options;
    await this.#drain().catch((error: unknown) => {
      // What there is may be too little to tell what it is; the damage is the cause of that.
      if (!(error instanceof Failure)) throw error;
    });
    const rest = this.#window.head(this.#window.size);
    const { source, open } = intake;
    open.deadLetters.push(letterOfRest(recording, this.rows, source, damage.message, rest));
    throw damage;
  }
}
