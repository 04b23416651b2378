// Live latency: the simulator at a rate through the whole plant to a WebSocket client of all
// symbols. `./tapeline bench live [trades/s] [seconds]`. Goals: p99 10 ms at 10,000/s, 50 ms at
// 100,000/s, none lost.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts } from '../test/cluster/daemon.ts';
import { watchLive } from './lib/live.ts';
import { latency, quantile } from './lib/quantile.ts';
import { Running, ready } from './lib/running.ts';

const [rate = 10_000, seconds = 120] = process.argv.slice(2).map(Number);
const warmUpSeconds = 10;

const folder = await mkdtemp(join(tmpdir(), 'tapeline-bench-live-'));
const [port] = await freePorts(1);
const address = `127.0.0.1:${port}`;
const server = new Running(['start'], {
  DATA_DIR: folder,
  PORT: String(port),
  TRADES_PER_SECOND: String(rate),
});
try {
  await ready(address);
  const { messages, lost, trades, candles } = await watchLive({
    address,
    rate,
    warmUpSeconds,
    seconds,
  });
  const { memory, commit } = await figures();
  const at = (share: number): string => quantile(trades, share).toFixed(2);
  process.stdout.write(
    `${rate} trades/s for ${seconds} s: ${messages} messages, ` +
      `${Math.round(messages / seconds)}/s, ${lost} lost; ` +
      `ingest to client p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, ` +
      `p99.9 ${at(0.999)} ms, max ${at(1)} ms; in a candle ${latency(candles)}; ` +
      `${commit}; Node ${memory} MB\n`,
  );
} finally {
  await server.stop();
  await rm(folder, { recursive: true, maxRetries: 20, retryDelay: 100 });
}

/** What the server says of itself: memory, and how long the commits took in the meantime. */
async function figures(): Promise<{ memory: number; commit: string }> {
  const text = await (await fetch(`http://${address}/metrics`)).text();
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
