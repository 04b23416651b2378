// What the measurements of fan-out share: clients in another process, and a gateway over a log.

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { Registry } from '@prometheus-io/client';
import { pino } from 'pino';
import { systemClock } from '../../src/base/clock.ts';
import { type Gateway, startGateway } from '../../src/gateway/gateway.ts';
import { listen } from '../../src/gateway/listener.ts';
import type { Log } from '../../src/log/log.ts';
import { MemoryHistory, noExports } from '../../test/gateway/memory-history.ts';
import { healthy } from '../../test/gateway/rig.ts';
import type { ClientsNews, ClientsTask } from './reading-clients.ts';

export async function clientsOf(task: ClientsTask): Promise<ChildProcess> {
  const clients = fork(new URL('reading-clients.ts', import.meta.url));
  const ready = once(clients, 'message');
  clients.send(task);
  await ready;
  return clients;
}

/** What the clients have heard so far, all together. */
export async function newsOf(clients: ChildProcess): Promise<ClientsNews> {
  const told = once(clients, 'message');
  clients.send('news?');
  const [news] = (await told) as [ClientsNews];
  return news;
}

/** How many messages have come once no more greetings do. */
export async function settled(clients: ChildProcess): Promise<number> {
  for (let known = -1; ; ) {
    await systemClock.wait(200);
    const { messages } = await newsOf(clients);
    if (messages === known) return messages;
    known = messages;
  }
}

export async function gatewayOf(log: Log): Promise<Gateway> {
  const registry = new Registry();
  return await startGateway({
    listener: await listen({ host: '127.0.0.1', port: 0 }),
    shards: [{ log, stored: () => Number.POSITIVE_INFINITY, storeLost: () => 0 }],
    history: new MemoryHistory(log),
    exports: noExports,
    registry,
    metricsText: () => registry.metrics(),
    health: async () => healthy,
    clock: systemClock,
    logger: pino({ level: 'silent' }),
    compression: false,
  });
}
