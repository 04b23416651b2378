import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { formatDecimal, scaleMax } from '../../src/contracts/decimal.ts';
import { sequencesOf } from '../../src/contracts/event-columns.ts';
import { decodeQuotes, encodeQuotes, QuoteColumns } from '../../src/contracts/quote.ts';
import { formatTime } from '../../src/contracts/time.ts';
import { decodeTrades, encodeTrades, TradeColumns } from '../../src/contracts/trade.ts';
import { verdicts } from '../../src/contracts/verdict.ts';
import { quoteAt, tradeAt } from '../../src/contracts/wire-objects.ts';
import { writeDecimal, writeTime, writeWhole } from '../../src/gateway/stream/json-bytes.ts';
import { writeQuotes } from '../../src/gateway/stream/quote-frames.ts';
import { TextFrames, textFrame } from '../../src/gateway/stream/text-frames.ts';
import { writeTrades } from '../../src/gateway/stream/trade-frames.ts';
import { payloads } from './payloads.ts';
import { seeded } from './seed.ts';

const whole = fc.oneof(fc.nat({ max: 1_000 }), fc.maxSafeNat());
const instant = fc.oneof(
  fc.integer({ min: 0, max: 4_102_444_800 }).map((seconds) => seconds * 1_000_000),
  fc.integer({ min: 0, max: 4_102_444_800_000 }).map((ms) => ms * 1000),
  fc.maxSafeNat().filter((micros) => micros < 4_102_444_800_000_000),
);
const text = fc.oneof(fc.constant(''), fc.string({ unit: 'binary', maxLength: 12 }));
const symbols = ['AAPL', 'BTC-USD', 'EUR/€'];

function written(write: (bytes: Uint8Array) => number): string {
  const bytes = Buffer.alloc(64);
  return bytes.toString('latin1', 0, write(bytes));
}

suite('bytes are the text that the contracts format', () => {
  test('of whole numbers', () => {
    fc.assert(
      fc.property(whole, (value) => {
        assert.equal(
          written((bytes) => writeWhole(bytes, 0, value)),
          String(value),
        );
      }),
      seeded(),
    );
  });

  test('of decimals', () => {
    const signed = fc
      .tuple(whole, fc.boolean())
      .map(([value, minus]) => (minus ? 0 - value : value));
    fc.assert(
      fc.property(signed, fc.integer({ min: 0, max: scaleMax }), (value, scale) => {
        const expected = formatDecimal(value, scale);
        assert.equal(
          written((bytes) => writeDecimal(bytes, 0, value, scale)),
          expected,
        );
      }),
      seeded(),
    );
  });

  test('of times', () => {
    fc.assert(
      fc.property(instant, (time) => {
        assert.equal(
          written((bytes) => writeTime(bytes, 0, time)),
          formatTime(time),
        );
      }),
      seeded(),
    );
  });
});

suite('a frame is one RFC 6455 text frame', () => {
  for (const length of [0, 1, 125, 126, 127, 65_535, 65_536, 200_000]) {
    test(`with a payload of about ${length} bytes, and the next one follows it`, () => {
      const message = { text: 'x'.repeat(length) };
      const frames = new TextFrames();
      frames.message(message);
      frames.message({ next: 1 });
      assert.deepEqual(payloads(frames.take().bytes), [message, { next: 1 }]);
      assert.deepEqual(payloads(textFrame(message)), [message]);
    });
  }
});

suite('messages say what the wire objects say', () => {
  const tradeRow = fc.record({
    symbol: fc.constantFrom(...symbols),
    venue: text,
    conditions: text,
    side: fc.constantFrom('' as const, 'buy' as const, 'sell' as const),
    time: instant,
    received: instant,
    price: whole,
    size: whole,
    id: fc.oneof(fc.maxSafeNat(), fc.constant(Number.NaN)),
    textId: fc.option(text, { nil: undefined }),
    verdict: fc.nat({ max: verdicts.length - 1 }),
  });

  test('for trades, with every kind of id, tag, scale and verdict', () => {
    const tape = fc.array(tradeRow, { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(tape, fc.boolean(), whole, (trades, hasTextIds, offset) => {
        const columns = new TradeColumns();
        columns.source = 'test';
        for (const [index, trade] of trades.entries()) {
          const { symbol, venue, conditions, side } = trade;
          const instrument = columns.instrumentOf(symbol, symbols.indexOf(symbol) * 4, 3);
          columns.instruments[instrument].sequence ||= offset;
          const tag = columns.tagOf(venue, conditions, side);
          const { time, received, price, size, id } = trade;
          columns.push(instrument, tag, time, received, price, size, id);
          columns.verdict[index] = trade.verdict;
          if (hasTextIds && trade.textId !== undefined) columns.nameLast(trade.textId);
        }
        const batch = decodeTrades(encodeTrades(columns));
        const sequences = sequencesOf(batch);
        const frames = new TextFrames();
        const rows = [...trades.keys()];
        writeTrades(frames, batch, rows, 'e:0:', offset % 1e15);
        const expected = rows.map((row) => ({
          type: 'trade',
          cursor: `e:0:${(offset % 1e15) + row}`,
          ...tradeAt(batch, row, sequences[row]),
        }));
        assert.deepEqual(payloads(frames.take().bytes), expected);
      }),
      seeded(),
    );
  });

  const quoteRow = fc.record({
    symbol: fc.constantFrom(...symbols),
    time: instant,
    received: instant,
    bid: fc.oneof(fc.constant(0), whole),
    bidSize: whole,
    ask: fc.oneof(fc.constant(0), whole),
    askSize: whole,
  });

  test('for quotes, with and without either side', () => {
    const tape = fc.array(quoteRow, { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(tape, (quotes) => {
        const columns = new QuoteColumns();
        columns.source = 'test "quoted"';
        for (const { symbol, time, received, bid, bidSize, ask, askSize } of quotes) {
          const instrument = columns.instrumentOf(symbol, symbols.indexOf(symbol) * 3, 5);
          columns.push(instrument, time, received, bid, bidSize, ask, askSize, Number.NaN);
        }
        const batch = decodeQuotes(encodeQuotes(columns));
        const sequences = sequencesOf(batch);
        const frames = new TextFrames();
        const rows = [...quotes.keys()];
        writeQuotes(frames, batch, rows, 'e:0:', 7);
        const expected = rows.map((row) => ({
          type: 'quote',
          cursor: `e:0:${7 + row}`,
          ...quoteAt(batch, row, sequences[row]),
        }));
        assert.deepEqual(payloads(frames.take().bytes), expected);
      }),
      seeded(),
    );
  });
});
