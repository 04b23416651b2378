// What the tests of the client share: reading messages one by one, and a client whose waits pass at
// once when they are for the next attempt.

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import {
  type Client,
  type ClientOptions,
  type ConnectionState,
  connect,
} from '../../client/index.ts';
import { ManualClock } from '../../src/base/clock.ts';

export interface Tested {
  readonly client: Client;
  readonly clock: ManualClock;
  /** Every state that it was in, the first first. */
  readonly states: ConnectionState[];
}

/** A client of which no wait passes but by `clock.advance`. */
export function testedClient(
  t: TestContext,
  url: Parameters<typeof connect>[0],
  options: ClientOptions = {},
): Tested {
  const clock = new ManualClock(0);
  const client = connect(url, { clock, random: () => 0.5, ...options });
  const states: ConnectionState[] = [];
  client.onState((state) => states.push(state));
  t.after(() => client.close());
  return { client, clock, states };
}

/** The same, but it does not wait to come back. */
export function eagerClient(
  t: TestContext,
  url: Parameters<typeof connect>[0],
  options: ClientOptions = {},
): Tested {
  const tested = testedClient(t, url, options);
  tested.client.onState(({ status }) => {
    if (status === 'waiting') setImmediate(() => tested.client.retry());
  });
  return tested;
}

/** Resolves once the client is in such a state. */
export async function until<Status extends ConnectionState['status']>(
  client: Client,
  status: Status,
): Promise<ConnectionState & { readonly status: Status }> {
  const { promise, resolve } = Promise.withResolvers<ConnectionState>();
  const stop = client.onState((state) => {
    if (state.status === status) resolve(state);
  });
  if (client.state.status === status) resolve(client.state);
  const state = await promise;
  stop();
  return state as ConnectionState & { readonly status: Status };
}

export async function take<Message>(from: AsyncIterator<Message>, count: number) {
  const taken: Message[] = [];
  while (taken.length < count) taken.push(await nextOf(from));
  return taken;
}

export async function nextOf<Message>(from: AsyncIterator<Message>): Promise<Message> {
  const { value, done } = await from.next();
  assert(!done, 'it has ended');
  return value;
}
