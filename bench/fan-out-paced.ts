// What the gateway does at a given pace, through a real log, clients in another process:
//   ./tapeline node bench/fan-out-paced.ts latency [clients] [trades a second] [symbols] [seconds]
//     how old a trade is when a client gets it: 1,000 clients of ten symbols each, of 1,000, at
//     10,000 trades/s unless said otherwise. Counted is from `received`, so the commit too.
//   ./tapeline node bench/fan-out-paced.ts many [clients] [trades a second] [symbols] [seconds]
//     whether it keeps up with 10,000 clients of the same ten symbols at 50 trades/s: 500,000
//     messages a second. Each side needs a file for each client: `ulimit -n 20000`.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { systemClock } from '../src/base/clock.ts';
import { openEmbeddedLog } from '../src/log/log-embedded.ts';
import { Tape } from '../test/gateway/tape.ts';
import { clientsOf, gatewayOf, newsOf, settled } from './lib/fan-out.ts';

const [mode = 'latency', ...numbers] = process.argv.slice(2);
const defaults = mode === 'many' ? [10_000, 50, 10, 10] : [1_000, 10_000, 1_000, 10];
const [clients, perSecond, symbolCount, seconds] = defaults.map((value, index) =>
  numbers[index] === undefined ? value : Number(numbers[index]),
);
const symbolsOfEach = 10;
/** A batch holds what came in this time, as ingest commits it. */
const batchMs = mode === 'many' ? 100 : 10;
const warmMs = 1_000;

const symbols = Array.from({ length: symbolCount }, (_, index) => `S${index}`);
const says = Array.from({ length: symbolCount / symbolsOfEach }, (_, part) => {
  const own = symbols.slice(part * symbolsOfEach, (part + 1) * symbolsOfEach);
  return JSON.stringify({ op: 'subscribe', id: 'w', stream: 'trades', symbols: own });
});

const folder = await mkdtemp(join(tmpdir(), 'tapeline-fan-out-'));
const logger = pino({ level: 'silent' });
const log = await openEmbeddedLog({ folder, logger, clock: systemClock });
const tape = new Tape(log);
await tape.introduce(...symbols);
const gateway = await gatewayOf(log);
const url = `${gateway.url}/ws`;
const others = await clientsOf({ url, clients, says, timedOneIn: Math.ceil(clients / 100) });
const before = await settled(others);

let sent = 0;

/** Every trade has the time at which it was due, so that what waited here counts as waiting. */
async function tell(forMs: number): Promise<number> {
  const rows = Math.round((perSecond * batchMs) / 1_000);
  const [began, first] = [performance.now(), systemClock.now()];
  const commits: Promise<unknown>[] = [];
  for (let dueMs = 0; dueMs < forMs; dueMs += batchMs) {
    const early = began + dueMs - performance.now();
    if (early > 0) await systemClock.wait(early);
    const time = first + dueMs * 1_000;
    const batch = Array.from({ length: rows }, (_, row) => {
      const symbol = symbols[(sent + row) % symbolCount];
      return { symbol, time, received: time, price: 17_000 + row };
    });
    sent += rows;
    commits.push(tape.trades(...batch));
  }
  await Promise.all(commits);
  return (performance.now() - began) / 1e3;
}

await tell(warmMs);
await newsOf(others);
const warm = sent;
const processor = process.threadCpuUsage();
const took = await tell(seconds * 1e3);
const { user, system } = process.threadCpuUsage(processor);
const { ages } = await newsOf(others);
const told = (await settled(others)) - before;
const expected = (sent * clients * symbolsOfEach) / symbolCount;

const sorted = Float64Array.from(ages).sort();
const quantile = (part: number): string => {
  const age = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];
  return `${(age / 1e3).toFixed(1)} ms`;
};
const tradesPerSecond = (sent - warm) / took;
const perClient = (tradesPerSecond * symbolsOfEach) / symbolCount;
console.log(
  `${clients} clients of ${symbolsOfEach} of ${symbolCount} symbols: ` +
    `${Math.round(tradesPerSecond)} trades/s, ${Math.round(perClient * clients)} messages/s`,
);
console.log(`received to client: p50 ${quantile(0.5)}, p99 ${quantile(0.99)}, most ${quantile(1)}`);
console.log(`the thread was busy ${Math.round((user + system) / 1e4 / took)} % of the time`);
console.log(`told ${told} of ${expected} messages`);
others.kill();
await gateway.close();
await log.close();
await rm(folder, { recursive: true });
