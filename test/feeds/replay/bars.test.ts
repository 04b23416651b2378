import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { suite, test } from 'node:test';
import { formatDecimal } from '../../../src/contracts/decimal.ts';
import { formatTime } from '../../../src/contracts/time.ts';
import { type Replayed, replayed, scratch } from './replayed.ts';
import { zip } from './zip.ts';

/** The bars that were taken: symbol, end, prices and volume. */
function barsOf({ batches }: Replayed): string[] {
  return batches.flatMap(({ bars }) =>
    Array.from({ length: bars.count }, (_, row) => {
      const instrument = bars.instruments[bars.instrument[row] as number];
      assert(instrument);
      const { symbol, priceScale, sizeScale } = instrument;
      const prices = [bars.open, bars.high, bars.low, bars.close].map((column) =>
        formatDecimal(column[row] as number, priceScale),
      );
      const volume = formatDecimal(bars.volume[row] as number, sizeScale);
      return [symbol, formatTime(bars.eventTime[row] as number), ...prices, volume].join(' ');
    }),
  );
}

suite('recorded bars', () => {
  test('are read by what they hold and where they lie', async (t) => {
    const file = scratch(t);
    mkdirSync(join(dirname(file('x', 'x')), 'crypto'));
    const cases: readonly (readonly [string, string | Buffer, string])[] = [
      // A stock: 09:30 in New York, on a summer day and on a winter day.
      [
        '20240708_abc_minute_trade.csv',
        '34200000,104500,104700,104400,104600,1200\n',
        'ABC 2024-07-08T13:30:59.999999Z 10.45 10.47 10.44 10.46 1200',
      ],
      [
        'a.zip',
        zip({ '20240108_abc_second_trade.csv': '34200000,104500,104700,104400,104600,1200' }),
        'ABC 2024-01-08T14:30:00.999999Z 10.45 10.47 10.44 10.46 1200',
      ],
      [
        'abc.csv',
        '20240708 09:00,104500,104700,104400,104600,1200',
        'ABC 2024-07-08T13:59:59.999999Z 10.45 10.47 10.44 10.46 1200',
      ],
      [
        'abc_trade.csv',
        '20240708 00:00,104500,104700,104400,104600,1200',
        'ABC 2024-07-09T03:59:59.999999Z 10.45 10.47 10.44 10.46 1200',
      ],
      // Whole prices, but not of a stock: the folder says so.
      [
        'crypto/20240708_xyz_minute_trade.csv',
        '0,300,370,299,370,0.05655554',
        'XYZ 2024-07-08T00:00:59.999999Z 300 370 299 370 0.05655554',
      ],
      [
        '20240708_xyz_minute_trade.csv',
        '60000,0.5,0.75,0.25,0.125e1,7\n120000,0.5,0.75,0.25,0.5,0\n',
        'XYZ 2024-07-08T00:02:59.999999Z 0.5 0.75 0.25 0.5 0',
      ],
    ];
    for (const [name, content, expected] of cases) {
      const result = await replayed({ files: [file(name, content)] });
      assert.equal(result.failure, null);
      assert.deepEqual(barsOf(result), [expected], name);
    }
  });

  test('that do not say what they are need to be told', async (t) => {
    const file = scratch(t);
    const path = file('bars.csv', '60000,1.5,1.5,1.5,1.5,1\n');
    const told = { symbol: 'ABC', date: '2024-07-08', interval: '1m' } as const;
    for (const name of ['interval', 'symbol', 'date'] as const) {
      const { failure } = await replayed({ files: [path], ...told, [name]: undefined });
      assert.equal(failure?.code, 'bad-file');
      assert.match(failure?.cure ?? '', new RegExp(`--${name}`));
    }
    assert.deepEqual(barsOf(await replayed({ files: [path], ...told })), [
      'ABC 2024-07-08T00:01:59.999999Z 1.5 1.5 1.5 1.5 1',
    ]);
    // Times that are no whole minutes tell that they are of seconds.
    const rows = [60_000, 61_000, 63_000].map((ms) => `${ms},1.5,1.5,1.5,1.5,1\n`);
    const seconds = file('seconds.csv', rows.join(''));
    assert.equal(
      barsOf(await replayed({ files: [seconds], ...told, interval: undefined })).length,
      3,
    );
  });

  test('of which a row is bad lose that row, which goes to the dead letters', async (t) => {
    const rows = [
      '0,1.5,1.7,1.4,1.6,10',
      '60000,1.5,1.7,1.4,1.6', // a field too few
      '60000,,1.7,1.4,1.6,10',
      '60000,0,1.7,1.4,1.6,10',
      '60000,-1.5,1.7,1.4,1.6,10',
      '60000,1.5,1.55,1.4,1.6,10', // close above the high
      '60000,1.5,1.7,1.55,1.6,10', // open below the low
      '60000,1.5,1.7,1.4,1.6,-1',
      '60000,1.5,1.7,1.4,1.6,many',
      '60001,1.5,1.7,1.4,1.6,10', // no minute begins then
      '86400000,1.5,1.7,1.4,1.6,10',
      '20240708 09:00,1.5,1.7,1.4,1.6,10',
      '60000,1.5,1.7,1.4,1.6,9007199254740991.5',
      '60000,1.5,9007199254740991,1.4,1.6,1',
      '',
      '120000,1.5,1.7,1.4,1.6,10',
    ];
    const result = await replayed({
      files: [scratch(t)('20240708_abc_minute_trade.csv', rows.join('\r\n'))],
    });
    assert.deepEqual(
      result.refusals.map((refusal) => refusal.replace(' at 20240708_abc_minute_trade.csv:', ' ')),
      [
        'bad-row 2',
        'bad-price 3',
        'bad-price 4',
        'bad-price 5',
        'bad-price 6',
        'bad-price 7',
        'bad-size 8',
        'bad-size 9',
        'bad-time 10',
        'bad-time 11',
        'bad-time 12',
        'bad-size 13',
        'too-large 14',
      ],
    );
    assert.deepEqual(barsOf(result), [
      'ABC 2024-07-08T00:00:59.999999Z 1.5 1.7 1.4 1.6 10',
      'ABC 2024-07-08T00:02:59.999999Z 1.5 1.7 1.4 1.6 10',
    ]);
  });

  test('of a stock have whole prices: a decimal there is not guessed at', async (t) => {
    const file = scratch(t);
    mkdirSync(join(dirname(file('x', 'x')), 'equity'));
    const path = file('equity/20240708_abc_minute_trade.csv', '0,10.5,10.7,10.4,10.6,10\n');
    assert.deepEqual((await replayed({ files: [path] })).refusals, [
      'bad-price at 20240708_abc_minute_trade.csv:1',
    ]);
  });

  test('are complete at the end of their day', async (t) => {
    const file = scratch(t);
    for (const [name, row, end] of [
      ['20240708_abc_minute_trade.csv', '34200000,1,1,1,1,1', Date.UTC(2024, 6, 9, 4)],
      ['abc.csv', '20240708 09:00,1,1,1,1,1', Date.UTC(2024, 6, 9, 4)],
      ['abc_trade.csv', '20240708 00:00,1,1,1,1,1', Date.UTC(2024, 6, 9, 4)],
    ] as const) {
      const { heartbeats } = await replayed({ files: [file(name, row)] });
      assert.deepEqual(
        heartbeats.map(({ symbols, eventTime, complete }) => [symbols, eventTime, complete]),
        [[['ABC'], end * 1000, true]],
      );
    }
  });
});
