// Cursors. A stream's cursor is a log position, `epoch:partition:offset`. A page's cursor is opaque
// to clients; it names the last thing they saw, so that paging neither repeats nor skips while new
// records keep coming.

import { type Micros, micros } from '../base/clock.ts';
import { Failure } from '../base/failure.ts';
import type { ExplainedPlace } from '../engine/explain-candle.ts';
import type { LogName } from '../log/log.ts';

/** What every cursor of a log begins with; the offset follows. */
export function cursorHead({ epoch, partition }: LogName): string {
  return `${epoch}:${partition}:`;
}

/** A place in a stream: epoch and partition of its log, the offset of the last record told. */
export interface StreamCursor {
  readonly epoch: string;
  readonly partition: number;
  readonly offset: number;
}

/** Throws Failure `bad-request`. */
export function parseStreamCursor(text: string): StreamCursor {
  const [, epoch, partition, offset] = /^([^:]{1,64}):(\d{1,5}):(-1|\d{1,15})$/.exec(text) ?? [];
  if (epoch !== undefined) {
    return { epoch, partition: Number(partition), offset: Number(offset) };
  }
  throw new Failure(
    'bad-request',
    `"${text}" is no cursor.`,
    'Give the `cursor` of an earlier message unchanged, or leave it out to begin anew.',
  );
}

/** The cursors of all subscriptions of a stream of events, empty for one that has not begun. */
export function formatEventId(cursors: Iterable<string>): string {
  return [...cursors].join(',');
}

/** Throws Failure `bad-request` where it is not of `count` subscriptions. */
export function parseEventId(text: string, count: number): string[] {
  const cursors = text.split(',');
  if (cursors.length === count) return cursors;
  throw new Failure(
    'bad-request',
    `Last-Event-ID is of ${cursors.length} subscriptions, and there are ${count} here.`,
    'Give the id of an event of this very URL, or none to begin anew.',
  );
}

/** The last trade of a page. */
export interface TradePageCursor {
  /** Event time, microseconds. */
  readonly time: number;
  readonly sequence: number;
  /** How many trades of exactly this time were on the pages so far. */
  readonly same: number;
}

/** Trades of one microsecond that paging can step through. */
const sameMax = 65_536;

export function formatTradeCursor({ time, sequence, same }: TradePageCursor): string {
  return seal(`t.${time}.${sequence}.${same}`);
}

export function parseTradeCursor(text: string): TradePageCursor {
  const parts = /^t\.(-?\d{1,16})\.(\d{1,16})\.(\d{1,6})$/.exec(unseal(text));
  const [time, sequence, same] = (parts ?? []).slice(1).map(Number);
  if (!parts || same > sameMax) throw badCursor(text);
  return { time, sequence, same };
}

/** The cursor of a page of candles names the start of its first. */
export function formatCandleCursor(start: number): string {
  return seal(`c.${start}`);
}

export function parseCandleCursor(text: string): number {
  const parts = /^c\.(-?\d{1,16})$/.exec(unseal(text));
  if (!parts) throw badCursor(text);
  return Number(parts[1]);
}

/** The cursor of a page of explained trades: the place of its last. */
export function formatExplanationCursor({ time, offset, tagId }: ExplainedPlace): string {
  return seal(`e.${time}.${offset}.${tagId}`);
}

export function parseExplanationCursor(text: string): ExplainedPlace {
  const parts = /^e\.(-?\d{1,16})\.(\d{1,16})\.(\d{1,10})$/.exec(unseal(text));
  if (!parts) throw badCursor(text);
  const [time, offset, tagId] = parts.slice(1).map(Number);
  return { time, offset, tagId };
}

/** The last signal of a page. */
export interface SignalPageCursor {
  readonly time: Micros;
  readonly id: string;
}

export function formatSignalCursor({ time, id }: SignalPageCursor): string {
  return seal(`s.${time}.${id}`);
}

export function parseSignalCursor(text: string): SignalPageCursor {
  const parts = /^s\.(-?\d{1,16})\.(.+)$/.exec(unseal(text));
  if (!parts) throw badCursor(text);
  return { time: micros(Number(parts[1])), id: parts[2] };
}

function seal(text: string): string {
  return Buffer.from(text).toString('base64url');
}

function unseal(text: string): string {
  return Buffer.from(text, 'base64url').toString('latin1');
}

function badCursor(text: string): Failure {
  return new Failure(
    'bad-request',
    `The cursor "${text}" is not one of this resource.`,
    'Give the `next` of an earlier answer unchanged, or leave `cursor` out to begin anew.',
  );
}
