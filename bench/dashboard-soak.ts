// The memory of the dashboard over time, in headless Chromium: the markets page with 500 symbols
// that move, and a symbol's page beside it, each in a window of its own.
// `./tapeline build && ./tapeline node bench/dashboard-soak.ts [minutes] [trades a second]`.
// Goal: flat. A line for each half minute and page: the JavaScript heap after a forced collection,
// nodes of the document, listeners, and frames drawn a second in between.

import type { CDPSession, Page } from 'playwright-core';
import { systemClock } from '../src/base/clock.ts';
import { Dashboard, isLive, wide } from '../test/e2e/dashboard.ts';

const [minutes = 10, tradesPerSecond = 2_000] = process.argv.slice(2).map(Number);
const sampleMs = 30_000;
const samples = Math.max(1, Math.round((minutes * 60_000) / sampleMs));
/** What is cached and compiled while a page is young is no leak. */
const warmSamples = Math.min(4, samples - 1);
const symbols = 500;
const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ';
const listing = Array.from({ length: symbols }, (_, index) => {
  const code = [index / 676, index / 26, index].map((part) => letters[Math.floor(part) % 26]);
  return [`${code.join('')}X`, `Company ${index}`, 2_000 + index * 97] as const;
});
const [[first]] = listing;

interface Sample {
  readonly heapMegabytes: number;
  readonly nodes: number;
  readonly listeners: number;
  readonly framesPerSecond: number;
}

/** Detached nodes count too, as long as something holds them. */
async function sampleOf(page: Page, session: CDPSession, seconds: number): Promise<Sample> {
  await session.send('HeapProfiler.collectGarbage');
  const { metrics } = await session.send('Performance.getMetrics');
  const metric = (name: string): number => metrics.find((one) => one.name === name)?.value ?? 0;
  const frames = Number(await page.evaluate('drawn.splice(0).length'));
  return {
    heapMegabytes: metric('JSHeapUsedSize') / 1e6,
    nodes: metric('Nodes'),
    listeners: metric('JSEventListeners'),
    framesPerSecond: frames / seconds,
  };
}

async function watch(name: string, page: Page): Promise<void> {
  await isLive(page);
  const session = await page.context().newCDPSession(page);
  await session.send('Performance.enable');
  await page.evaluate(`
    globalThis.drawn = [];
    const count = () => { drawn.push(0); requestAnimationFrame(count); };
    requestAnimationFrame(count);
  `);
  const taken: Sample[] = [];
  for (let index = 0; index < samples; index++) {
    const began = performance.now();
    await systemClock.wait(sampleMs);
    const sample = await sampleOf(page, session, (performance.now() - began) / 1e3);
    taken.push(sample);
    const { heapMegabytes, nodes, listeners, framesPerSecond } = sample;
    const minute = (((index + 1) * sampleMs) / 60_000).toFixed(1);
    console.log(
      `${name.padEnd(8)} ${minute.padStart(5)} min ${heapMegabytes.toFixed(1).padStart(7)} MB ` +
        `${String(nodes).padStart(6)} nodes ${String(listeners).padStart(5)} listeners ` +
        `${framesPerSecond.toFixed(0).padStart(3)} frames/s`,
    );
  }
  const [warm, last] = [taken[warmSamples], taken[taken.length - 1]];
  const perHour =
    ((last.heapMegabytes - warm.heapMegabytes) * 3_600_000) /
    Math.max(1, (samples - 1 - warmSamples) * sampleMs);
  console.log(`${name.padEnd(8)} grows by ${perHour.toFixed(1)} MB an hour once warm`);
}

const one = new Dashboard({ listing, hours: 0.05 });
await one.start();
one.plant.tradesPerTick = tradesPerSecond / 10;
console.log(`${symbols} symbols, ${tradesPerSecond} trades/s, ${minutes} minutes`);
try {
  await Promise.all([
    one.open('/', { viewport: wide }, (page) => watch('markets', page)),
    one.open(`/symbols/${first}`, { viewport: wide }, (page) => watch('symbol', page)),
  ]);
} finally {
  await one.close();
}
