// Live latency: the simulator at a rate through the whole plant to a WebSocket client of all
// symbols. `./tapeline bench live [trades/s] [seconds]`. Goals: p99 10 ms at 10,000/s, 50 ms at
// 100,000/s, none lost.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { WebSocket } from 'ws';
import { systemClock } from '../src/base/clock.ts';
import { parseTime } from '../src/contracts/time.ts';

const [rate = 10_000, seconds = 120] = process.argv.slice(2).map(Number);
const warmUpSeconds = 10;
const launcher = fileURLToPath(new URL('../tapeline', import.meta.url));

const folder = await mkdtemp(join(tmpdir(), 'tapeline-bench-live-'));
const port = await freePort();
const url = `127.0.0.1:${port}`;
const env = {
  ...process.env,
  DATA_DIR: folder,
  PORT: String(port),
  TRADES_PER_SECOND: String(rate),
  LOG_LEVEL: 'warn',
};
const server = spawn(launcher, ['start'], {
  env,
  stdio: ['ignore', 'inherit', 'inherit'],
});
try {
  await ready();
  await measure();
} finally {
  server.kill('SIGTERM');
  await once(server, 'exit');
  await rm(folder, { recursive: true, maxRetries: 20, retryDelay: 100 });
}

async function measure(): Promise<void> {
  const answer = await fetch(`http://${url}/api/v1/symbols`);
  const { symbols } = (await answer.json()) as { symbols: { symbol: string }[] };
  const latencies = new Float64Array(rate * (seconds + 5));
  let count = 0;
  let lost = 0;
  let recording = false;
  const sockets = symbols.map(({ symbol }) => {
    const socket = new WebSocket(`ws://${url}/ws/trades/${symbol}`, { perMessageDeflate: false });
    let next = -1;
    socket.on('message', (data: Buffer) => {
      const text = data.toString();
      if (!text.includes('"type":"trade"')) return;
      // Reading two fields by hand keeps the client's own cost out of what is measured.
      const sequence = Number(field(text, '"sequence":', ','));
      if (next !== -1 && sequence > next) lost += sequence - next;
      next = Math.max(next, sequence + 1);
      if (!recording || count === latencies.length) return;
      const received = parseTime(field(text, '"received":"', '"')) ?? 0;
      latencies[count++] = (systemClock.now() - received) / 1000;
    });
    return socket;
  });
  await Promise.all(sockets.map((socket) => once(socket, 'open')));
  await systemClock.wait(warmUpSeconds * 1000);
  recording = true;
  await systemClock.wait(seconds * 1000);
  recording = false;
  const { memory, commit } = await figures();
  for (const socket of sockets) socket.close();
  const sorted = latencies.subarray(0, count).sort();
  const at = (share: number): string => (sorted[Math.floor(count * share)] ?? 0).toFixed(2);
  process.stdout.write(
    `${rate} trades/s for ${seconds} s: ${count} messages, ${Math.round(count / seconds)}/s, ` +
      `${lost} lost; ingest to client p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, ` +
      `p99.9 ${at(0.999)} ms, max ${at(0.999999)} ms; ${commit}; Node ${memory} MB\n`,
  );
}

function field(text: string, before: string, after: string): string {
  const start = text.indexOf(before) + before.length;
  return text.slice(start, text.indexOf(after, start));
}

/** What the server says of itself: memory, and how long the commits took in the meantime. */
async function figures(): Promise<{ memory: number; commit: string }> {
  const text = await (await fetch(`http://${url}/metrics`)).text();
  const [, bytes] = /^process_resident_memory_bytes (\d+)/m.exec(text) ?? [];
  const buckets = [...text.matchAll(/^tapeline_log_commit_seconds_bucket{le="([\d.]+)"} (\d+)/gm)];
  const commits = Number(/^tapeline_log_commit_seconds_count (\d+)/m.exec(text)?.[1]);
  const within = (share: number): string => {
    const found = buckets.find(([, , count]) => Number(count) >= share * commits);
    return `${Number(found?.[1] ?? Number.NaN) * 1000} ms`;
  };
  return {
    memory: Math.round(Number(bytes) / 1e6),
    commit: `${commits} commits, half within ${within(0.5)}, 99 % within ${within(0.99)}`,
  };
}

async function ready(): Promise<void> {
  for (let attempt = 0; attempt < 300; attempt++) {
    const answer = await fetch(`http://${url}/ready`).catch(() => null);
    if (answer?.ok) return;
    await systemClock.wait(100);
  }
  throw new Error('not ready within 30 s');
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port: free } = probe.address() as { port: number };
  probe.close();
  return free;
}
