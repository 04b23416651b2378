// `tapeline watch`, as its output shows it: on a terminal and in a pipe.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { suite, test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import type { Message } from '../../client/index.ts';
import { LiveView } from '../../src/app/live-view.ts';
import { columnsOf, rowsOf, type WatchedStream } from '../../src/app/watch-rows.ts';
import { rig } from '../gateway/rig.ts';
import { monday } from '../gateway/tape.ts';
import { run, start, withDataFolder } from './command.ts';

/** A terminal, as far as the view needs one: what stands on it after all that was written. */
class Terminal {
  readonly isTTY = true;
  readonly rows: number;
  #lines = [''];
  #row = 0;

  constructor(rows = 24) {
    this.rows = rows;
  }

  get text(): string[] {
    return this.#lines.map((line) => line.trimEnd());
  }

  write(text: string): boolean {
    for (const part of text.split(/(\n|\r|\p{Cc}\[[?\d;]*[A-Za-z])/u)) {
      const up = /^\p{Cc}\[(\d+)A$/u.exec(part)?.[1];
      if (up !== undefined) this.#row -= Number(up);
      else if (/^\p{Cc}\[J$/u.test(part)) this.#lines.splice(this.#row, this.rows * 10, '');
      else if (part === '\n') this.#lines[++this.#row] ??= '';
      else if (part === '\r') this.#lines[this.#row] = '';
      else if (!/^\p{Cc}/u.test(part)) this.#lines[this.#row] += part;
    }
    return true;
  }
}

function view(stream: WatchedStream, terminal: { write(text: string): boolean }) {
  const live = new LiveView(terminal, columnsOf[stream]);
  return (...messages: readonly Message<WatchedStream>[]): void => {
    for (const row of messages.flatMap(rowsOf)) live.add(row);
    live.draw('status');
  };
}

function candle(symbol: string, minute: number, close: string, state: 'open' | 'final') {
  return {
    type: 'candle',
    cursor: 'c',
    symbol,
    price: 'trade',
    interval: '1m',
    start: `2024-05-06T14:3${minute}:00Z`,
    open: '139.4',
    high: '140',
    low: '9.05',
    close,
    volume: '1200',
    notional: '1',
    vwap: null,
    trades: 7,
    priced: 7,
    revision: 0,
    state,
  } as const;
}

function trade(sequence: number): Message<'trades'> {
  return {
    type: 'trade',
    cursor: 'c',
    symbol: 'AAPL',
    time: '2024-05-06T14:30:00.25Z',
    received: '2024-05-06T14:30:00.25Z',
    price: '1',
    size: '2',
    side: 'buy',
    id: null,
    venue: String(sequence),
    conditions: '',
    source: '',
    sequence,
    verdict: 'on time',
  };
}

suite('the view', () => {
  test('has open candles below, and what is closed above, point under point', () => {
    const terminal = new Terminal();
    const show = view('candles', terminal);
    show(candle('MSFT', 0, '139.45', 'open'), candle('AAPL', 0, '9.1', 'open'));
    show(candle('AAPL', 0, '139.5', 'final'), candle('AAPL', 1, '140', 'open'));
    show({ ...candle('AAPL', 1, '139.75', 'open'), volume: '0.5' });
    assert.deepEqual(terminal.text, [
      '14:30:00  AAPL    139.40  140.00  9.05  139.50    1200       7',
      '14:31:00  AAPL    139.40  140.00  9.05  139.75     0.5       7  open',
      '14:30:00  MSFT    139.40  140.00  9.05  139.45  1200         7  open',
      'UTC       symbol    open    high   low   close  volume  trades  state',
      'status',
    ]);
  });

  test('draws no more of a fast market than one can see', () => {
    const terminal = new Terminal(10);
    const show = view('trades', terminal);
    show(...Array.from({ length: 1_000 }, (_, index) => trade(index)));
    const { text } = terminal;
    assert(text.length <= 43, `${text.length} lines`);
    assert.match(text[0], /^… 9\d\d more$/);
    assert.equal(text.at(-3), '14:30:00.250  AAPL        1     2  buy   999');
  });

  test('says what is missing', () => {
    const terminal = new Terminal();
    const gap = { type: 'gap', stream: 'trades', symbols: '*', cursor: 'e:0:1' } as const;
    view('trades', terminal)({ ...gap, reason: 'retention', from: 'e:0:2', to: 'e:0:9' });
    assert.equal(terminal.text[0], 'A gap: e:0:2 to e:0:9 are missing (retention).');
  });

  test('without a terminal is a line for each row', () => {
    const written: string[] = [];
    const show = view('candles', { write: (text) => written.push(text) > 0 });
    show(candle('AAPL', 0, '139.45', 'open'));
    show(candle('AAPL', 0, '139.5', 'final'));
    assert.deepEqual(written.map(stripVTControlCharacters), [
      '14:30:00  AAPL    139.40  140.00  9.05  139.45    1200       7  open\n',
      '14:30:00  AAPL    139.40  140.00  9.05  139.50    1200       7\n',
    ]);
  });
});

suite('in a pipe', () => {
  test('each message is a line of JSON, until it is interrupted', async (t) => {
    const one = await rig(t);
    await withDataFolder(async (folder) => {
      const args = ['watch', 'aapl', '--trades', '--url', one.gateway.url];
      const { child, finished } = start(folder, args);
      t.after(() => child.kill('SIGKILL'));
      const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
      const next = async () => JSON.parse((await lines.next()).value ?? '');
      assert.deepEqual((await next()).type, 'snapshot');
      await one.tape.trades({ time: monday, price: 100 });
      const { type, symbol, price } = await next();
      assert.deepEqual([type, symbol, price], ['trade', 'AAPL', '1']);
      child.kill('SIGINT');
      const { code, stderr } = await finished;
      assert.deepEqual([code, stderr], [0, '']);
    });
  });

  test('it ends when nobody reads any more', async (t) => {
    const one = await rig(t);
    await withDataFolder(async (folder) => {
      const { child, finished } = start(folder, ['watch', '--quotes', '--url', one.gateway.url]);
      t.after(() => child.kill('SIGKILL'));
      await once(child.stdout, 'data');
      child.stdout.destroy();
      await one.tape.quotes({ time: monday, bid: 1, ask: 2 });
      const { code, stderr } = await finished;
      assert.deepEqual([code, stderr], [0, '']);
    });
  });

  test('what is refused is told with its cure', async (t) => {
    const one = await rig(t);
    await withDataFolder(async (folder) => {
      const refused = await run(folder, ['watch', 'nope', '--url', one.gateway.url]);
      assert.equal(refused.code, 1);
      assert.match(refused.stderr, /^tapeline: .*"NOPE".*\n.*symbols/);
      const absurd = await run(folder, ['watch', '--url', 'nonsense']);
      assert.equal(absurd.code, 1);
      assert.match(absurd.stderr, /"nonsense" is no address.\n.*ws:\/\//);
    });
  });

  test('a server that is not there is waited for', async (t) => {
    const one = await rig(t);
    await one.gateway.close();
    await withDataFolder(async (folder) => {
      const { child, finished } = start(folder, ['watch', '--url', one.gateway.url]);
      t.after(() => child.kill('SIGKILL'));
      const [told] = await once(child.stderr, 'data');
      assert.match(told, /^tapeline: ws:.*No connection.*Trying again in \d\.\d s\.\n/);
      child.kill('SIGTERM');
      assert.equal((await finished).code, 0);
    });
  });
});
