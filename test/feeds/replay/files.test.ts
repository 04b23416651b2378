// What replay does with the files themselves: containers, damage, names, several at once.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { suite, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { ManualClock } from '../../../src/base/clock.ts';
import { Failure } from '../../../src/base/failure.ts';
import { type ReplayOptions, replayFeed } from '../../../src/feeds/replay/replay.ts';
import { pick } from '../parsed.ts';
import { replayed, scratch } from './replayed.ts';
import { zip } from './zip.ts';

const trades = '14400614,139400,500,P,20002020,0\n14404499,139500,200,Q,2000,0\n';
const entry = '20131007_bac_Trade_Tick.csv';
const csv = 'symbol,time,price,size\nBAC,2013-10-07T13:30:00Z,13.94,5\n';

/** A CSV that does not pack well, of so many rows. */
function longCsv(rows: number): string {
  const lines = Array.from({ length: rows }, (_, row) => {
    const noise = createHash('sha256').update(String(row)).digest().readUInt32LE() / 100;
    return `BAC,${1_381_152_600 + row},${noise + 1},${row + 1}`;
  });
  return `symbol,time,price,size\n${lines.join('\n')}\n`;
}

suite('the files of a replay', () => {
  test('are read the same plain, packed, or in a zip, whatever they are called', async (t) => {
    const file = scratch(t);
    const files = [
      file('a.dat', csv),
      file('b.txt', gzipSync(csv)),
      file('c.csv', zip({ 'x.csv': csv })),
      file('d', zip({ 'x.csv': csv }, { deflate: false })),
      file('e.gz', Buffer.concat([gzipSync(csv.slice(0, 30)), gzipSync(csv.slice(30))])),
    ];
    for (const path of files) {
      const result = await replayed({ files: [path] });
      assert.equal(result.failure, null);
      assert.deepEqual(pick(result.trades, 'symbol', 'price', 'size', 'time'), [
        ['BAC', '13.94', '5', '2013-10-07T13:30:00Z'],
      ]);
    }
  });

  test('number their rows within the digest of the file', async (t) => {
    const file = scratch(t);
    const bytes = zip({ [entry]: trades });
    const { batches } = await replayed({ files: [file('x.zip', bytes)] });
    const digest = createHash('sha256').update(bytes).digest('hex').slice(0, 16);
    assert.equal(batches[0]?.trades.scope, `file:${digest}`);
    assert.deepEqual([...(batches[0]?.trades.id.subarray(0, 2) ?? [])], [1, 2]);
  });

  test('go on numbering through all that one zip holds', async (t) => {
    const file = scratch(t);
    const second = entry.replace('07_bac', '08_spy');
    const bytes = zip({ 'folder/': '', [entry]: trades, [second]: trades });
    const result = await replayed({ files: [file('x.zip', bytes)] });
    assert.equal(result.failure, null);
    assert.deepEqual(pick(result.trades, 'symbol', 'id', 'time'), [
      ['BAC', '1', '2013-10-07T08:00:00.614Z'],
      ['BAC', '2', '2013-10-07T08:00:04.499Z'],
      ['SPY', '3', '2013-10-08T08:00:00.614Z'],
      ['SPY', '4', '2013-10-08T08:00:04.499Z'],
    ]);
  });

  test('take symbol, date and zone from the options where they do not tell', async (t) => {
    const path = scratch(t)('ticks.csv', trades);
    const nameless = await replayed({ files: [path] });
    assert.match(nameless.failure?.message ?? '', /ticks\.csv: .* symbol/);
    assert.match(nameless.failure?.cure ?? '', /--symbol/);
    const dateless = await replayed({ files: [path], symbol: 'BAC' });
    assert.match(dateless.failure?.cure ?? '', /--date/);
    const options = { files: [path], symbol: 'BAC', date: '20131007', timeZone: '+01:00' };
    const { trades: found } = await replayed(options);
    assert.deepEqual(pick(found, 'symbol', 'time').at(0), ['BAC', '2013-10-07T03:00:00.614Z']);
  });

  test('a file that was cut short gives every whole row, a dead letter, a failure', async (t) => {
    const file = scratch(t);
    const packed = gzipSync(longCsv(20_000));
    const path = file('cut.csv.gz', packed.subarray(0, packed.length / 2));
    const result = await replayed({ files: [path] });
    assert.equal(result.failure?.code, 'bad-file');
    assert.match(result.failure?.message ?? '', /cut\.csv\.gz: it is cut short/);
    assert.ok(result.tradeCount > 5_000 && result.tradeCount < 15_000);
    // Without a gap, and without a row that was cut in the middle of a number.
    assert.deepEqual(
      result.trades.map(({ size }) => Number(size)),
      Array.from({ length: result.tradeCount }, (_, row) => row + 1),
    );
    assert.deepEqual(result.refusals, ['truncated at cut.csv.gz']);
    const [letter] = result.deadLetters;
    const rest = Buffer.from(letter?.raw ?? '', 'base64').toString();
    assert.ok(longCsv(20_000).split('\n')[result.tradeCount + 1]?.startsWith(rest));
    // What is missing is not said to be complete.
    assert.deepEqual(result.heartbeats, []);
  });

  test('a damaged file gives what comes before the damage', async (t) => {
    const file = scratch(t);
    const packed = gzipSync(longCsv(20_000));
    packed.fill(0xff, packed.length / 2, packed.length / 2 + 64);
    const result = await replayed({ files: [file('bad.gz', packed)] });
    assert.match(result.failure?.message ?? '', /bad\.gz: it is damaged/);
    assert.ok(result.tradeCount > 1_000);
  });

  test('a zip whose checksum is wrong is read and reported', async (t) => {
    const path = scratch(t)('x.zip', zip({ [entry]: trades }, { checksum: 7 }));
    const result = await replayed({ files: [path] });
    assert.equal(result.tradeCount, 2);
    assert.match(result.failure?.message ?? '', /checksum/);
    assert.deepEqual(result.heartbeats, []);
  });

  test('what cannot be read at all is a failure that says what was found', async (t) => {
    const file = scratch(t);
    const whole = zip({ [entry]: trades });
    const encrypted = zip({ [entry]: trades });
    for (const at of [6, encrypted.indexOf('PK\u0001\u0002') + 8]) encrypted[at] = 1;
    const cases: readonly (readonly [string, RegExp])[] = [
      [
        file('cut.zip', whole.subarray(0, whole.length - 30)),
        /cut\.zip is a zip that is cut short/,
      ],
      [file('none.zip', zip({})), /none\.zip is a zip with no file in it/],
      [file('secret.zip', encrypted), /secret\.zip\/.* is encrypted/],
      [file('empty.csv', ''), /empty\.csv is empty/],
      [file('note.txt', 'Dear diary,\n'), /note\.txt is in no format .* "Dear diary,"/],
      [file('x.bin', Buffer.from([0, 1, 2, 254])), /x\.bin is in no format .* "\.\.\.\."/],
      [file('ohlc.json', '{"error":[],"result":{"XBTUSDT":[[1762777020,"1"'), /holds bars/],
      [file('x.json', '{"error":[],"result":{"XBTUSDT":[["1","2",1762'), /ends in the middle/],
      [file('y.json', '{"hello":"world"}'), /y\.json is in no format/],
      [file('frames', '1618677817.061845: {"hello":"world"}\n'), /an exchange that we do not know/],
      ['/nowhere/at/all.csv', /\/nowhere\/at\/all\.csv: there is no such file/],
      [dirname(file('z', 'z')), /is a folder/],
    ];
    for (const [path, message] of cases) {
      const { failure, tradeCount } = await replayed({ files: [path] });
      assert.equal(failure?.code, 'bad-file', path);
      assert.match(failure?.message ?? '', message);
      assert.notEqual(failure?.cure, '');
      assert.equal(tradeCount, 0);
    }
  });

  test('the others go on past a bad one, and all bad ones are named at the end', async (t) => {
    const file = scratch(t);
    const files = [file('bad', 'x'), file('a.csv', csv), '/nowhere', file('b.csv', `${csv}\n`)];
    const { failure, trades: found } = await replayed({ files });
    assert.equal(found.length, 2);
    assert.match(failure?.message ?? '', /^2 files .*\n- .*\/bad .*\n- \/nowhere: /);
  });

  test('one bad file in a zip does not hide the next', async (t) => {
    const bytes = zip({ 'README.txt': 'Hello\n', [entry]: trades });
    const { failure, tradeCount } = await replayed({ files: [scratch(t)('x.zip', bytes)] });
    assert.equal(tradeCount, 2);
    assert.match(failure?.message ?? '', /x\.zip\/README\.txt is in no format/);
  });

  test('a day is complete when the last file that tells of it has ended', async (t) => {
    const file = scratch(t);
    const folder = dirname(file('x', ''));
    mkdirSync(`${folder}/bac`);
    const quotes = '14400151,0,0,140200,500,Q,1,0\n';
    const files = [
      file('bac/20131007_quote.zip', zip({ '20131007_bac_Quote_Tick.csv': quotes })),
      file('bac/20131007_trade.zip', zip({ [entry]: trades })),
    ];
    const { heartbeats, batches } = await replayed({ files });
    assert.equal(heartbeats.length, 1);
    assert.equal(heartbeats[0]?.eventTime, Date.UTC(2013, 9, 8, 4) * 1000);
    assert.equal(batches.at(-1)?.heartbeats.length, 1);
  });

  test('progress is told in bytes of the file and in rows', async (t) => {
    const file = scratch(t);
    const path = file('x.csv.gz', gzipSync(longCsv(40_000)));
    const told: unknown[] = [];
    let before = 0;
    await replayed({
      files: [path],
      onProgress({ file: of, bytesRead, bytesTotal, rows }) {
        assert.equal(of, path);
        assert.ok(bytesRead <= bytesTotal && rows >= before);
        before = rows;
        told.push([bytesRead === bytesTotal, rows]);
      },
    });
    assert.ok(told.length > 2);
    assert.deepEqual(told.at(-1), [true, 40_001]);
  });

  test('what is refused has the same id from every path, and no other has it', async (t) => {
    const file = scratch(t);
    const bad = 'symbol,time,price,size\nBAC,never,1,1\nBAC,ever,1,1\n';
    // A frame of two trades, neither of which can be: two dead letters of one line.
    const frame = JSON.stringify([
      0,
      [
        ['-1', '1', '1'],
        ['-1', '1', '1'],
      ],
      'trade',
      'XBT/USD',
    ]);
    const files: readonly (readonly [name: string, bytes: Buffer, refused: number])[] = [
      ['two.zip', zip({ 'a.csv': bad, 'b.csv': bad }), 4],
      ['damaged.zip', zip({ 'a.csv': bad, 'b.csv': bad }, { checksum: 1 }), 6],
      ['frame.txt', Buffer.from(`1700000000.5: ${frame}\n1700000001.5: ${frame}\n`), 4],
    ];
    for (const [name, bytes, refused] of files) {
      const [one, other] = [file(name, bytes), file(`moved-${name}`, bytes)];
      const [first, again] = await Promise.all([one, other].map((at) => replayed({ files: [at] })));
      const ids = first?.deadLetters.map(({ id }) => id) ?? [];
      assert.deepEqual(
        again?.deadLetters.map(({ id }) => id),
        ids,
      );
      assert.equal(ids.includes(null), false);
      assert.equal(new Set(ids).size, refused, name);
    }
  });

  test('options that make no sense are refused at once', () => {
    const clock = new ManualClock(0);
    const wrong: readonly Partial<ReplayOptions>[] = [
      { files: [] },
      { speed: 0 },
      { speed: -1 },
      { speed: Number.NaN },
      { symbol: 'bac' },
      { date: '2013-02-30' },
      { timeZone: 'Nowhere' },
    ];
    for (const options of wrong) {
      assert.throws(
        () => replayFeed({ files: ['x'], speed: 'max', clock, ...options }),
        (error) => error instanceof Failure && error.code === 'bad-configuration',
      );
    }
  });
});

suite('rows of LEAN files', () => {
  test('that are bad are refused for their reason, and nothing else is lost', async (t) => {
    const bad: readonly (readonly [string, string])[] = [
      ['bad-time', '86400000,139400,500,P,20002020,0'],
      ['bad-time', '-1,139400,500,P,20002020,0'],
      ['bad-time', 'x'],
      ['bad-row', '14400614'],
      ['bad-row', '14400614,139400,500,P,20002020'],
      ['bad-row', '14400614,139400,500,P,20002020,0,9'],
      ['bad-price', '14400614,-139400,500,P,20002020,0'],
      ['bad-price', '14400614,0,500,P,20002020,0'],
      ['bad-price', '14400614,13.94,500,P,20002020,0'],
      ['bad-price', '14400614,9999999999999999,500,P,20002020,0'],
      ['bad-size', '14400614,139400,0,P,20002020,0'],
      ['bad-size', '14400614,139400,,P,20002020,0'],
      ['too-large', '14400614,999999999999999,999999999999999,P,20002020,0'],
      ['bad-row', '14400614,139400,500,P,xyz,0'],
      ['bad-row', '14400614,139400,500,P,20002020,maybe'],
    ];
    const lines = trades.split('\n');
    const text = [lines[0], ...bad.map(([, row]) => row), '', lines[1]].join('\n');
    const result = await replayed({ files: [scratch(t)('x.zip', zip({ [entry]: text }))] });
    assert.deepEqual(
      result.refusals,
      bad.map(([reason], index) => `${reason} at ${entry}:${index + 2}`),
    );
    const raw = result.deadLetters.map((letter) => Buffer.from(letter.raw, 'base64').toString());
    assert.deepEqual(
      raw,
      bad.map(([, row]) => `${row}\n`),
    );
    assert.deepEqual(pick(result.trades, 'id', 'price'), [
      ['1', '13.94'],
      [String(bad.length + 3), '13.95'],
    ]);
  });

  test('may end in CRLF, have finer times than milliseconds, lack the last newline', async (t) => {
    const text = '14400614.1255,139400,500,P,20002020,1\r\n14404499,139500,200,Q,2000,0';
    const result = await replayed({ files: [scratch(t)('x.zip', zip({ [entry]: text }))] });
    assert.deepEqual(pick(result.trades, 'time', 'conditions', 'venue'), [
      ['2013-10-07T08:00:00.614125Z', '20002020 suspicious', 'P'],
      ['2013-10-07T08:00:04.499Z', '2000', 'Q'],
    ]);
  });

  test('of quotes are refused without a side, or with a bad one', async (t) => {
    const rows = [
      '14400151,0,0,140200,500,Q,1,0',
      '14400554,0,0,0,0,P,1,0',
      '14400554,138400,-1,139500,1,P,1,0',
      '14400554,138400,700,x,0,P,1,0',
      '14400554,138400,700',
      '14400555,138400,700,139500,20000,P,1,0',
    ];
    const bytes = zip({ '20131007_bac_Quote_Tick.csv': rows.join('\n') });
    const result = await replayed({ files: [scratch(t)('x.zip', bytes)] });
    assert.deepEqual(
      result.deadLetters.map(({ reason }) => reason),
      ['bad-price', 'bad-size', 'bad-price', 'bad-row'],
    );
    assert.deepEqual(pick(result.quotes, 'bid', 'bidSize', 'ask', 'askSize'), [
      [null, null, '14.02', '500'],
      ['13.84', '700', '13.95', '20000'],
    ]);
  });

  test('of FX are exact in whatever digits they have', async (t) => {
    const rows = [
      '292,1.4,1.38686',
      '293,1.386760,0',
      '294,0,0',
      '295,1.38676',
      '5',
      '296,-1,1',
      '297,1.3867612345,1.4',
      '298,.5,1',
    ];
    const path = scratch(t)('20140501_eurusd_tick_quote.csv', rows.join('\n'));
    const result = await replayed({ files: [path] });
    assert.deepEqual(pick(result.quotes, 'time', 'bid', 'ask'), [
      ['2014-05-01T00:00:00.292Z', '1.4', '1.38686'],
      ['2014-05-01T00:00:00.293Z', '1.38676', null],
      ['2014-05-01T00:00:00.297Z', '1.3867612345', '1.4'],
    ]);
    assert.deepEqual(
      result.deadLetters.map(({ reason }) => reason),
      ['bad-price', 'bad-row', 'bad-row', 'bad-price', 'bad-price'],
    );
  });
});

suite('Kraken’s REST trades, by hand', () => {
  test('without ids are known by the file; bad rows are refused', async (t) => {
    const rows = [
      '["1.50","2",1762795433.9717445,"b","l",""]',
      '["-1","2",1762795434.5,"s","m",""]',
      '"x"',
      '["1.5","0.25",1762795435.1234567,"s","m",""]',
    ];
    const text = `{"error":[],"result":{"XBT/USDT":[${rows.join()}],"last":"1"}}`;
    const result = await replayed({ files: [scratch(t)('x', text)] });
    assert.deepEqual(pick(result.trades, 'symbol', 'id', 'time', 'price', 'side'), [
      ['XBTUSDT', '1', '2025-11-10T17:23:53.971744Z', '1.5', 'buy'],
      ['XBTUSDT', '4', '2025-11-10T17:23:55.123456Z', '1.5', 'sell'],
    ]);
    assert.match(result.batches[0]?.trades.scope ?? '', /^file:/);
    assert.deepEqual(result.refusals, ['bad-price at x:2', 'bad-time at x:3']);
  });

  test('a given symbol stands in for the name of the only pair', async (t) => {
    const text = '{"result":{"XXBTZUSD":[["1","2",1762795433.5,"b","l","",7]]}}';
    const { trades: found } = await replayed({ files: [scratch(t)('x', text)], symbol: 'BTCUSD' });
    assert.deepEqual(pick(found, 'symbol', 'id'), [['BTCUSD', '7']]);
  });
});
