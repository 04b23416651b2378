// What the routes have in common: where their answers come from, and their parameters.

import { Type } from 'typebox';
import type { Clock, Micros } from '../../base/clock.ts';
import { Failure } from '../../base/failure.ts';
import type { Days } from '../../calendars/days.ts';
import { parseDate, parseTime } from '../../contracts/time.ts';
import type { History } from '../../store/history.ts';
import type { HistoryFiles } from '../history-files.ts';
import type { GatewayLimits } from '../limits.ts';
import { problemName, unknownSymbol } from '../problem.ts';
import type { ServedShards } from '../served-shards.ts';

export interface RouteContext {
  readonly shards: ServedShards;
  readonly history: History;
  readonly limits: GatewayLimits;
  readonly clock: Clock;
  readonly files: HistoryFiles;
}

export const symbolParams = Type.Object({
  symbol: Type.String({ description: 'As /api/v1/symbols lists it; lower case will do' }),
});

export const spanParameters = {
  from: Type.Optional(
    Type.String({
      maxLength: 40,
      description: 'ISO 8601, UTC unless it says otherwise; inclusive',
    }),
  ),
  to: Type.Optional(Type.String({ maxLength: 40, description: 'ISO 8601; exclusive' })),
  cursor: Type.Optional(Type.String({ maxLength: 128, description: 'The `next` of a page' })),
};

export const nextSchema = Type.Union([Type.String(), Type.Null()], {
  description: 'Give it as `cursor` for the page of what is older; null when there is none',
});

const problemAnswer = {
  description: 'What went wrong, and what can be done about it',
  content: { 'application/problem+json': { schema: Type.Ref(`${problemName}#`) } },
};

export const problems = { '4xx': problemAnswer, '5xx': problemAnswer };

/** The symbol as it is known. Throws Failure `not-ready`, or `not-found` when it is not. */
export function knownSymbol(shards: ServedShards, given: string): string {
  requireReady(shards);
  const symbol = given.toUpperCase();
  if (!shards.has(symbol)) throw unknownSymbol(given);
  return symbol;
}

export function requireReady({ waitsFor }: ServedShards): void {
  if (waitsFor === null) return;
  throw new Failure('not-ready', `Not ready: ${waitsFor}.`, 'Ask again in a moment.');
}

/**
 * `from` and `to` as times; a bare date is where that day begins, in `days` where they are given
 * and else in UTC. Throws Failure `bad-request`.
 */
export function parseSpan(
  given: { from?: string; to?: string },
  days?: Days,
): { from: Micros | undefined; to: Micros | undefined } {
  const from = timeOf('from', given.from, days);
  const to = timeOf('to', given.to, days);
  if (from !== undefined && to !== undefined && from > to) {
    const detail = `"from" (${given.from}) is after "to" (${given.to}).`;
    throw new Failure('bad-request', detail, 'Swap them.');
  }
  return { from, to };
}

function timeOf(
  name: string,
  text: string | undefined,
  days: Days | undefined,
): Micros | undefined {
  if (text === undefined) return undefined;
  const date = parseDate(text);
  if (date !== null && days) return days.numbered(date).start;
  const time = parseTime(text);
  if (time !== null) return time;
  throw new Failure(
    'bad-request',
    `The parameter "${name}" is "${text}", which is no time.`,
    'Give ISO 8601, such as 2013-10-07 or 2013-10-07T13:30:00Z.',
  );
}
