// The candle operator against an oracle that knows nothing of it: plain objects, BigInt sums,
// sorting.

import { strict as assert } from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import type { CandleBatch } from '../../src/contracts/candle.ts';
import { parseDecimal, powerOfTen } from '../../src/contracts/decimal.ts';
import { noId } from '../../src/contracts/identity.ts';
import { intervalMicros, intervals } from '../../src/contracts/interval.ts';
import { QuoteColumns } from '../../src/contracts/quote.ts';
import { formatTime } from '../../src/contracts/time.ts';
import { TradeColumns } from '../../src/contracts/trade.ts';
import { cancel, cancelled, late } from '../../src/contracts/verdict.ts';
import { type Candle, candleAt } from '../../src/contracts/wire-objects.ts';
import { closedFields, type StoredSeries } from '../../src/engine/candle-snapshot.ts';
import { CandleOperator, type CandleOptions } from '../../src/engine/candles.ts';
import { recordedData } from '../recorded-data.ts';

const seed = Number(process.env.FC_SEED ?? 20261121);
const second = 1_000_000;
/** The eve of the day on which New York and Chicago set their clocks back. */
const day = Date.UTC(2024, 10, 2) * 1000;
const options = { allowedLateness: 2 * second, openEvery: 0 };

interface SimpleTrade {
  readonly symbol: string;
  readonly time: number;
  readonly price: number;
  readonly size: number;
  readonly id: number;
  /** A code of tape C. */
  readonly conditions?: string;
  /** What the source says, and then what ingest would make of it. */
  readonly verdict?: number;
}

/**
 * What trades with a code of tape C may move within a day and in a day's candle: open and close,
 * high and low, volume. From Alpaca's table of the consolidated tape's rules.
 */
const tapeC: Record<string, { readonly within: string; readonly day: string }> = {
  '@': { within: 'YYY', day: 'YYY' },
  I: { within: 'NNY', day: 'NNY' },
  T: { within: 'YYY', day: 'NNY' },
  Z: { within: 'NNY', day: 'NYY' },
  M: { within: 'NNN', day: 'NNN' },
  '9': { within: 'NNN', day: 'YYN' },
};

/** The calendar of each symbol, and where and when its days begin. */
const calendars: Record<string, readonly [calendar: string, zone: string, hour: number]> = {
  AAA: ['XNYS', 'America/New_York', 0],
  BBB: ['CMES', 'America/Chicago', 17],
  CCC: ['24/7', 'UTC', 0],
};

const dayStarts = new Map<string, number>();

/** Where Temporal says that the day of a symbol begins; asked once for each hour. */
function dayStart(symbol: string, time: number): number {
  const hour = Math.floor(time / (3_600 * second));
  const key = `${symbol} ${hour}`;
  const [, zone, opening] = calendars[symbol] as [string, string, number];
  const begun = (): number => {
    const instant = Temporal.Instant.fromEpochMilliseconds(hour * 3_600_000);
    const local = instant.toZonedDateTimeISO(zone);
    const isEve = local.hour < opening;
    const date = isEve ? local.toPlainDate().subtract({ days: 1 }) : local.toPlainDate();
    const plainTime = { hour: opening };
    return date.toZonedDateTime({ timeZone: zone, plainTime }).epochMilliseconds * 1000;
  };
  const start = dayStarts.get(key) ?? begun();
  dayStarts.set(key, start);
  return start;
}

function batchOf(trades: readonly SimpleTrade[], priceScale = 2, sizeScale = 3): TradeColumns {
  const columns = new TradeColumns();
  columns.tape = 'sip-c';
  for (const { symbol, time, price, size, id, conditions = '@', verdict = late } of trades) {
    const instrument = columns.instrumentOf(symbol, priceScale, sizeScale);
    columns.push(instrument, columns.tagOf('', conditions, ''), time, time, price, size, id);
    const [calendar] = calendars[symbol] ?? ['24/7'];
    columns.instruments[instrument].calendar = calendar;
    // Marked late throughout: the operator has to find out itself what that touches.
    columns.verdict[columns.count - 1] = verdict;
  }
  return columns;
}

/** The newest version of every candle published, by symbol, price, interval and start. */
class Ledger {
  readonly candles = new Map<string, Candle>();
  readonly versions: Candle[] = [];

  take(batch: CandleBatch | null): void {
    const told = new Set<string>();
    for (let row = 0; row < (batch?.count ?? 0); row++) {
      const candle = candleAt(batch as CandleBatch, row);
      const key = `${candle.symbol} ${candle.price} ${candle.interval} ${candle.start}`;
      assert.ok(isNew(told, key), `${key} is twice in one batch`);
      assert.equal(candle.state === 'revised', candle.revision > 0, `${key} ${candle.state}`);
      this.versions.push(candle);
      this.candles.set(key, candle);
    }
  }

  /**
   * What must not depend on the order of arrival: everything but revision and state, of candles
   * that have trades.
   */
  figures(): Record<string, object> {
    const made = [...this.candles].filter(([, candle]) => candle.open !== '0');
    const entries = made.map(([key, candle]) => {
      const told = Object.entries(candle).filter(([name]) => !['revision', 'state'].includes(name));
      return [key, Object.fromEntries(told)] as const;
    });
    return Object.fromEntries(entries.sort(byKey));
  }
}

/**
 * What surrounds the operator, done plainly: repeats are dropped, trades cancelled before they come
 * count for nothing, batches are kept, and closed candles stored. Everything is marked late, so
 * that the operator has to find out itself what that touches.
 */
class Plant {
  readonly ledger = new Ledger();
  readonly #stored = new Map<string, Float64Array>();
  readonly #batches: SimpleTrade[][] = [];
  readonly #seen = new Set<string>();
  readonly #gone = new Set<string>();
  readonly #open = new Map<string, StoredSeries>();
  readonly #options: CandleOptions;
  #operator: CandleOperator;

  constructor(given: CandleOptions = options) {
    this.#options = given;
    this.#operator = new CandleOperator(given);
  }

  get held(): number {
    return this.#operator.held;
  }

  take(events: readonly SimpleTrade[]): void {
    const fresh = events
      .filter((event) => {
        const taken = event.verdict === cancel ? this.#gone : this.#seen;
        return Number.isNaN(event.id) || isNew(taken, nameOf(event));
      })
      .map((event) => {
        const isGone = event.verdict !== cancel && this.#gone.has(nameOf(event));
        return isGone ? { ...event, verdict: cancelled } : event;
      });
    if (fresh.length === 0) return;
    const offset = this.#batches.push(fresh) - 1;
    const batch = batchOf(fresh);
    this.#restore(this.#operator.missing(batch, ['trade']));
    this.#operator.applyTrades(batch, offset);
    const refolds = this.#operator.cancelled(batch);
    for (const refold of refolds) {
      const { symbol, start, end, firstBatch, lastBatch } = refold;
      const left = this.#batches
        .slice(firstBatch, lastBatch + 1)
        .flat()
        .filter(
          (event) =>
            event.symbol === symbol &&
            event.time >= start &&
            event.time < end &&
            event.verdict === undefined &&
            !this.#gone.has(nameOf(event)),
        );
      this.#operator.refold(refold, left.length > 0 ? [batchOf(left)] : []);
    }
    this.#operator.remerge(refolds, this.#load(this.#operator.parts(refolds)));
    this.ledger.take(this.#operator.publish(offset));
  }

  /** The state leaves memory, and comes back if there is a restart. */
  checkpoint(restarts: boolean): void {
    this.#operator.eachUnsaved((prefix, bucket, data, from) => {
      this.#stored.set(prefix + bucket, data.slice(from, from + closedFields));
    });
    const snapshot = this.#operator.snapshot();
    for (const series of snapshot.series) this.#open.set(series.symbol, series);
    this.#operator.evict();
    if (!restarts) return;
    const whole = { ...snapshot, series: [...this.#open.values()] };
    this.#operator = CandleOperator.fromSnapshot(whole, this.#options);
  }

  /** What was not published for its openness is now. */
  end(): void {
    this.ledger.take(this.#operator.publish(Number.POSITIVE_INFINITY));
  }

  #restore(keys: readonly string[]): void {
    for (const stored of this.#load(keys)) this.#operator.restore(stored);
  }

  #load(keys: readonly string[]) {
    return keys.flatMap((key) => {
      const fields = this.#stored.get(key);
      return fields ? [{ key, fields }] : [];
    });
  }
}

function isNew(names: Set<string>, name: string): boolean {
  const before = names.size;
  return names.add(name).size > before;
}

function nameOf({ symbol, id }: SimpleTrade): string {
  return `${symbol} ${id}`;
}

/** The trades and what becomes of them as events, and the trades that count in the end. */
function fated(trades: readonly SimpleTrade[], fates: readonly string[]) {
  const events: SimpleTrade[] = [];
  const surviving: SimpleTrade[] = [];
  for (const [index, trade] of trades.entries()) {
    events.push(trade);
    const corrected = { ...trade, id: trade.id + 1_000, price: trade.price + 7 };
    if (fates[index] !== 'stays') events.push({ ...trade, price: 0, size: 0, verdict: cancel });
    if (fates[index] === 'corrected') events.push(corrected);
    if (fates[index] === 'stays') surviving.push(trade);
    else if (fates[index] === 'corrected') surviving.push(corrected);
  }
  return { events, surviving };
}

function byKey([a]: readonly unknown[], [b]: readonly unknown[]): number {
  return String(a) < String(b) ? -1 : 1;
}

function decimal(value: bigint, scale: number): string {
  const digits = value.toString().padStart(scale + 1, '0');
  const text = `${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
  return text.replace(/\.?0+$/, '');
}

function oracle(trades: readonly SimpleTrade[]): Record<string, object> {
  const buckets = new Map<string, SimpleTrade[]>();
  for (const trade of trades) {
    for (const [index, interval] of intervals.entries()) {
      const length = intervalMicros[index] as number;
      const grid = trade.time - (trade.time % length);
      const start = formatTime(interval === '1d' ? dayStart(trade.symbol, trade.time) : grid);
      if (!ruleOf(trade, interval).includes('Y')) continue;
      const key = `${trade.symbol} trade ${interval} ${start}`;
      buckets.set(key, [...(buckets.get(key) ?? []), trade]);
    }
  }
  const candles = [...buckets].map(([key, members]) => {
    const [symbol, , interval, start] = key.split(' ');
    const may = (column: number): SimpleTrade[] =>
      members.filter((trade) => ruleOf(trade, interval as string)[column] === 'Y');
    const orAll = (some: SimpleTrade[]): SimpleTrade[] => (some.length > 0 ? some : members);
    const ordered = orAll(may(0)).toSorted(
      (a, b) => a.time - b.time || (a.id || 0) - (b.id || 0) || a.price - b.price,
    );
    const prices = orAll(may(1)).map((trade) => trade.price);
    const counted = may(2);
    const volume = counted.reduce((sum, trade) => sum + BigInt(trade.size), 0n);
    const notional = counted.reduce((sum, t) => sum + BigInt(t.price) * BigInt(t.size), 0n);
    const vwap = volume && (2n * notional * 10n ** 6n + volume) / (2n * volume);
    return [
      key,
      {
        symbol,
        price: 'trade',
        interval,
        start,
        open: decimal(BigInt(ordered[0]?.price ?? 0), 2),
        high: decimal(BigInt(Math.max(...prices)), 2),
        low: decimal(BigInt(Math.min(...prices)), 2),
        close: decimal(BigInt(ordered.at(-1)?.price ?? 0), 2),
        volume: decimal(volume, 3),
        notional: decimal(notional, 5),
        vwap: volume === 0n ? null : decimal(vwap, 8),
        trades: counted.length,
        priced: may(0).length,
      },
    ];
  });
  return Object.fromEntries(candles.sort(byKey));
}

function ruleOf({ conditions = '@' }: SimpleTrade, interval: string): string {
  return tapeC[conditions][interval === '1d' ? 'day' : 'within'];
}

const anyTrade = fc.record({
  symbol: fc.constantFrom('AAA', 'BBB', 'CCC'),
  time: fc
    .oneof(fc.integer({ min: 0, max: 20 * second }), fc.integer({ min: 0, max: 200_000 * second }))
    .map((offset) => day + offset),
  price: fc.oneof(fc.integer({ min: 1, max: 1_000 }), fc.integer({ min: 1, max: 2 ** 50 })),
  size: fc.oneof(fc.integer({ min: 1, max: 1_000 }), fc.integer({ min: 1, max: 2 ** 46 })),
  id: fc.integer({ min: 0, max: 40 }),
  conditions: fc.constantFrom(...Object.keys(tapeC)),
});

suite('candle operator', () => {
  test('any order and any batching of the same events gives the candles of the set', () => {
    const cases = fc.record({
      trades: fc.uniqueArray(anyTrade, {
        selector: ({ symbol, id }) => `${symbol} ${id}`,
        minLength: 1,
        maxLength: 60,
      }),
      /** Of each trade: whether it is cancelled, or corrected to another price. */
      fates: fc.array(fc.constantFrom('stays', 'stays', 'cancelled', 'corrected'), {
        minLength: 60,
        maxLength: 60,
      }),
      /** By event: when it comes, and when it comes again. */
      shuffle: fc.array(fc.nat(), { minLength: 370, maxLength: 370 }),
      /** Trades without an id: never repeats, and never cancelled. */
      nameless: fc.array(anyTrade, { maxLength: 10 }),
      cuts: fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 10 }),
      openEvery: fc.constantFrom(0, 3),
      checkpoints: fc.array(fc.constantFrom('none', 'kept', 'restored'), {
        minLength: 1,
        maxLength: 10,
      }),
    });
    fc.assert(
      fc.property(cases, (given) => {
        const { trades, fates, nameless, shuffle, cuts, openEvery, checkpoints } = given;
        const { events, surviving } = fated(trades, fates);
        const others = nameless.map((trade) => ({ ...trade, id: noId }));
        const twice = [...events, ...events, ...others];
        const arrived = twice
          .map((event, index) => ({ event, order: shuffle[index] as number }))
          .sort((a, b) => a.order - b.order)
          .map(({ event }) => event);
        const plant = new Plant({ allowedLateness: 2 * second, openEvery });
        for (let from = 0, n = 0; from < arrived.length; n++) {
          const to = from + (cuts[n % cuts.length] as number);
          plant.take(arrived.slice(from, to));
          const checkpoint = checkpoints[n % checkpoints.length];
          if (checkpoint !== 'none') plant.checkpoint(checkpoint === 'restored');
          from = to;
        }
        plant.end();
        assert.deepEqual(plant.ledger.figures(), oracle([...surviving, ...others]));
      }),
      { seed, numRuns: 10_000 },
    );
  });

  test('a cancel revises all that is closed, and takes an only trade’s candles away', () => {
    const plant = new Plant();
    const at = (seconds: number, id: number, price: number) => ({
      symbol: 'AAA',
      time: day + seconds * second,
      price,
      size: 10,
      id,
    });
    const high = at(5, 1, 900);
    plant.take([high, at(5, 2, 300), at(61, 3, 500)]);
    plant.take([at(4_000, 4, 400)]);
    plant.checkpoint(true);
    plant.take([
      { ...high, verdict: cancel },
      { ...at(61, 3, 0), verdict: cancel },
    ]);
    const told = ['1s', '1m', '5m', '1h', '1d'].flatMap((interval) =>
      plant.ledger.versions
        .filter((candle) => candle.interval === interval && candle.revision > 0)
        .map(({ start, state, high: top, volume, trades }) =>
          [interval, start.slice(11, 19), state, top, volume, trades].join(' '),
        ),
    );
    assert.deepEqual(told, [
      '1s 00:00:05 revised 3 0.01 1',
      '1s 00:01:01 revised 0 0 0',
      '1m 00:00:00 revised 3 0.01 1',
      '1m 00:01:00 revised 0 0 0',
      '5m 00:00:00 revised 3 0.01 1',
      '1h 00:00:00 revised 3 0.01 1',
    ]);
    // The day is still open, and already without them.
    plant.take([at(4_001, 5, 410)]);
    const open = plant.ledger.candles.get(`AAA trade 1d ${formatTime(dayStart('AAA', day))}`);
    assert.deepEqual([open?.state, open?.high, open?.trades], ['open', '4.1', 3]);
  });

  test('cancels do not widen what has to be read for the next one', () => {
    const operator = new CandleOperator(options);
    const one = (id: number) => ({ symbol: 'AAA', time: day, price: id, size: 1, id });
    operator.applyTrades(batchOf([one(1), one(2), one(3)]), 7);
    for (const [id, offset] of [
      [1, 900_000],
      [2, 1_800_000],
    ] as const) {
      const cancels = batchOf([{ ...one(id), verdict: cancel }]);
      operator.applyTrades(cancels, offset);
      const ranges = operator.cancelled(cancels).map((refold) => {
        return [refold.firstBatch, refold.lastBatch];
      });
      assert.deepEqual(ranges, [[7, 7]]);
    }
  });

  test('what is restored for a cancel leaves memory again', () => {
    const plant = new Plant();
    for (let n = 0; n < 500; n++) {
      plant.take([{ symbol: 'AAA', time: day + n * 60 * second, price: 1, size: 1, id: n }]);
      const time = day + (n >> 1) * 60 * second;
      if (n % 5 === 4) {
        plant.take([{ symbol: 'AAA', time, price: 0, size: 0, id: n >> 1, verdict: cancel }]);
      }
      plant.checkpoint(true);
      assert(plant.held < 16, `${plant.held} candles held`);
    }
  });

  test('Kraken trades give Kraken OHLC on every non-empty minute', (t) => {
    const folder = recordedData('crypto/kraken', t);
    if (!folder) return;
    const read = (name: string) => JSON.parse(readFileSync(`${folder}/${name}`, 'utf8')).result;
    const rows = read('http_trades.json').XBTUSDT as [string, string, number, ...unknown[]][];
    const columns = new TradeColumns();
    const instrument = columns.instrumentOf('XBTUSDT', 5, 8);
    const scaled = (text: string, scale: number): number => {
      const parsed = parseDecimal(text);
      assert(parsed);
      return parsed.value * powerOfTen(scale - parsed.scale);
    };
    for (const [price, size, time, , , , id] of rows) {
      const micros = Math.round(time * 1e6);
      const amounts = [scaled(price, 5), scaled(size, 8)] as const;
      columns.push(instrument, columns.tagOf('', '', ''), micros, micros, ...amounts, Number(id));
    }
    const operator = new CandleOperator(options);
    const ledger = new Ledger();
    operator.applyTrades(columns, 0);
    ledger.take(operator.publish(1));
    const first = (rows[0]?.[2] as number) + 60;
    const last = (rows.at(-1)?.[2] as number) - 60;
    let checked = 0;
    for (const [start, open, high, low, close, , volume, trades] of read('http_ohlc.json')
      .XBTUSDT) {
      if (trades === 0 || start < first - 60 || start > last) continue;
      const ours = ledger.candles.get(`XBTUSDT trade 1m ${formatTime(start * 1e6)}`);
      if (start < first) continue;
      const plain = (text: string) => text.replace(/\.?0+$/, '');
      const theirs = [open, high, low, close, volume].map(plain);
      assert.deepEqual(
        [ours?.open, ours?.high, ours?.low, ours?.close, ours?.volume, ours?.trades],
        [...theirs, trades],
      );
      checked++;
    }
    assert(checked >= 265, `only ${checked} minutes compared`);
  });

  test('a candle is open, then final at revision 0, then revised by each late trade', () => {
    const operator = new CandleOperator(options);
    const ledger = new Ledger();
    const at = (seconds: number, id: number) => ({
      symbol: 'AAA',
      time: day + seconds * second,
      price: 100,
      size: 1,
      id,
    });
    const steps: [number, number][] = [
      [10, 1],
      [63, 2],
      [20, 3],
      [30, 4],
    ];
    for (const [n, [seconds, id]] of steps.entries()) {
      operator.applyTrades(batchOf([at(seconds, id)]), 0);
      ledger.take(operator.publish(n));
    }
    const minute = ledger.versions
      .filter(({ interval, start }) => interval === '1m' && start === formatTime(day))
      .map(({ state, revision, trades }) => [state, revision, trades]);
    assert.deepEqual(minute, [
      ['open', 0, 1],
      ['final', 0, 1],
      ['revised', 1, 2],
      ['revised', 2, 3],
    ]);
  });

  test('a heartbeat closes the candles of a quiet instrument', () => {
    for (const [complete, end, state] of [
      [false, 60, 'open'],
      [false, 62, 'final'],
      [true, 60, 'final'],
    ] as const) {
      const operator = new CandleOperator(options);
      const ledger = new Ledger();
      operator.applyTrades(batchOf([{ symbol: 'AAA', time: day, price: 1, size: 1, id: 1 }]), 0);
      ledger.take(operator.publish(0));
      const eventTime = day + end * second;
      const beat = { source: 'x', symbols: ['AAA', 'ZZZ'], eventTime, receiveTime: 0, complete };
      operator.applyHeartbeat(beat);
      ledger.take(operator.publish(1));
      assert.equal(ledger.candles.get(`AAA trade 1m ${formatTime(day)}`)?.state, state);
    }
  });

  test('a day that has begun keeps its start when its symbol gets another calendar', () => {
    const operator = new CandleOperator(options);
    const ledger = new Ledger();
    for (const [id, hours] of [12, 13, 36].entries()) {
      const time = day + hours * 3_600 * second;
      const batch = batchOf([{ symbol: 'AAA', time, price: 1, size: 1, id }]);
      batch.instruments[0].calendar = id === 0 ? '24/7' : 'XNYS';
      operator.applyTrades(batch, id);
      ledger.take(operator.publish(id));
    }
    const days = [...ledger.candles.values()].filter(({ interval }) => interval === '1d');
    assert.deepEqual(
      days.map(({ start, trades }) => [start, trades]),
      [
        ['2024-11-02T00:00:00Z', 2],
        ['2024-11-03T04:00:00Z', 1],
      ],
    );
  });

  test('what a recording leaves open is published at its end, however soon that is', () => {
    const operator = new CandleOperator({ ...options, openEvery: 3_600 * second });
    const ledger = new Ledger();
    const trade = { symbol: 'AAA', time: day + second, price: 100, size: 1, id: 1 };
    for (const next of [trade, { ...trade, time: day, id: 2 }]) {
      operator.applyTrades(batchOf([next]), next.id);
      ledger.take(operator.publish(day));
    }
    const known = () =>
      ledger.candles.get(`AAA trade 1d ${formatTime(dayStart('AAA', day))}`)?.trades;
    assert.equal(known(), 1);
    const end = { source: 'x', symbols: ['AAA'], eventTime: day + second, receiveTime: day };
    operator.applyHeartbeat({ ...end, complete: true });
    ledger.take(operator.publish(day));
    assert.equal(known(), 2);
  });

  test('finer decimals that come later change the scale of a candle, not its amounts', () => {
    const operator = new CandleOperator(options);
    const ledger = new Ledger();
    const trade = { symbol: 'AAA', time: day, price: 12_345, size: 1_500, id: 1 };
    operator.applyTrades(batchOf([trade], 2, 3), 0);
    operator.applyTrades(batchOf([{ ...trade, price: 1_234_567, size: 5, id: 2 }], 4, 6), 0);
    operator.applyTrades(batchOf([{ ...trade, price: 123, size: 2, id: 3 }], 0, 0), 0);
    ledger.take(operator.publish(1));
    const { open, high, low, close, volume, notional } = ledger.candles.get(
      `AAA trade 1h ${formatTime(day)}`,
    ) as Candle;
    assert.deepEqual(
      { open, high, low, close, volume, notional },
      {
        open: '123.45',
        high: '123.4567',
        low: '123',
        close: '123',
        volume: '3.500005',
        notional: '431.1756172835',
      },
    );
  });

  test('quotes make bid, ask and mid candles, and an absent side moves nothing', () => {
    const columns = new QuoteColumns();
    const instrument = columns.instrumentOf('EURUSD', 5, 0);
    const quote = (seconds: number, bid: number, ask: number) =>
      columns.push(instrument, day + seconds * second, day, bid, 1, ask, 1, seconds);
    quote(1, 138_676, 138_687);
    quote(2, 0, 138_690);
    quote(3, 138_670, 138_681);
    const operator = new CandleOperator(options);
    const ledger = new Ledger();
    operator.applyQuotes(columns);
    ledger.take(operator.publish(1));
    const minute = (price: string) => {
      const candle = ledger.candles.get(`EURUSD ${price} 1m ${formatTime(day)}`) as Candle;
      return [candle.open, candle.high, candle.low, candle.close, candle.trades, candle.vwap];
    };
    assert.deepEqual(minute('bid'), ['1.38676', '1.38676', '1.3867', '1.3867', 2, null]);
    assert.deepEqual(minute('ask'), ['1.38687', '1.3869', '1.38681', '1.38681', 3, null]);
    assert.deepEqual(minute('mid'), ['1.386815', '1.386815', '1.386755', '1.386755', 2, null]);
  });

  test('finer decimals of a trade that moves nothing are kept by the next checkpoint', () => {
    const operator = new CandleOperator(options);
    const trade = { symbol: 'AAA', time: day, price: 1, size: 1, id: 1 };
    operator.applyTrades(batchOf([trade]), 0);
    operator.publish(1);
    operator.evict();
    operator.applyTrades(batchOf([{ ...trade, conditions: 'M' }], 4, 6), 0);
    const restored = CandleOperator.fromSnapshot(operator.snapshot(), options);
    restored.applyTrades(batchOf([{ ...trade, id: 2 }]), 0);
    const scales = { symbol: 'AAA', priceScale: 4, sizeScale: 6, calendar: 'XNYS' };
    assert.deepEqual(restored.publish(2)?.symbols, [scales]);
  });

  test('a series that damage took from a checkpoint leaves the clocks of the others', () => {
    const operator = new CandleOperator(options);
    const trade = { symbol: 'BBB', time: day + 10 * second, price: 1, size: 1, id: 1 };
    const others = ['AAA', 'CCC'].map((symbol) => ({ ...trade, symbol, time: day + 99 * second }));
    operator.applyTrades(batchOf([others[0], trade, others[1]]), 0);
    operator.publish(1);
    const { series, ...rest } = operator.snapshot();
    const stored = new Map(series.map((one) => [one.symbol, one]));
    stored.delete('AAA');
    const damaged = { ...rest, series: [...stored.values()] };
    const snapshot = CandleOperator.fromSnapshot(damaged, options).snapshot();
    for (const one of snapshot.series) stored.set(one.symbol, one);
    const mended = { ...snapshot, series: [...stored.values()] };
    const restored = CandleOperator.fromSnapshot(mended, options);
    restored.applyTrades(batchOf([{ ...trade, id: 2 }]), 0);
    const ledger = new Ledger();
    ledger.take(restored.publish(2));
    const states = ledger.versions.map(({ state, trades }) => [state, trades]);
    assert.deepEqual(
      states,
      Array.from({ length: 7 }, () => ['open', 2]),
    );
  });

  test('closed candles that a late trade brought back in vain leave memory too', () => {
    const operator = new CandleOperator(options);
    const trade = { symbol: 'AAA', time: day, price: 1, size: 1, id: 1 };
    operator.applyTrades(batchOf([trade, { ...trade, time: day + 100 * second, id: 2 }]), 0);
    operator.publish(1);
    const stored = new Map<string, Float64Array>();
    operator.eachUnsaved((prefix, bucket, data, from) => {
      stored.set(prefix + bucket, data.slice(from, from + closedFields));
    });
    const [[key, fields]] = [...stored] as [[string, Float64Array]];
    operator.evict();
    const { held } = operator;
    const nothing = batchOf([{ ...trade, conditions: 'M', id: 3 }]);
    assert(operator.missing(nothing, ['trade']).includes(key));
    operator.restore({ key, fields });
    operator.applyTrades(nothing, 0);
    assert.equal(operator.publish(2), null);
    operator.evict();
    assert.equal(operator.held, held);
  });

  test('closed candles leave memory at a checkpoint', () => {
    const operator = new CandleOperator(options);
    for (let minute = 0; minute < 500; minute++) {
      const time = day + minute * 60 * second;
      operator.applyTrades(batchOf([{ symbol: 'AAA', time, price: 1, size: 1, id: minute }]), 0);
      operator.publish(minute);
      operator.evict();
      assert(operator.held < 16, `${operator.held} candles held`);
    }
  });
});
