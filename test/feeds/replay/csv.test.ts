import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { hashId } from '../../../src/contracts/identity.ts';
import { formatTime } from '../../../src/contracts/time.ts';
import type { Tape } from '../../../src/contracts/trade.ts';
import { Observations } from '../../../src/feeds/feed.ts';
import { ByteWindow } from '../../../src/feeds/replay/byte-window.ts';
import { CsvTrades } from '../../../src/feeds/replay/csv.ts';
import { headerOf } from '../../../src/feeds/replay/csv-header.ts';
import { LocalTime } from '../../../src/feeds/replay/local-time.ts';
import { pick, readBack } from '../parsed.ts';

const seed = Number(process.env.FC_SEED ?? 20261121);

interface Settings {
  readonly symbol?: string;
  readonly date?: string;
  readonly timeZone?: string;
  readonly tape?: Tape;
  readonly calendar?: string;
  /** Lengths of the pieces in which the file arrives; the last goes on to the end. */
  readonly pieces?: readonly number[];
}

/** What the parser makes of a file. */
function read(text: string, settings: Settings = {}) {
  const { symbol, date, timeZone = 'UTC', tape = '', calendar = '24/7', pieces = [] } = settings;
  const header = headerOf(text.split('\n', 1)[0]?.trimEnd() ?? '');
  assert.ok(header, 'no header');
  const time = new LocalTime(timeZone);
  const about = { name: 'x.csv', entry: null, digest: 'd1ge57', rowsBefore: 0, openTime: 0 };
  const parser = new CsvTrades({ ...about, symbol, date, time, tape, calendar, header });
  const seen = new Observations('replay', 'file:d1ge57');
  const window = new ByteWindow();
  const bytes = Buffer.from(text);
  let from = 0;
  for (const length of [...pieces, bytes.length]) {
    window.append(bytes.subarray(from, from + length));
    from = Math.min(from + length, bytes.length);
    parser.parse(window, seen, 1_000_000, Number.POSITIVE_INFINITY);
  }
  window.finish();
  parser.parse(window, seen, 1_000_000, Number.POSITIVE_INFINITY);
  assert.equal(window.size, 0, 'the parser left something');
  return { ...readBack(seen), seen, parser };
}

suite('CSV', () => {
  test('columns stand in any order, others are ignored', () => {
    const { trades } = read(
      'Side,note,size,Price,venue,TIME,symbol,conditions\n' +
        'buy,"a, b",5,13.940,X,2013-10-07T13:30:00Z,bac,@ T\n' +
        'S,,0.00100,1e-7,,1381152600,BTC-USD,\n',
    );
    assert.deepEqual(
      pick(trades, 'symbol', 'time', 'price', 'size', 'id', 'side', 'venue', 'conditions'),
      [
        ['BAC', '2013-10-07T13:30:00Z', '13.94', '5', '2', 'buy', 'X', '@ T'],
        ['BTC-USD', '2013-10-07T13:30:00Z', '0.0000001', '0.001', '3', 'sell', '', ''],
      ],
    );
  });

  test('equal rows are two trades', () => {
    const row = 'BAC,2013-10-07T13:30:00Z,13.94,5\n';
    const { trades, seen } = read(`symbol,time,price,size\n${row}${row}`);
    assert.deepEqual(pick(trades, 'id', 'price'), [
      ['2', '13.94'],
      ['3', '13.94'],
    ]);
    assert.equal(seen.trades.scope, 'file:d1ge57');
  });

  test('ids that are given are kept: numbers, names, and the row where there is none', () => {
    const ids = ['17', '', 'A-1', '007', '9007199254740991', '9007199254740993'];
    const rows = ids.map((id) => `BAC,2013-10-07T13:30:00Z,13.94,5,${id}\n`);
    const { trades, seen } = read(`symbol,time,price,size,id\n${rows.join('')}`);
    const expected = ['17', 'd1ge57:3', 'A-1', '007', '9007199254740991', '9007199254740993'];
    assert.deepEqual(
      trades.map(({ id }) => id),
      expected,
    );
    assert.equal(seen.trades.scope, 'csv');
    assert.equal(seen.trades.id[0], 17);
    assert.equal(seen.trades.id[2], hashId('A-1'));
    assert.equal(seen.trades.id[4], Number.MAX_SAFE_INTEGER);
    assert.equal(seen.trades.id[5], hashId('9007199254740993'));
  });

  test('an export says what was decided; late or not is decided anew', () => {
    const said = ['on time', 'late', 'correction', 'cancelled', 'Too late', ''];
    const rows = [
      ...said.map((verdict, id) => `BAC,1381152600,13.94,5,${id},${verdict}`),
      'BAC,1381152600,0,0,3,cancel',
      'BAC,1381152600,0,0,A-1,cancel too late',
    ];
    const { trades, refused } = read(`symbol,time,price,size,id,verdict\n${rows.join('\n')}`);
    assert.deepEqual(refused, []);
    assert.deepEqual(
      trades.map(({ id, verdict, size }) => [id, verdict, size].join()),
      [
        '0,on time,5',
        '1,on time,5',
        '2,correction,5',
        '3,cancelled,5',
        '4,too late,5',
        '5,on time,5',
        '3,cancel,0',
        'A-1,cancel too late,0',
      ],
    );
  });

  test('ids are of the numbering that their row names; those of rows are of the file', () => {
    const rows = ['7,coinbase', '7,file:c0ffee', '8,coinbase', '9,', 'A-1,coinbase'];
    const text = rows.map((row) => `BAC,1381152600,13.94,5,${row}\n`).join('');
    const scopes = ({ seen }: ReturnType<typeof read>) =>
      seen.allTrades.map(({ scope, id, count }) => [scope, ...id.subarray(0, count)]);
    assert.deepEqual(scopes(read(`symbol,time,price,size,id,scope\n${text}`)), [
      ['coinbase', 7, 8, hashId('A-1')],
      ['file:c0ffee', 7],
      ['csv', 9],
    ]);
    const nameless = read(`symbol,time,price,size,other,scope\n${text}`);
    assert.deepEqual(scopes(nameless), [['file:d1ge57', 2, 3, 4, 5, 6]]);
  });

  test('an export ends for each symbol with its last trade, another file for all at once', () => {
    const text =
      'symbol,time,price,size,id,scope\nBAC,1381152600,1,1,1,csv\nSPY,1381152700,1,1,1,csv\n';
    const endsOf = ({ parser }: ReturnType<typeof read>) =>
      ['BAC', 'SPY'].map((symbol) => parser.completeTimeOf(symbol) / 1e6);
    assert.deepEqual(endsOf(read(text)), [1381152600, 1381152700]);
    assert.deepEqual(endsOf(read(text.replace('scope', 'other'))), [1381152700, 1381152700]);
  });

  test('a verdict or numbering that is none is refused', () => {
    const header = 'symbol,time,price,size,id,verdict,scope';
    const rows = ['1,done,csv', '1,,a b', `1,,${'x'.repeat(65)}`, '1,cancel,', ',cancel,'];
    const text = rows.map((row) => `BAC,1381152600,1,1,${row}`).join('\n');
    const { refused, trades } = read(`${header}\n${text}\n`);
    assert.deepEqual(refused, ['bad-verdict', 'bad-scope', 'bad-scope', 'bad-action']);
    assert.deepEqual(pick(trades, 'id', 'verdict'), [['1', 'cancel']]);
    const nameless = read('symbol,time,price,size,verdict\nBAC,1381152600,0,0,cancel\n');
    assert.deepEqual(nameless.refused, ['bad-action']);
  });

  test('conditions are of the tape that the row names, else of that of the file', () => {
    const file = (tape: Tape) =>
      read(
        'symbol,time,price,size,conditions,tape\n' +
          'BAC,1381152600,13.94,5,@,A\n' +
          'AAPL,1381152600,500,5,@,c\n' +
          'BAC,1381152601,13.95,5,20000001,lean\n' +
          'AAPL,1381152601,501,5,@,SIP-C\n' +
          'BAC,1381152602,13.96,5,@,\n' +
          '"BAC",1381152603,13.97,5,@,\n',
        { tape },
      );
    const idsByTape = (tape: Tape) =>
      Object.fromEntries(
        file(tape).seen.allTrades.map(({ tape, id, count }) => [tape, [...id.subarray(0, count)]]),
      );
    assert.deepEqual(idsByTape('sip-o'), {
      'sip-ab': [2],
      'sip-c': [3, 5],
      lean: [4],
      'sip-o': [6, 7],
    });
    assert.deepEqual(idsByTape(''), { 'sip-ab': [2], 'sip-c': [3, 5], lean: [4], '': [6, 7] });
  });

  test('a symbol has the calendar that its rows name, else that of the file', () => {
    const { parser, refused } = read(
      'symbol,time,price,size,calendar\n' +
        'BAC,1381152600,13.94,5,XNYS\n' +
        'VOD,1381152600,215,5,xlon\n' +
        'BAC,1381152601,13.95,5,\n' +
        'ACME,1381152601,1,5,\n',
      { calendar: 'XTKS' },
    );
    assert.deepEqual(refused, []);
    assert.deepEqual(
      ['BAC', 'VOD', 'ACME'].map((symbol) => parser.define(symbol).calendar),
      ['XNYS', 'XLON', 'XTKS'],
    );
  });

  test('a tape or calendar that is none, or another than before, is refused', () => {
    const { parser, refused, trades } = read(
      'symbol,time,price,size,calendar,tape\n' +
        'BAC,1381152600,-1,5,XLON,\n' +
        'BAC,1381152600,13.94,5,XNYS,\n' +
        'BAC,1381152601,13.95,5,XLON,\n' +
        'BAC,1381152601,13.95,5,NYSE,\n' +
        'BAC,1381152601,13.95,5,,Q\n',
    );
    assert.deepEqual(refused, ['bad-price', 'bad-calendar', 'bad-calendar', 'bad-tape']);
    assert.equal(trades.length, 1);
    assert.equal(parser.define('BAC').calendar, 'XNYS');
  });

  test('a cancel names a trade by id and time; a correction also brings the right one', () => {
    const { trades, refused } = read(
      'symbol,time,price,size,id,action,original,original_time\n' +
        'BAC,2013-10-07T13:30:00Z,13.94,5,1,,,\n' +
        'BAC,2013-10-07T13:30:01Z,13.95,5,A-2,Trade,,\n' +
        'BAC,2013-10-07T13:30:00Z,13.94,5,,cancel,1,\n' +
        'bac,2013-10-07T13:30:01Z,,,A-2,CANCEL,,\n' +
        'BAC,2013-10-07T13:31:00Z,13.99,7,9,correction,3,2013-10-07T13:30:02Z\n',
    );
    assert.deepEqual(refused, []);
    assert.deepEqual(pick(trades, 'id', 'verdict', 'time', 'price', 'size'), [
      ['1', 'on time', '2013-10-07T13:30:00Z', '13.94', '5'],
      ['A-2', 'on time', '2013-10-07T13:30:01Z', '13.95', '5'],
      ['1', 'cancel', '2013-10-07T13:30:00Z', '0', '0'],
      ['A-2', 'cancel', '2013-10-07T13:30:01Z', '0', '0'],
      ['3', 'cancel', '2013-10-07T13:30:02Z', '0', '0'],
      ['9', 'correction', '2013-10-07T13:31:00Z', '13.99', '7'],
    ]);
    assert.deepEqual(
      trades.map(({ symbol }) => symbol),
      Array.from({ length: 6 }, () => 'BAC'),
    );
  });

  test('cancels and corrections that make no sense are refused, and change nothing', () => {
    const time = '2013-10-07T13:30:00Z';
    const rows: readonly (readonly [reason: string, row: string])[] = [
      ['bad-action', `BAC,${time},1,1,1,delete,,`],
      ['bad-action', `BAC,${time},1,1,1,,7,`],
      ['bad-action', `BAC,${time},1,1,1,correction,,`],
      ['bad-action', `BAC,${time},,,,cancel,,`],
      ['bad-id', `BAC,${time},1,1,7,correction,7,`],
      ['bad-time', `BAC,${time},1,1,8,correction,7,yesterday`],
      ['bad-price', `BAC,${time},0,1,8,correction,7,`],
      ['bad-symbol', `B A C,${time},,,,cancel,7,`],
    ];
    const text = rows.map(([, row]) => row).join('\n');
    const header = 'symbol,time,price,size,id,action,original,original_time';
    const { trades, refused } = read(`${header}\n${text}\n`);
    assert.deepEqual(trades, []);
    assert.deepEqual(
      refused,
      rows.map(([reason]) => reason),
    );
    const nameless = read(`symbol,time,price,size,action,original\nBAC,${time},1,1,cancel,2\n`);
    assert.deepEqual(nameless.refused, ['bad-action']);
  });

  test('times are ISO 8601 or counted from the epoch, in any of its units', () => {
    const times = [
      '2013-10-07T13:30:00.000125Z',
      '2013-10-07 13:30:00.000125',
      '2013-10-07T09:30:00.000125-04:00',
      '2013-10-07T13:30:00.0001259Z',
      '1381152600.000125',
      '1381152600000.125',
      '1381152600000125',
      '1381152600000125999',
    ];
    const rows = times.map((time) => `BAC,${time},13.94,5\n`);
    const { trades, refused } = read(`symbol,time,price,size\n${rows.join('')}`);
    assert.deepEqual(refused, []);
    for (const { time } of trades) assert.equal(time, '2013-10-07T13:30:00.000125Z');
    assert.equal(trades.length, times.length);
  });

  test('times without a zone are in the given one, times of day on the given date', () => {
    const settings = { timeZone: 'America/New_York', date: '2013-10-07' };
    const rows = ['2013-10-07T09:30:00', '2013-01-07 09:30', '09:30:00.5', '2013-10-07T09:30:00Z'];
    const text = `symbol,time,price,size\n${rows.map((time) => `BAC,${time},1,1`).join('\n')}`;
    assert.deepEqual(
      read(text, settings).trades.map(({ time }) => time),
      [
        '2013-10-07T13:30:00Z',
        '2013-01-07T14:30:00Z',
        '2013-10-07T13:30:00.500Z',
        '2013-10-07T09:30:00Z',
      ],
    );
  });

  test('a byte order mark, CRLF, blank lines, blanks and a missing last newline do no harm', () => {
    const { trades, refused } = read(
      '\uFEFF"symbol", time ,price,size\r\n\r\n BAC , 1381152600 , 13.94 , 5 \r\n' +
        'BAC,1381152601,1,2\r\nSPY,1381152602,3,4',
    );
    assert.deepEqual(refused, []);
    assert.deepEqual(pick(trades, 'symbol', 'price', 'id'), [
      ['BAC', '13.94', '3'],
      ['BAC', '1', '4'],
      ['SPY', '3', '5'],
    ]);
  });

  test('quoted fields may hold commas, quotes and line breaks', () => {
    const { trades } = read(
      'symbol,time,price,size,conditions\n' +
        '"BAC","1381152600","13.94","5","a ""b"", c\nd"\n' +
        'BAC,1381152601,13.95,6,e\n',
    );
    assert.deepEqual(pick(trades, 'conditions', 'id'), [
      ['a "b", c\nd', '2'],
      ['e', '3'],
    ]);
  });

  test('a quote that is never closed costs its line alone', () => {
    const { trades, refused } = read(
      `symbol,time,price,size\nBAC,1381152600,"13.94,5\n${'BAC,1381152601,13.95,6\n'.repeat(9000)}`,
    );
    assert.deepEqual(refused, ['bad-row']);
    assert.equal(trades.length, 9000);
  });

  test('bad rows are refused for their reason, with their raw bytes', () => {
    const bad: readonly (readonly [string, string])[] = [
      ['bad-row', 'BAC,1381152600,13.94'],
      ['bad-row', 'BAC,1381152600,1,394.50,5'],
      ['bad-row', 'BAC,1381152600,"13.94"x,5'],
      ['bad-time', 'BAC,,13.94,5'],
      ['bad-time', 'BAC,yesterday,13.94,5'],
      ['bad-time', 'BAC,2013-02-30T09:30:00Z,13.94,5'],
      ['bad-time', 'BAC,20131007,13.94,5'],
      ['bad-time', 'BAC,2213-10-07T09:30:00Z,13.94,5'],
      ['bad-time', 'BAC,99999999999,13.94,5'],
      ['bad-symbol', ',1381152600,13.94,5'],
      ['bad-symbol', 'B A C,1381152600,13.94,5'],
      ['bad-symbol', `${'X'.repeat(33)},1381152600,13.94,5`],
      ['bad-price', 'BAC,1381152600,-13.94,5'],
      ['bad-price', 'BAC,1381152600,0.00,5'],
      ['bad-price', 'BAC,1381152600,NaN,5'],
      ['bad-price', 'BAC,1381152600,0x10,5'],
      ['bad-price', 'BAC,1381152600,0.1234567890123,5'],
      ['bad-price', 'BAC,1381152600,99999999999999999,5'],
      ['bad-size', 'BAC,1381152600,13.94,'],
      ['bad-size', 'BAC,1381152600,13.94,-5'],
      ['bad-size', 'BAC,1381152600,13.94,Infinity'],
      ['too-large', 'BAC,1381152600,999999999999999,999999999999999'],
    ];
    const text = ['symbol,time,price,size', ...bad.map(([, row]) => row), ''].join('\n');
    const { refused, trades, seen } = read(text);
    assert.deepEqual(trades, []);
    assert.deepEqual(
      refused.map((reason, index) => [
        reason,
        Buffer.from(seen.deadLetters[index]?.raw ?? '', 'base64')
          .toString()
          .trimEnd(),
      ]),
      bad,
    );
    assert.equal(seen.deadLetters[0]?.where, 'x.csv:2');
  });

  test('prices of ever finer scales stay exact beside each other', () => {
    const prices = ['13', '13.9', '0.000000000001', '13.94', '9007'];
    const rows = prices.map((price) => `BAC,1381152600,${price},1\n`);
    const { trades, refused } = read(`symbol,time,price,size\n${rows.join('')}`);
    assert.deepEqual(refused, []);
    assert.deepEqual(
      trades.map(({ price }) => price),
      prices,
    );
  });

  test('what was written is read back exactly, however it was written', () => {
    const decimal = fc
      .tuple(fc.integer({ min: 1, max: 10 ** 7 }), fc.integer({ min: 0, max: 6 }))
      .map(([digits, scale]) => plain(digits, scale));
    const trade = fc.record({
      symbol: fc.constantFrom('BAC', 'BTC-USD', 'BRK.B', 'EURUSD'),
      time: fc
        .integer({ min: 100_000_000, max: 4_000_000_000 })
        .chain((seconds) =>
          fc.integer({ min: 0, max: 999_999 }).map((micros) => seconds * 1e6 + micros),
        ),
      price: decimal,
      size: decimal,
      id: fc.oneof(
        fc.nat().map(String),
        fc.string({ minLength: 1, maxLength: 12 }).filter((text) => text.trim() === text),
      ),
      conditions: fc.string({ maxLength: 6 }).map((text) => text.trim()),
      side: fc.constantFrom('', 'buy', 'sell'),
    });
    type Written = Parameters<typeof written>[0];
    const columns = ['symbol', 'time', 'price', 'size', 'id', 'conditions', 'side'] as const;
    const written = (
      fields: typeof trade extends fc.Arbitrary<infer T> ? T : never,
      order: readonly (typeof columns)[number][],
      style: { readonly quoted: boolean; readonly time: number },
    ): string =>
      order
        .map((column) => (column === 'time' ? timeText(fields.time, style.time) : fields[column]))
        .map((text) =>
          style.quoted || /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text,
        )
        .join(',');
    const property = fc.property(
      fc.array(fc.tuple(trade, fc.record({ quoted: fc.boolean(), time: fc.nat(4) }))),
      fc.shuffledSubarray([...columns], { minLength: columns.length }),
      fc.constantFrom('\n', '\r\n'),
      fc.array(fc.nat(200)),
      (trades, order, lineEnd, pieces) => {
        const rows = trades.map(([fields, style]) => written(fields as Written, order, style));
        const text = [order.join(','), ...rows, ''].join(lineEnd);
        const result = read(text, { pieces });
        assert.deepEqual(result.refused, []);
        const fields = ['symbol', 'price', 'size', 'id', 'conditions', 'side', 'time'] as const;
        assert.deepEqual(
          pick(result.trades, ...fields),
          trades.map(([{ time, ...rest }]) => {
            const expected = { ...rest, time: formatTime(time) };
            return fields.map((field) => expected[field]);
          }),
        );
      },
    );
    fc.assert(property, { seed, numRuns: 200 });
  });

  test('the fast way and the way through text agree on every row, good or bad', () => {
    const field = fc.oneof(
      { weight: 3, arbitrary: fc.constantFrom(...oddNumbers) },
      fc.integer({ min: -5, max: 10 ** 6 }).map(String),
      fc.tuple(fc.nat(), fc.nat(14)).map(([digits, scale]) => plain(digits, scale)),
      fc.constantFrom('', ' ', 'x', ' 5', '5 ', 'BAC', '1,5'.replace(',', '')),
    );
    const time = fc.oneof(
      { weight: 4, arbitrary: fc.constantFrom(...oddTimes) },
      fc.bigInt({ min: 1n, max: 10n ** 21n }).map(String),
      fc
        .date({ min: new Date('1969-01-01'), max: new Date('2205-01-01'), noInvalidDate: true })
        .map((date) => date.toISOString()),
    );
    const symbol = fc.constantFrom('BAC', 'bac', ' BAC', '', 'B AC', 'BTC/USD', 'ß');
    const row = fc.tuple(symbol, time, field, field, field);
    const property = fc.property(fc.array(row, { maxLength: 20 }), fc.boolean(), (rows, withId) => {
      const file = (quotes: string): string =>
        [
          withId ? 'symbol,time,price,size,id' : 'symbol,time,price,size,other',
          ...rows.map((fields) => fields.map((text) => quotes + text + quotes).join(',')),
          '',
        ].join('\n');
      const fast = read(file(''));
      const slow = read(file('"'));
      assert.deepEqual(fast.refused, slow.refused);
      assert.deepEqual(fast.trades, slow.trades);
      assert.deepEqual(
        [...fast.seen.trades.id.subarray(0, fast.trades.length)],
        [...slow.seen.trades.id.subarray(0, slow.trades.length)],
      );
    });
    fc.assert(property, { seed, numRuns: 500 });
  });
});

const oddNumbers = `
  0 00 0.0 -0 +5 5. .5 05 007 1e3 1E-3 1e400 1_000 0x10 NaN 1.50000 123456789.123456789
  999999999999999 9999999999999999 9007199254740991 9007199254740992
  0.000000000001 0.0000000000001
`
  .trim()
  .split(/\s+/);

const oddTimes = `
  1381152600, 1381152600.5, 1381152600., 1381152600.1234567, 13811526001, 138115260, 13811526,
  1381152600000, 1381152600000.75, 1381152600000125, 13811526000001250, 138115260000012500,
  1381152600000125000, 13811526000001250000, 2013-10-07T13:30:00Z, 2013-10-07 13:30:00,
  2013-10-07T13:30:00.5, 2013-10-07, 2013-10-07T13:30, 2013-10-07T13:30Z, 2013-10-07T24:00:00Z,
  2013-10-07T13:60:00Z, 2013-02-30T13:30:00Z,
  2013-02-30 13:30:00, 2013-10-07T13:30:00.Z, 2013-10-07T13:30:00z,
  2013-1-7T13:30:00Z, 2013-10-07T13:30:00+02:00, 2013-10-07T13:30:00.123456789012Z,
  2013-10-07t13:30:00Z, 2013-10-07T13:30:00.1234567Z, 2013/10/07T13:30:00Z,
  0000-00-00T00:00:00Z, -1,
`
  .trim()
  .split(/,\s*/);

/** A decimal as people write it, in its shortest form. */
function plain(digits: number, scale: number): string {
  const text = String(digits).padStart(scale + 1, '0');
  const fraction = text.slice(text.length - scale).replace(/0+$/, '');
  const whole = text.slice(0, text.length - scale);
  return scale === 0 ? text : whole + (fraction ? `.${fraction}` : '');
}

/** The same time in one of five ways. */
function timeText(time: number, way: number): string {
  const seconds = String(time).padStart(16, '0');
  switch (way) {
    case 0:
      return formatTime(time);
    case 1:
      return formatTime(time).replace('Z', '').replace('T', ' ');
    case 2:
      return `${seconds.slice(0, -6).replace(/^0+/, '')}.${seconds.slice(-6)}`;
    case 3:
      return `${time}`;
    default:
      return `${time}123`;
  }
}
