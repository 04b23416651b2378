// What a client of the WebSocket API sees of a running plant: every trade of every symbol, and how
// long each took from ingest to here, and until a candle told of it.

import { once } from 'node:events';
import { WebSocket } from 'ws';
import { systemClock } from '../../src/base/clock.ts';
import { parseTime } from '../../src/contracts/time.ts';
import { CandleAges } from './candle-ages.ts';

export interface LiveOptions {
  /** Host and port of a gateway. */
  readonly address: string;
  /** Trades a second, of all symbols. */
  readonly rate: number;
  readonly warmUpSeconds: number;
  readonly seconds: number;
  /** Told when the warm-up is over, and at the end. */
  readonly onWarm?: () => void;
}

export interface Seen {
  readonly messages: number;
  readonly lost: number;
  /** Milliseconds from ingest to client, of trades. */
  readonly trades: Float64Array;
  /** And until a candle of one second counts them. */
  readonly candles: readonly number[];
}

export async function watchLive(options: LiveOptions): Promise<Seen> {
  const { address, rate, warmUpSeconds, seconds, onWarm } = options;
  const answer = await fetch(`http://${address}/api/v1/symbols`);
  const { symbols } = (await answer.json()) as { symbols: { symbol: string }[] };
  const latencies = new Float64Array(rate * (seconds + 5));
  const ages = new CandleAges(systemClock.now() + (warmUpSeconds + 1) * 1e6);
  let count = 0;
  let lost = 0;
  let recording = false;
  const open = (path: string, take: (text: string) => void): WebSocket => {
    const socket = new WebSocket(`ws://${address}/ws/${path}`, { perMessageDeflate: false });
    return socket.on('message', (data: Buffer) => take(data.toString()));
  };
  const sockets = symbols.flatMap(({ symbol }) => {
    let next = -1;
    const trades = open(`trades/${symbol}`, (text) => {
      if (!text.includes('"type":"trade"')) return;
      // Reading its fields by hand keeps the client's own cost out of what is measured.
      const sequence = Number(field(text, '"sequence":', ','));
      if (next !== -1 && sequence > next) lost += sequence - next;
      next = Math.max(next, sequence + 1);
      if (!recording || count === latencies.length) return;
      const received = parseTime(field(text, '"received":"', '"')) ?? 0;
      latencies[count++] = (systemClock.now() - received) / 1000;
      ages.trade(symbol, parseTime(field(text, '"time":"', '"')) ?? 0, received);
    });
    const candles = open(`candles/${symbol}?interval=1s`, (text) => {
      if (!recording || !text.includes('"type":"candle"')) return;
      const { start, trades } = JSON.parse(text);
      ages.candle(symbol, parseTime(start) ?? 0, trades, systemClock.now());
    });
    return [trades, candles];
  });
  await Promise.all(sockets.map((socket) => once(socket, 'open')));
  await systemClock.wait(warmUpSeconds * 1000);
  onWarm?.();
  recording = true;
  await systemClock.wait(seconds * 1000);
  recording = false;
  for (const socket of sockets) socket.close();
  return { messages: count, lost, trades: latencies.subarray(0, count), candles: ages.ages };
}

function field(text: string, before: string, after: string): string {
  const start = text.indexOf(before) + before.length;
  return text.slice(start, text.indexOf(after, start));
}
