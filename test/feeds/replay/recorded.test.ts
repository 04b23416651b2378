// Recorded files of other people's, against what is known of them otherwise: counts by `unzip -p`,
// `wc -l` and `grep -c`, first rows read by eye, and a reading of every row that is as plain as can
// be.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import type { BatchInstrument } from '../../../src/contracts/instrument.ts';
import { formatTime } from '../../../src/contracts/time.ts';
import { RecordedFile } from '../../../src/feeds/replay/recorded-file.ts';
import { recordedData } from '../../recorded-data.ts';
import { pick } from '../parsed.ts';
import { type Replayed, replayed } from './replayed.ts';

suite('LEAN ticks', () => {
  const days = [
    { file: 'bac/20131007', rows: 88_172, midnight: Date.UTC(2013, 9, 7, 4) },
    { file: 'bac/20131008', rows: 125_872, midnight: Date.UTC(2013, 9, 8, 4) },
    { file: 'spy/20131007', rows: 250_601, midnight: Date.UTC(2013, 9, 7, 4) },
    { file: 'spy/20131008', rows: 451_545, midnight: Date.UTC(2013, 9, 8, 4) },
  ];

  test('every equity trade is taken, each as its row says', async (t) => {
    const folder = recordedData('us-equity/tick', t);
    if (!folder) return;
    let rows = 0;
    for (const day of days) {
      const path = join(folder, `${day.file}_trade.zip`);
      const result = await replayed({ files: [path] });
      assert.equal(result.failure, null);
      assert.deepEqual(result.deadLetters, []);
      assert.equal(result.tradeCount, day.rows);
      assertTaken(result, await textOf(path), day.midnight);
      rows += result.tradeCount;
    }
    assert.equal(rows, 916_190);
  });

  test('a trade has its exchange and conditions, a file its instrument and its end', async (t) => {
    const path = recordedData('us-equity/tick/bac/20131007_trade.zip', t);
    if (!path) return;
    const result = await replayed({ files: [path] });
    const [first] = result.trades;
    assert.deepEqual(first, {
      symbol: 'BAC',
      time: '2013-10-07T08:00:00.614Z',
      received: '2013-10-07T08:00:00.614Z',
      price: '13.94',
      size: '500',
      side: '',
      id: '1',
      venue: 'P',
      conditions: '20002020',
      source: 'replay',
      sequence: 0,
      verdict: 'on time',
    });
    assert.deepEqual(result.instruments, [
      {
        symbol: 'BAC',
        name: 'BAC',
        exchange: '',
        currency: 'USD',
        assetClass: 'equity',
        priceIncrement: '0.01',
        sizeIncrement: '1',
        calendar: 'XNYS',
        source: 'replay',
      },
    ]);
    // sha256sum of the file.
    assert.match(result.batches[0]?.trades.scope ?? '', /^file:[0-9a-f]{16}$/);
    const end = Date.UTC(2013, 9, 8, 4) * 1000;
    assert.deepEqual(result.heartbeats, [
      { source: 'replay', symbols: ['BAC'], eventTime: end, complete: true, receiveTime: end },
    ]);
  });

  test('every equity quote is taken; the side that a row does not tell of is absent', async (t) => {
    const path = recordedData('us-equity/tick/bac/20131007_quote.zip', t);
    if (!path) return;
    const result = await replayed({ files: [path] });
    assert.equal(result.quoteCount, 476_855);
    assert.deepEqual(result.deadLetters, []);
    const { quotes } = result.batches[0] as Replayed['batches'][number];
    assert.deepEqual(
      Array.from([quotes.bid, quotes.bidSize, quotes.ask, quotes.askSize], (column) => [
        ...column.subarray(0, 3),
      ]),
      [
        [0, 138400, 0],
        [0, 700, 0],
        [140200, 0, 139500],
        [500, 0, 20000],
      ],
    );
  });

  test('Oanda’s quotes are in UTC, every one exact', async (t) => {
    const folder = recordedData('fx/oanda/tick/eurusd', t);
    if (!folder) return;
    const files = ['20140501_quote.zip', '20140502_quote.zip'].map((name) => join(folder, name));
    const result = await replayed({ files });
    assert.deepEqual(result.deadLetters, []);
    // 24,179 rows and 49,341 rows.
    assert.equal(result.quoteCount, 73_520);
    assert.deepEqual(pick(result.quotes.slice(0, 2), 'symbol', 'time', 'bid', 'ask', 'askSize'), [
      ['EURUSD', '2014-05-01T00:00:00.292Z', '1.38676', '1.38686', '0'],
      ['EURUSD', '2014-05-01T00:00:00.920Z', '1.38676', '1.38687', '0'],
    ]);
    const lines = (await Promise.all(files.map(textOf))).join('\n').split('\n').filter(Boolean);
    const expected = lines.map((line) => line.split(',').slice(1).map(Number).map(String));
    assertSame(pick(result.quotes, 'bid', 'ask'), expected);
    const [currency] = pick(result.instruments, 'symbol', 'currency', 'assetClass');
    assert.deepEqual(currency, ['EURUSD', 'USD', 'fx']);
  });

  test('bars of trades are taken, each as its row says, whatever their interval', async (t) => {
    const folder = recordedData('.', t);
    if (!folder) return;
    // Rows by `wc -l`, a last one without its newline added; the last bar read by eye.
    const files = [
      [
        'us-equity/second/bac/20131007_trade.zip',
        12_315,
        '1s',
        '2013-10-07T23:59:53.999999Z',
        1381,
      ],
      ['us-equity/minute/bac/20131007_trade.zip', 595, '1m', '2013-10-07T23:59:59.999999Z', 1381],
      ['us-equity/hour/bac.zip', 40_818, '1h', '2021-03-31T19:59:59.999999Z', 3869],
      ['us-equity/daily/bac.zip', 5_849, '1d', '2021-04-01T03:59:59.999999Z', 3869],
      [
        'crypto/coinbase/second/btcusd/20161008_trade.zip',
        3_453,
        '1s',
        '2016-10-08T23:59:58.999999Z',
        61_950,
      ],
      [
        'crypto/coinbase/daily/btcusd_trade.zip',
        1_318,
        '1d',
        '2018-08-13T23:59:59.999999Z',
        625_367,
      ],
    ] as const;
    for (const [file, rows, interval, time, cents] of files) {
      const { failure, deadLetters, batches } = await replayed({ files: [join(folder, file)] });
      assert.equal(failure, null);
      assert.deepEqual(deadLetters, []);
      assert.equal(
        batches.reduce((sum, { bars }) => sum + bars.count, 0),
        rows,
      );
      const { bars } = batches.findLast(
        (batch) => batch.bars.count > 0,
      ) as Replayed['batches'][number];
      const last = bars.count - 1;
      const { symbol, priceScale } = bars.instruments[0] as BatchInstrument;
      assert.equal(symbol, /btc/.test(file) ? 'BTCUSD' : 'BAC');
      assert.deepEqual(
        [bars.interval, formatTime(bars.eventTime[last] as number)],
        [interval, time],
      );
      assert.equal((bars.close[last] as number) / 10 ** (priceScale - 2), cents);
    }
  });

  test('bars of quotes, and those of Kraken, are recognised and refused', async (t) => {
    const folder = recordedData('.', t);
    if (!folder) return;
    const bars = [
      'us-equity/minute/bac/20131007_quote.zip',
      'fx/oanda/second/eurusd/20140501_quote.zip',
      'fx/oanda/minute/eurusd/20140501_quote.zip',
      'crypto/coinbase/daily/btcusd_quote.zip',
      'crypto/kraken/http_ohlc.json',
    ];
    for (const file of bars) {
      const { failure, batches } = await replayed({ files: [join(folder, file)] });
      assert.equal(failure?.code, 'bad-file');
      assert.match(failure?.message ?? '', /holds bars of a kind that we do not read/);
      assert.equal(batches.length, 0);
    }
  });

  test('files of LEAN that are no ticks are not taken for ticks', async (t) => {
    const folder = recordedData('us-equity', t);
    if (!folder) return;
    const files = ['factor_files', 'map_files'].map((name) => join(folder, name, 'bac.csv'));
    const { failure, batches } = await replayed({ files });
    assert.match(failure?.message ?? '', /2 files .*\n.*no format that we know.*\n.*no format/);
    assert.equal(batches.length, 0);
  });
});

suite('Kraken’s REST trades', () => {
  test('every trade is exact, with Kraken’s own id and its time to the microsecond', async (t) => {
    const path = recordedData('crypto/kraken/http_trades.json', t);
    if (!path) return;
    const result = await replayed({ files: [path] });
    const { trades } = result;
    assert.equal(trades.length, 1000);
    assert.deepEqual(result.deadLetters, []);
    assert.deepEqual(
      trades.map(({ id }) => Number(id)),
      Array.from({ length: 1000 }, (_, index) => 10_218_208 + index),
    );
    assert.deepEqual(
      result.batches.map((batch) => batch.trades.scope),
      ['kraken'],
    );
    assert.deepEqual(pick(trades.slice(0, 1), 'symbol', 'time', 'price', 'size', 'side', 'venue'), [
      ['XBTUSDT', '2025-11-10T17:23:53.971744Z', '105433.6', '0.00027625', 'buy', 'kraken'],
    ]);
    // The text of every price, size and time, found without a JSON parser.
    const rows = readFileSync(path, 'utf8').matchAll(
      /"([\d.]+)",\s+"([\d.]+)",\s+(\d+)\.(\d+),\s+"([bs])"/g,
    );
    const expected = Array.from(rows, ([, price, size, second, fraction, side]) => [
      price?.replace(/\.?0+$/, ''),
      size?.replace(/\.?0+$/, ''),
      Number(second) * 1e6 + Number(fraction?.padEnd(6, '0').slice(0, 6)),
      side === 'b' ? 'buy' : 'sell',
    ]);
    const times = result.batches.flatMap((batch) => [
      ...batch.trades.eventTime.subarray(0, batch.trades.count),
    ]);
    assert.deepEqual(
      trades.map(({ price, size, side }, index) => [price, size, times[index], side]),
      expected,
    );
    const last = Math.max(...times);
    assert.deepEqual(pick(result.heartbeats, 'symbols', 'eventTime', 'complete'), [
      [['XBTUSDT'], last, true],
    ]);
  });
});

suite('captures of raw frames', () => {
  // Trades and quotes by `grep -c`; a Bitfinex snapshot has 30 trades, of 7 pairs.
  const captures: Readonly<Record<string, readonly [number, number]>> = {
    'BINANCE.0': [0, 0],
    'BINANCE.http.0.0': [0, 0],
    'BINANCE.ws.1.0': [2, 84],
    'BINANCE_FUTURES.0': [0, 0],
    'BINANCE_FUTURES.http.0.0': [0, 0],
    'BINANCE_FUTURES.ws.1.0': [91, 613],
    'BITFINEX.0': [0, 0],
    'BITFINEX.ws.11.0': [210, 21],
    'BITSTAMP.0': [0, 0],
    'BITSTAMP.http.0.0': [0, 0],
    'BITSTAMP.ws.1.0': [10, 0],
    'COINBASE.0': [0, 0],
    'COINBASE.ws.28.0': [107, 107],
    'KRAKEN.0': [0, 0],
    'KRAKEN.ws.48.0': [10, 0],
    'KRAKEN.ws.49.0': [0, 18],
    'KRAKEN.ws.50.0': [0, 0],
  };

  test('every recorded frame is accepted', async (t) => {
    const folder = recordedData('crypto/frames', t);
    if (!folder) return;
    const names = readdirSync(folder).filter((name) => name !== 'LICENSE');
    assert.deepEqual(names.sort(), Object.keys(captures).sort());
    for (const name of names) {
      let rows = 0;
      const path = join(folder, name);
      const onProgress = (progress: { readonly rows: number }): void => {
        rows = progress.rows;
      };
      const result = await replayed({ files: [path], onProgress });
      assert.equal(result.failure, null, name);
      assert.deepEqual(result.deadLetters, [], name);
      assert.deepEqual([result.tradeCount, result.quoteCount], captures[name], name);
      assert.equal(rows, readFileSync(path, 'utf8').split('\n').length - 1, name);
    }
  });

  test('Coinbase’s trades have its ids and the time at which they were received', async (t) => {
    const path = recordedData('crypto/frames/COINBASE.ws.28.0', t);
    if (!path) return;
    const { trades, batches } = await replayed({ files: [path] });
    const found = trades.find(({ id }) => id === '280232');
    assert.equal(found?.time, '2021-04-17T16:43:37.089723Z');
    assert.equal(found?.price, '0.00001305');
    assert.equal(new Set(trades.map(({ symbol, id }) => `${symbol} ${id}`)).size, 107);
    assert.equal(batches[0]?.trades.scope, 'coinbase');
    assert.equal(batches[0]?.quotes.scope, 'coinbase');
    const times = readFileSync(path, 'utf8').match(/^\d+\.\d+(?=: \{"type":"(?:last_)?match")/gm);
    assert.deepEqual(
      trades.map(({ received }) => Date.parse(received)),
      times?.map((time) => Math.floor(Number(time) * 1000)),
    );
  });

  test('Kraken’s trades, which have no ids, are known by the file and their order', async (t) => {
    const path = recordedData('crypto/frames/KRAKEN.ws.48.0', t);
    if (!path) return;
    const { trades, batches } = await replayed({ files: [path] });
    assert.deepEqual(
      trades.map(({ id }) => Number(id)),
      [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
    );
    assert.match(batches[0]?.trades.scope ?? '', /^file:/);
  });

  test('Binance’s trades have no gap in their ids, and come as they were received', async (t) => {
    const path = recordedData('crypto/binance/usdm_btcusdt_20240808.gz', t);
    if (!path) return;
    const result = await replayed({ files: [path] });
    assert.equal(result.tradeCount, 21_313);
    assert.equal(result.quoteCount, 66_089);
    assert.deepEqual(result.deadLetters, []);
    const ids = result.batches.flatMap(({ trades }) => [...trades.id.subarray(0, trades.count)]);
    assertSame(
      ids,
      ids.map((_, index) => 5_266_583_935 + index),
    );
    // The first trade was received at 1723161255088176367 ns.
    const [first] = result.batches[0]?.trades.receiveTime ?? [];
    assert.equal(first, 1_723_161_255_088_176);
    assert.equal(result.batches[0]?.trades.scope, 'binance-futures');
  });
});

/** Shows the first difference alone: assert would search for the smallest of all, for hours. */
function assertSame(actual: readonly unknown[], expected: readonly unknown[]): void {
  assert.equal(actual.length, expected.length);
  for (const [index, value] of actual.entries()) {
    if (!isDeepStrictEqual(value, expected[index])) {
      assert.deepEqual(value, expected[index], `row ${index + 1}`);
    }
  }
}

/** Every trade against its row, read as plainly as can be. */
function assertTaken({ batches }: Replayed, text: string, midnight: number): void {
  const lines = text.split('\n').values();
  let id = 0;
  for (const { trades } of batches) {
    for (let row = 0; row < trades.count; row++) {
      const line = lines.next().value ?? '';
      const [ms, price, size, venue, conditions] = line.split(',');
      const tag = trades.tags[trades.tag[row] as number];
      const taken =
        trades.id[row] === ++id &&
        trades.eventTime[row] === (midnight + Number(ms)) * 1000 &&
        trades.price[row] === Number(price) &&
        trades.size[row] === Number(size) &&
        tag?.venue === venue &&
        tag?.conditions === conditions;
      if (!taken) assert.fail(`row ${id} was not taken as it is: ${line}`);
    }
  }
}

async function textOf(path: string): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const part of (await RecordedFile.open(path)).parts()) {
    for await (const piece of part.read()) chunks.push(Buffer.from(piece));
  }
  return Buffer.concat(chunks).toString();
}
