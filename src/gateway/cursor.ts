// Cursors. A message's cursor is a log position, `epoch:partition:offset`; that of a subscription
// is one to a partition that it is of, with commas between. A page's cursor is opaque to clients;
// it names the last thing they saw, so that paging neither repeats nor skips while new records keep
// coming.

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

const cursorPattern = /^([^:,+]{1,64}):(\d{1,5}):(-1|\d{1,15})$/;

/** The places of a subscription, by partition. Throws Failure `bad-request`. */
export function parseStreamCursor(text: string): ReadonlyMap<number, StreamCursor> {
  const places = new Map<number, StreamCursor>();
  for (const one of text.split(',')) {
    const [, epoch, partition, offset] = cursorPattern.exec(one) ?? [];
    if (epoch === undefined || places.has(Number(partition))) throw noStreamCursor(text);
    const place = { epoch, partition: Number(partition), offset: Number(offset) };
    places.set(place.partition, place);
  }
  return places;
}

function noStreamCursor(text: string): Failure {
  return new Failure(
    'bad-request',
    `"${text}" is no cursor.`,
    'Give that of `subscribed`, each part replaced by the `cursor` of the newest message of its ' +
      'partition; or none to begin anew.',
  );
}

/** Where a subscription is: the newest cursor of each of its partitions. */
export class Whereabouts {
  readonly #byPartition = new Map<string, string>();

  /** Takes a cursor over, of one partition or of several; empty for none. */
  move(cursor: string): void {
    for (const one of cursor === '' ? [] : cursor.split(',')) {
      this.#byPartition.set(one.slice(one.indexOf(':') + 1, one.lastIndexOf(':')), one);
    }
  }

  /** Takes over where it begins, and nothing else. */
  begin(cursor: string): void {
    this.#byPartition.clear();
    this.move(cursor);
  }

  get cursor(): string {
    return [...this.#byPartition.values()].join(',');
  }
}

/** Within the id of an event commas stand between subscriptions, and this between partitions. */
const betweenPartitions = '+';

/** The cursors of all subscriptions of a stream of events, empty for one that has not begun. */
export function formatEventId(cursors: Iterable<string>): string {
  return Array.from(cursors, (cursor) => cursor.replaceAll(',', betweenPartitions)).join(',');
}

/** Throws Failure `bad-request` where it is not of `count` subscriptions. */
export function parseEventId(text: string, count: number): string[] {
  const cursors = text.split(',').map((cursor) => cursor.replaceAll(betweenPartitions, ','));
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
