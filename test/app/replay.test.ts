// `tapeline replay` and `export` as a user runs them, against answers that nobody here wrote.

import { strict as assert } from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { formatTime } from '../../src/contracts/time.ts';
import { recordedData } from '../recorded-data.ts';
import { csv, run, withDataFolder } from './command.ts';

const header = 'symbol,interval,start,open,high,low,close,volume,vwap,trades,revision,state';

test("Kraken's own trades give Kraken's own minutes", async (t) => {
  const folder = recordedData('crypto/kraken', t);
  if (!folder) return;
  await withDataFolder(async (data) => {
    const replayed = await run(data, ['replay', join(folder, 'http_trades.json')]);
    assert.equal(replayed.code, 0, replayed.stderr);
    const exported = await run(data, ['export', 'candles', '--interval', '1m']);
    assert.equal(exported.stdout.slice(0, exported.stdout.indexOf('\n')), header);
    const ours = new Map(csv(exported.stdout).map((candle) => [candle.start, candle]));
    const starts = [...ours.keys()].sort();
    const answer = JSON.parse(readFileSync(join(folder, 'http_ohlc.json'), 'utf8')).result;
    let checked = 0;
    for (const [seconds, open, high, low, close, , volume, trades] of answer.XBTUSDT) {
      const start = formatTime(seconds * 1e6);
      // The list of trades may begin and end within a minute.
      if (start <= (starts[0] as string) || start >= (starts.at(-1) as string)) continue;
      if (trades === 0) {
        assert.equal(ours.has(start), false);
        continue;
      }
      const plain = (text: string): string => text.replace(/\.?0+$/, '');
      const candle = ours.get(start);
      assert.deepEqual(
        ['open', 'high', 'low', 'close', 'volume', 'trades'].map((name) => candle?.[name]),
        [...[open, high, low, close, volume].map(plain), String(trades)],
      );
      checked++;
    }
    assert(checked >= 265, `only ${checked} minutes compared`);
  });
});

test('EURUSD quotes give the recorded bid and ask bars of a second and a minute', async (t) => {
  const folder = recordedData('fx/oanda', t);
  if (!folder) return;
  await withDataFolder(async (data) => {
    const days = ['20140501', '20140502'];
    const files = days.map((day) => join(folder, 'tick/eurusd', `${day}_quote.zip`));
    const replayed = await run(data, ['replay', ...files]);
    assert.equal(replayed.code, 0, replayed.stderr);
    for (const [interval, name] of [
      ['1s', 'second'],
      ['1m', 'minute'],
    ] as const) {
      const bars: readonly Bar[] = days.flatMap((day) => barsOf(join(folder, name, 'eurusd'), day));
      for (const [side, first] of [
        ['bid', 0],
        ['ask', 5],
      ] as const) {
        const args = ['export', 'candles', '--price', side, '--interval', interval];
        const { stdout } = await run(data, [...args, '--symbol', 'EURUSD']);
        const ours = csv(stdout).map(({ start, open, high, low, close }) =>
          [start, ...[open, high, low, close].map(Number)].join(),
        );
        const theirs = bars.map(({ start, fields }) =>
          [start, ...fields.slice(first, first + 4)].join(),
        );
        assert.deepEqual(ours, theirs);
      }
    }
  });
});

test('Coinbase’s recorded seconds give its recorded minutes and days, volumes too', async (t) => {
  const folder = recordedData('crypto/coinbase', t);
  if (!folder) return;
  await withDataFolder(async (data) => {
    const days = ['20161007', '20161008', '20161009'];
    const file = (name: string, day: string) => join(folder, name, 'btcusd', `${day}_trade.zip`);
    const replayed = await run(data, ['replay', ...days.map((day) => file('second', day))]);
    assert.equal(replayed.code, 0, replayed.stderr);
    const ours = async (interval: string) => {
      const { stdout } = await run(data, ['export', 'candles', '--interval', interval]);
      return csv(stdout).map(({ start, open, high, low, close, volume, vwap, trades }) => {
        assert.deepEqual([vwap, trades], ['', '0']);
        return [start, ...[open, high, low, close, volume].map(Number)].join();
      });
    };
    const minutes = days.flatMap((day) => rowsOf(file('minute', day), midnightOf(day)));
    // wc -l: 1,419, 1,400 and 1,397.
    assert.equal(minutes.length, 4_216);
    assert.deepEqual(await ours('1m'), minutes);
    assert.deepEqual(
      await ours('1d'),
      textOf(join(folder, 'daily/btcusd_trade.zip'))
        .split('\n')
        .filter((row) => days.some((day) => row.startsWith(day)))
        .map((row) => [formatTime(midnightOf(row) * 1000), row.slice(15).trim()].join()),
    );
  });
});

test('the minutes of a session of BAC give its recorded day', async (t) => {
  const folder = recordedData('us-equity', t);
  if (!folder) return;
  await withDataFolder(async (data) => {
    const days = ['20131007', '20131008'];
    const files = days.map((day) => {
      const rows = textOf(join(folder, 'minute/bac', `${day}_trade.zip`)).split('\n');
      const session = rows.filter((row) => {
        const ms = Number.parseInt(row, 10);
        return ms >= 34_200_000 && ms < 57_600_000; // 09:30 to 16:00 in New York
      });
      const path = join(data, `${day}_bac_minute_trade.csv`);
      writeFileSync(path, session.join('\n'));
      return path;
    });
    const replayed = await run(data, ['replay', ...files]);
    assert.equal(replayed.code, 0, replayed.stderr);
    const { stdout } = await run(data, ['export', 'candles', '--interval', '1d']);
    const counted = (price = ''): number => Math.round(Number(price) * 10_000);
    assert.deepEqual(
      csv(stdout).map(({ start, open, high, low, close, volume }) =>
        [
          start?.slice(0, 10).replaceAll('-', ''),
          ...[open, high, low, close].map(counted),
          volume,
        ].join(),
      ),
      textOf(join(folder, 'daily/bac.zip'))
        .split('\n')
        .filter((row) => days.some((day) => row.startsWith(day)))
        .map((row) => row.trim().replace(' 00:00', '')),
    );
  });
});

interface Bar {
  readonly start: string;
  /** Bid open, high, low, close, size, then the same of the ask. */
  readonly fields: readonly number[];
}

/** Rows of a recorded bar file: milliseconds since midnight UTC, then bid and ask. */
function barsOf(folder: string, day: string): Bar[] {
  const midnight = midnightOf(day);
  return textOf(join(folder, `${day}_quote.zip`))
    .split('\n')
    .map((line) => {
      const [ms, ...fields] = line.split(',').map(Number);
      return { start: formatTime((midnight + (ms as number)) * 1000), fields };
    });
}

/** Rows of a bar file whose times are milliseconds since `midnight`, as ISO time and numbers. */
function rowsOf(zip: string, midnight: number): string[] {
  return textOf(zip)
    .split('\n')
    .map((line) => {
      const [ms = 0, ...fields] = line.split(',').map(Number);
      return [formatTime((midnight + ms) * 1000), ...fields].join();
    });
}

/** Milliseconds of the midnight, in UTC, of a text that begins with YYYYMMDD. */
function midnightOf(day: string): number {
  return Date.parse(`${day.slice(0, 4)}-${day.slice(4, 6)}-${day.slice(6, 8)}T00:00Z`);
}

function textOf(zip: string): string {
  return execFileSync('unzip', ['-p', zip], { maxBuffer: 2 ** 28 })
    .toString()
    .trimEnd();
}

test('replaying a file again adds nothing, and an exported file can be replayed', async () => {
  await withDataFolder(async (data) => {
    const rows = [
      'symbol,time,price,size',
      'ACME,2024-05-06T14:30:00.000001Z,10.5,100',
      'ACME,2024-05-06T14:30:00.000001Z,10.5,100',
      'ACME,2024-05-06T14:31:00Z,10.25,0.5',
    ];
    const file = join(data, 'acme.csv');
    await writeFile(file, `${rows.join('\n')}\n`);
    for (const _ of [1, 2]) assert.equal((await run(data, ['replay', file])).code, 0);
    const { stdout } = await run(data, ['export', 'trades']);
    assert.deepEqual(
      csv(stdout).map(({ symbol, time, price, size }) => [symbol, time, price, size].join()),
      rows.slice(1),
    );
    await withDataFolder(async (other) => {
      const copy = join(other, 'copy.csv');
      await writeFile(copy, stdout);
      assert.equal((await run(other, ['replay', copy])).code, 0);
      const candles = async (folder: string) =>
        csv((await run(folder, ['export', 'candles', '--interval', '1m'])).stdout);
      assert.deepEqual(await candles(other), await candles(data));
    });
  });
});

// The consolidated tape's rules: form T moves the candles within the day and no price of the day's;
// what was sold out of sequence moves the high and low of the day alone.
const tapeC = [
  ['2024-05-06T12:00:00Z', '101', '@ T'], // 08:00 in New York
  ['2024-05-06T13:30:00Z', '100', '@'],
  ['2024-05-06T14:00:00Z', '105', '@ Z'],
  ['2024-05-06T14:00:30Z', '103', '@'],
  ['2024-05-06T19:59:59Z', '102', '@'],
  ['2024-05-07T00:30:00Z', '99', '@ T'], // 20:30 of the same day
] as const;

test('a CSV gets the rules of its tape, for days those of days, and its calendar', async () => {
  await withDataFolder(async (data) => {
    const replay = async (symbol: string, header: string, end: string, options: string[]) => {
      const rows = tapeC.map(([time, price, codes]) => `${symbol},${time},${price},10,${codes}`);
      const file = join(data, `${symbol}.csv`);
      const lines = [`symbol,time,price,size,conditions${header}`, ...rows.map((row) => row + end)];
      await writeFile(file, lines.join('\n'));
      const replayed = await run(data, ['replay', ...options, file]);
      assert.equal(replayed.code, 0, replayed.stderr);
    };
    await replay('SAID', '', '', ['--tape', 'sip-c', '--calendar', 'xnys']);
    await replay('WRITTEN', ',tape,calendar', ',C,XNYS', []);
    const { stdout } = await run(data, ['export', 'candles']);
    for (const symbol of ['SAID', 'WRITTEN']) {
      const candles = (interval: string) =>
        csv(stdout)
          .filter((candle) => candle.symbol === symbol && candle.interval === interval)
          .map(({ start, open, high, low, close, volume }) =>
            [start, open, high, low, close, volume].join(),
          );
      assert.deepEqual(candles('1d'), ['2024-05-06T04:00:00Z,100,105,100,102,60']);
      assert.deepEqual(candles('1m'), [
        '2024-05-06T12:00:00Z,101,101,101,101,10',
        '2024-05-06T13:30:00Z,100,100,100,100,10',
        '2024-05-06T14:00:00Z,103,103,103,103,20',
        '2024-05-06T19:59:00Z,102,102,102,102,10',
        '2024-05-07T00:30:00Z,99,99,99,99,10',
      ]);
    }
  });
});

test('bad input is a clear error or a dead letter, and the rest goes on', async () => {
  await withDataFolder(async (data) => {
    const file = join(data, 'mixed.csv');
    const rows = [
      'symbol,time,price,size',
      'ACME,2024-05-06T14:30:00Z,-1,100',
      'ACME,yesterday,10,100',
      'ACME,2024-05-06T14:30:02Z,10,100',
    ];
    await writeFile(file, rows.join('\n'));
    const replayed = await run(data, ['replay', file, join(data, 'absent.csv')]);
    assert.equal(replayed.code, 1);
    assert.match(replayed.stderr, /absent\.csv/);
    assert.match(replayed.stderr, /2 dead letters/);
    const { stdout } = await run(data, ['export', 'trades']);
    assert.equal(csv(stdout).length, 1);
    const status = JSON.parse((await run(data, ['status', '--json'])).stdout);
    assert.deepEqual(status.deadLetters.map(({ reason }: { reason: string }) => reason).sort(), [
      'bad-price',
      'bad-time',
    ]);
  });
});

test('a file with bad rows leaves its dead letters once, wherever it lies', async () => {
  await withDataFolder(async (data) => {
    const rows = ['symbol,time,price,size', 'ACME,yesterday,10,100', 'ACME,tomorrow,10,100'];
    const files = [join(data, 'one.csv'), join(data, 'two.csv')];
    for (const file of files) await writeFile(file, rows.join('\n'));
    for (const file of [...files, ...files]) {
      assert.equal((await run(data, ['replay', file])).code, 0);
    }
    const { deadLetterCount } = JSON.parse((await run(data, ['status', '--json'])).stdout);
    assert.equal(deadLetterCount, 2);
  });
});

test('options that make no sense are refused before anything is opened', async () => {
  await withDataFolder(async (data) => {
    for (const [option, value, words] of [
      ['--symbol', 'A B', /"A B" is not a symbol/],
      ['--date', '2013-02-30', /"2013-02-30" is not a date/],
      ['--time-zone', 'Mars', /"Mars" is not a time zone/],
      ['--calendar', 'nyse', /no calendar "NYSE"\n.*XNYS, XLON, XTKS, CMES, XTSE, FX, 24\/7/],
      ['--tape', 'nasdaq', /'nasdaq' is invalid.*lean, sip-ab, sip-c, sip-o/],
    ] as const) {
      const { code, stderr } = await run(data, ['replay', option, value, 'any.csv']);
      assert.equal(code, 1);
      assert.match(stderr, words);
      assert.equal(stderr.trimEnd().split('\n').length, 2, stderr);
    }
    assert.deepEqual(await readdir(data), []);
  });
});

test('wrong settings are refused by name with the cure', async () => {
  await withDataFolder(async (data) => {
    for (const [env, words] of [
      [{ PORT: '99999' }, /PORT is '99999'.*\n.*Set PORT/],
      [{ FEEDS: 'nasdaq' }, /FEEDS is 'nasdaq'.*simulator, coinbase, kraken/],
      [{ DATABASE_URL: 'mysql://x' }, /DATABASE_URL/],
      [{ REDIS_URL: 'http://x' }, /REDIS_URL/],
      [{ RABBITMQ_URL: 'http://x:secret@y' }, /RABBITMQ_URL/],
      [{ DATABASE_URL: 'postgres://u:secret@127.0.0.1:1/x' }, /127\.0\.0\.1:1/],
    ] as const) {
      const { code, stderr } = await run(data, ['start'], env);
      assert.equal(code, 1, stderr);
      assert.match(stderr, words);
      assert.doesNotMatch(stderr, /secret/);
    }
  });
});

test('A day of the past in a folder that has newer ones is told of, and what to do', async () => {
  await withDataFolder(async (data) => {
    const day = async (date: string): Promise<string> => {
      const file = join(data, `${date}.csv`);
      await writeFile(file, `symbol,time,price,size\nAAA,${date}T12:00:00Z,1,1\n`);
      return (await run(data, ['replay', '--quiet', file])).stderr;
    };
    assert.doesNotMatch(await day('2024-01-02'), /late/);
    assert.match(await day('2023-01-02'), /^1 trades.*\nMost of it was late: .*DATA_DIR/);
  });
});
