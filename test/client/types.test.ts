// The client's types against the server's: the objects are made from its schemas, and what a client
// may ask for is what the server takes.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import type {
  AlertsRequest,
  CandlesRequest,
  Policy,
  Stream,
  StreamRequest,
} from '../../client/index.ts';
import { clientTypes } from '../../scripts/client-types.ts';
import type * as server from '../../src/gateway/stream/client-messages.ts';

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
