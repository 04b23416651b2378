// The client's types against the server's: the objects are made from its schemas, and what a client
// may ask for is what the server takes.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import type {
  AlertsRequest,
  CandlesRequest,
  Gap,
  Policy,
  Skip,
  Stream,
  StreamRequest,
} from '../../client/index.ts';
import { clientTypes } from '../../scripts/client-types.ts';
import type * as server from '../../src/gateway/stream/client-messages.ts';
import { serverMessages } from '../../src/gateway/stream/server-messages.ts';

test('the objects are those of the server', () => {
  const path = new URL('../../client/wire-types.ts', import.meta.url);
  const cure = 'Run `./tapeline node scripts/client-types.ts`.';
  assert.equal(readFileSync(path, 'utf8'), clientTypes(), cure);
});

/** Holds for the compiler, or `npm run check` fails. */
type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : false) : false;
/** Fields of every request, whichever has them. */
type Fields<Request> = Request extends unknown ? keyof Request : never;

test('requests are those that the server takes', () => {
  const same: [
    Same<Stream, server.Stream>,
    Same<Policy, server.Policy>,
    Same<Fields<StreamRequest>, Exclude<keyof server.Subscribe, 'op' | 'id'>>,
    Same<CandlesRequest['interval'], server.Subscribe['interval']>,
    Same<CandlesRequest['price'], server.Subscribe['price']>,
    Same<AlertsRequest['severity'], server.Subscribe['severity']>,
  ] = [true, true, true, true, true, true];
  assert(same);
});

test('messages have the fields that the server sends', () => {
  type Sent<Of> = Record<Exclude<keyof Of, 'cursor'> | 'id', true>;
  const told = { type: true, id: true, stream: true, from: true, to: true } as const;
  const gap: Sent<Gap> = { ...told, symbols: true, reason: true };
  const skip: Sent<Skip> = { ...told, count: true };
  const names = (of: object): string[] => Object.keys(of).toSorted();
  assert.deepEqual(names(gap), names(serverMessages.gap.properties));
  assert.deepEqual(names(skip), names(serverMessages.skip.properties));
});
