// How fast REST answers: quotes and summaries from memory at 5,000 requests a second, and 500
// candles of any symbol and span out of a full database.
//   ./tapeline bench rest [--rows 100000000] [--seconds 20] [--data FOLDER] [--only memory|rows]
// With --data the database is kept in that folder, and found there again; 100 M rows are 15 GB and
// take half an hour to make, the housekeeping included that puts months that are over in order.

import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { systemClock } from '../src/base/clock.ts';
import { prng } from '../src/base/prng.ts';
import { intervalLength } from '../src/contracts/interval.ts';
import { formatTime } from '../src/contracts/time.ts';
import type { Asked, AskingTask } from './lib/asking-clients.ts';
import { reachOf, storeCandles, storedSymbols } from './lib/stored-candles.ts';

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '1000000' },
    seconds: { type: 'string', default: '20' },
    data: { type: 'string' },
    only: { type: 'string' },
  },
});
const rows = Number(values.rows);
const seconds = Number(values.seconds);
const quickPerSecond = 5_000;
const candlesPerSecond = 50;
const launcher = fileURLToPath(new URL('../tapeline', import.meta.url));
const random = prng(20_261_121);

if (values.only !== 'rows') await ofMemory();
if (values.only !== 'memory') await ofRows();

async function ofMemory(): Promise<void> {
  const folder = await temporaryFolder();
  await withServer(folder, measureMemory);
  await rm(folder, { recursive: true, maxRetries: 20, retryDelay: 100 });
}

async function ofRows(): Promise<void> {
  const folder = values.data ?? (await temporaryFolder());
  const database = join(folder, 'postgres');
  if (!existsSync(database)) {
    await storeCandles(database, rows, (text) => process.stdout.write(`${text}\n`));
  }
  await withServer(folder, measureRows);
  if (values.data === undefined) await rm(folder, { recursive: true, maxRetries: 20 });
}

async function temporaryFolder(): Promise<string> {
  return await mkdtemp(join(tmpdir(), 'tapeline-bench-rest-'));
}

interface Server {
  readonly host: string;
  readonly port: number;
  get(path: string): Promise<string>;
}

/** The simulator's ten symbols at a hundred trades a second beside what is measured. */
async function withServer(data: string, measure: (server: Server) => Promise<void>): Promise<void> {
  const port = await freePort();
  const env = { ...process.env, DATA_DIR: data, PORT: String(port), LOG_LEVEL: 'warn' };
  const child = spawn(launcher, ['start'], { env, stdio: ['ignore', 'inherit', 'inherit'] });
  const host = '127.0.0.1';
  const get = async (path: string): Promise<string> =>
    await (await fetch(`http://${host}:${port}${path}`)).text();
  try {
    while (!(await get('/ready').catch(() => '')).includes('true')) {
      if (child.exitCode !== null) throw new Error('the server has ended');
      await systemClock.wait(100);
    }
    await systemClock.wait(5_000);
    await measure({ host, port, get });
  } finally {
    child.kill('SIGTERM');
    if (child.exitCode === null) await once(child, 'exit');
  }
}

async function measureMemory(server: Server): Promise<void> {
  const { symbols } = JSON.parse(await server.get('/api/v1/symbols')) as {
    symbols: { symbol: string }[];
  };
  const quotes = symbols.map(({ symbol }) => `/api/v1/quotes/${symbol}`);
  const summary = '/api/v1/market-summary';
  const task = { perSecond: quickPerSecond, connections: 64 };
  await report('quotes', server, { ...task, paths: quotes });
  await report(`summaries of ${symbols.length} symbols`, server, { ...task, paths: [summary] });
  const gzip = 'Accept-Encoding: gzip\r\n';
  await report('the same, gzip', server, { ...task, paths: [summary], headers: gzip });
}

async function measureRows(server: Server): Promise<void> {
  const { from, to } = reachOf(rows);
  const intervals = ['1m', '1m', '1m', '5m', '15m', '1h'] as const;
  const paths = Array.from({ length: 10_000 }, () => {
    const interval = intervals[random.integer(intervals.length)];
    const symbol = storedSymbols[random.integer(storedSymbols.length)];
    const span = 500 * intervalLength(interval);
    const start = from + Math.floor(random.uniform() * Math.max(0, to - from - span));
    const times = `from=${formatTime(start)}&to=${formatTime(Math.min(to, start + span))}`;
    return `/api/v1/candles/${symbol}?interval=${interval}&limit=500&${times}`;
  });
  const newest = storedSymbols.map((symbol) => `/api/v1/candles/${symbol}?interval=1m&limit=500`);
  const task = { perSecond: candlesPerSecond, connections: 16 };
  await report(`500 candles of any span, ${rows / 1e6} M rows`, server, { ...task, paths });
  await report('the newest 500 candles', server, { ...task, paths: newest });
}

async function report(
  name: string,
  server: Server,
  given: Pick<AskingTask, 'paths' | 'perSecond' | 'connections'> & { readonly headers?: string },
): Promise<void> {
  const before = await processorSeconds(server);
  const began = performance.now();
  const { host, port } = server;
  const task = { host, port, headers: '', seconds, warmUpSeconds: 5, ...given };
  const { latencies, failures, bytes } = await asked(task);
  const busy = (await processorSeconds(server)) - before;
  const wall = (performance.now() - began) / 1000;
  const last = latencies.length - 1;
  const at = (part: number): string =>
    (latencies[Math.min(last, Math.floor(latencies.length * part))] ?? 0).toFixed(2);
  process.stdout.write(
    `${name}, ${given.perSecond}/s: p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, ` +
      `p99.9 ${at(0.999)} ms, max ${at(1)} ms; ${failures} of ${latencies.length} failed; ` +
      `${Math.round(bytes)} bytes each; server ${((100 * busy) / wall).toFixed(0)} % of a core\n`,
  );
}

async function asked(task: AskingTask): Promise<Asked> {
  const clients = fork(new URL('lib/asking-clients.ts', import.meta.url));
  clients.send(task);
  const [answer] = (await once(clients, 'message')) as [Asked];
  return answer;
}

/** Of all its threads, without those of PostgreSQL. */
async function processorSeconds(server: Server): Promise<number> {
  const metrics = await server.get('/metrics');
  return Number(/^process_cpu_seconds_total (\S+)/m.exec(metrics)?.[1]);
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as { port: number };
  probe.close();
  return port;
}
