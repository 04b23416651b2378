// Each minute of BAC and SPY that is not the vendor's, and which trades the vendor took otherwise.
// `./tapeline bench vendor-minutes`. It replays the recorded ticks into a folder of its own, asks
// explain for the trades of every minute that differs from the recorded bars, and looks for those
// that the vendor must have left out, moved to the minute before, or let move prices.

import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readConfig } from '../src/app/config.ts';
import { openLogger } from '../src/app/logger.ts';
import { borrowDatabase, type OpenHistory, openHistory } from '../src/app/wire.ts';
import { calendarOf } from '../src/calendars/calendar.ts';
import type { ExplainedTrade } from '../src/contracts/explanation.ts';
import { formatTime } from '../src/contracts/time.ts';
import type { Candle } from '../src/contracts/wire-objects.ts';
import { explainCandle } from '../src/gateway/explain.ts';

const recorded = fileURLToPath(new URL('../../shared/data/us-equity/', import.meta.url));
const symbols = ['bac', 'spy'];
const days = ['2013-10-07', '2013-10-08'];
const fields = ['open', 'high', 'low', 'close', 'volume'] as const;
type Field = (typeof fields)[number];
type Bar = Readonly<Record<Field, number>> & { readonly symbol: string; readonly start: number };

const minute = 60_000_000;
const calendar = 'XNYS';
const listedMax = 100_000;

if (!existsSync(recorded)) throw new Error(`This needs the recorded data in ${recorded}.`);
const folder = mkdtempSync(join(tmpdir(), 'tapeline-vendor-'));
try {
  const main = fileURLToPath(new URL('../src/app/main.ts', import.meta.url));
  const files = symbols.flatMap((symbol) => days.map((day) => fileOf('tick', symbol, day)));
  const env = { ...process.env, DATA_DIR: folder, LOG_LEVEL: 'warn' };
  execFileSync(process.execPath, [main, 'replay', '--quiet', ...files], { env, stdio: 'inherit' });
  await compare(readConfig(env, 'warn'));
} finally {
  rmSync(folder, { recursive: true, force: true, maxRetries: 9 });
}

async function compare(config: ReturnType<typeof readConfig>): Promise<void> {
  const database = await borrowDatabase(config, 'bench', openLogger('warn', 'stderr'));
  const history = await openHistory(database.connection);
  try {
    const bars = symbols.flatMap((symbol) => days.flatMap((day) => barsOf(symbol, day)));
    const ours = await candlesOf(history);
    const causes = new Map<string, number>();
    let differing = 0;
    for (const bar of bars) {
      const candle = ours.get(`${bar.symbol} ${formatTime(bar.start)}`);
      const wrong = fields.filter((field) => Number(candle?.[field]) !== bar[field]);
      if (!candle || wrong.length === 0) continue;
      differing++;
      process.stdout.write(`${bar.symbol} ${formatTime(bar.start)}\n`);
      const found = await causesOf(history, bar, candle, wrong);
      for (const cause of new Set([...found.values()].flat())) {
        causes.set(cause, (causes.get(cause) ?? 0) + 1);
      }
      for (const [field, told] of found) {
        const figures = `vendor ${bar[field]}, ours ${candle[field]}`;
        process.stdout.write(`  ${field.padEnd(7)}${figures.padEnd(36)}${told.join('; ')}\n`);
      }
    }
    process.stdout.write(`\n${differing} of ${bars.length} minutes differ\n`);
    for (const [cause, count] of [...causes].sort((a, b) => b[1] - a[1])) {
      process.stdout.write(`${String(count).padStart(4)}  ${cause}\n`);
    }
  } finally {
    await history.close();
    await database.stop();
  }
}

/** By field, what the vendor did with trades that we may not let move it. */
async function causesOf(
  history: OpenHistory,
  bar: Bar,
  candle: Candle,
  wrong: readonly Field[],
): Promise<Map<Field, readonly string[]>> {
  const trades = (start: number) => specialTrades(history, bar.symbol, start);
  const [here, next] = [await trades(bar.start), await trades(bar.start + minute)];
  const closing = next.filter(({ meaning }) => meaning.includes('closing print'));
  const moves = [...here.flatMap(leftOut), ...closing.flatMap(movedHere)];
  const chosen = subsetOf(moves, bar.volume - Number(candle.volume));
  // Where the price is that of several, the auction's own print is the likeliest.
  const setters = [...here, ...closing].sort((a, b) => likeliness(b) - likeliness(a));
  const found = new Map<Field, readonly string[]>();
  for (const field of wrong) {
    const setter = setters.find(({ prices }) => prices.has(bar[field]));
    const told =
      field === 'volume' ? chosen?.map(({ what }) => what) : setter && [setsPrice(setter)];
    found.set(field, told ? [...new Set(told)].sort() : ['unexplained']);
  }
  return found;
}

interface Move {
  readonly what: string;
  readonly change: number;
}

function leftOut({ meaning, size, first, count }: Group): Move[] {
  const all = { what: `${meaning}: left out of the volume`, change: -size };
  const rest = `${meaning}: all but the first left out of the volume`;
  return count === 1 ? [all] : [all, { what: rest, change: first - size }];
}

function movedHere({ meaning, size, first, count }: Group): Move[] {
  const all = { what: `${meaning}: counted in the minute before its own`, change: size };
  const one = `${meaning}: the first counted in the minute before its own`;
  return count === 1 ? [all] : [all, { what: one, change: first }];
}

function setsPrice({ meaning }: Group): string {
  return `${meaning}: sets a price`;
}

function likeliness({ meaning }: Group): number {
  return /^(opening|closing) print/.test(meaning) ? 1 : 0;
}

/** Trades of a minute, a venue and a condition that may not move prices. */
interface Group {
  readonly meaning: string;
  readonly count: number;
  readonly size: number;
  /** The size of its first. */
  readonly first: number;
  readonly prices: ReadonlySet<number>;
}

async function specialTrades(
  history: OpenHistory,
  symbol: string,
  start: number,
): Promise<readonly Group[]> {
  const asked = { symbol, price: 'trade', interval: '1m', calendar, limit: listedMax } as const;
  const { trades } = await explainCandle(history, { ...asked, start: formatTime(start) });
  const groups = Map.groupBy(trades.filter(isSpecial), (trade) => meaningOf(trade) + trade.venue);
  return [...groups.values()].map((group) => ({
    meaning: meaningOf(group[0] as ExplainedTrade),
    count: group.length,
    first: Number(group[0]?.size),
    size: group.reduce((sum, { size }) => sum + Number(size), 0),
    prices: new Set(group.map(({ price }) => Number(price))),
  }));
}

/** An intermarket sweep alone is too usual to be what the vendor treated in a way of its own. */
function isSpecial(trade: ExplainedTrade): boolean {
  return !trade.moves.openClose && meaningOf(trade) !== 'intermarket sweep';
}

function meaningOf({ rules }: ExplainedTrade): string {
  return rules
    .map(({ meaning }) => meaning.replace(/:.*| \+ trade-through exempt/g, ''))
    .join(', ');
}

/** The fewest moves that change the volume by just so much. */
function subsetOf(moves: readonly Move[], change: number): readonly Move[] | null {
  let sums = new Map<number, readonly Move[]>([[0, []]]);
  for (const move of moves) {
    const grown = new Map(sums);
    for (const [sum, taken] of sums) {
      const known = grown.get(sum + move.change);
      if (!known || known.length > taken.length + 1) grown.set(sum + move.change, [...taken, move]);
    }
    sums = grown;
  }
  return sums.get(change) ?? null;
}

async function candlesOf(history: OpenHistory): Promise<Map<string, Candle>> {
  const query = { interval: '1m', price: 'trade', limit: 10_000 } as const;
  const all = await Promise.all(
    symbols.map((symbol) => history.candles(symbol.toUpperCase(), query)),
  );
  return new Map(all.flat().map((candle) => [`${candle.symbol} ${candle.start}`, candle]));
}

/** Rows of a recorded bar file: milliseconds since midnight in New York, prices x 10,000. */
function barsOf(symbol: string, day: string): Bar[] {
  const number = Date.parse(day) / 86_400_000;
  const midnight = calendarOf(calendar).days.numbered(number).start;
  const text = execFileSync('unzip', ['-p', fileOf('minute', symbol, day)]).toString();
  return text
    .trimEnd()
    .split('\n')
    .map((line) => {
      const [ms, open, high, low, close, volume] = line.split(',').map(Number) as number[];
      const [o, h, l, c] = [open, high, low, close].map((price) => (price as number) / 10_000);
      const start = midnight + (ms as number) * 1_000;
      return { symbol: symbol.toUpperCase(), start, open: o, high: h, low: l, close: c, volume };
    }) as Bar[];
}

function fileOf(resolution: 'tick' | 'minute', symbol: string, day: string): string {
  return join(recorded, resolution, symbol, `${day.replaceAll('-', '')}_trade.zip`);
}
