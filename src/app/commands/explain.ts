// `tapeline explain`: why a stored candle or signal is what it is, with or without a running
// instance.

import type { CandleExplanation, SignalExplanation } from '../../contracts/explanation.ts';
import { alwaysOpenCalendar } from '../../contracts/instrument.ts';
import { type CandleToExplain, explainCandle } from '../../gateway/explain.ts';
import { explainSignal, unknownSignal } from '../../gateway/explain-signal.ts';
import type { Config } from '../config.ts';
import { openLogger } from '../logger.ts';
import { table } from '../table.ts';
import { borrowDatabase, type OpenHistory, openHistory } from '../wire.ts';

type Format = 'table' | 'json';

export async function explainACandle(
  config: Config,
  asked: Omit<CandleToExplain, 'calendar'>,
  format: Format,
): Promise<void> {
  await answer(config, format, describeCandle, async (history) => {
    return await explainCandle(history, {
      ...asked,
      calendar: await calendarOf(history, asked.symbol),
    });
  });
}

export async function explainASignal(config: Config, id: string, format: Format): Promise<void> {
  await answer(config, format, describeSignal, async (history) => {
    const signal = await history.signal(id);
    if (!signal) throw unknownSignal(id);
    return await explainSignal(history, signal, await calendarOf(history, signal.symbol));
  });
}

async function calendarOf(history: OpenHistory, symbol: string): Promise<string> {
  const instruments = await history.instruments();
  return instruments.find((one) => one.symbol === symbol)?.calendar ?? alwaysOpenCalendar;
}

async function answer<Explanation>(
  config: Config,
  format: Format,
  describe: (explanation: Explanation) => Iterable<string>,
  explain: (history: OpenHistory) => Promise<Explanation>,
): Promise<void> {
  const logger = openLogger(config.logLevel, 'stderr');
  const database = await borrowDatabase(config, 'explain', logger);
  const history = await openHistory(database.connection);
  try {
    const explanation = await explain(history);
    const text =
      format === 'json'
        ? JSON.stringify(explanation, null, 2)
        : Array.from(describe(explanation)).join('\n');
    process.stdout.write(`${text}\n`);
  } finally {
    await history.close();
    await database.stop();
  }
}

const prices = ['open', 'high', 'low', 'close'] as const;
const figures = ['volume', 'notional', 'vwap', 'trades', 'priced'] as const;

function* describeCandle(told: CandleExplanation): Generator<string> {
  const { symbol, price, interval, start, end, stored, recomputed, made, counts } = told;
  yield `${symbol} ${interval} of ${price} prices, ${start} to ${end}`;
  yield '';
  const cell = (value: string | number | null | undefined): string => String(value ?? '-');
  yield* table(
    ['', 'stored', 'recomputed', 'made by'],
    [
      ...prices.map((name) => {
        const trade = made[name];
        const by = trade ? `the trade at ${trade.time}, offset ${trade.position.offset}` : '';
        return [name, cell(stored?.[name]), cell(recomputed?.[name]), by];
      }),
      ...figures.map((name) => [name, cell(stored?.[name]), cell(recomputed?.[name]), '']),
    ],
  );
  const state = stored ? `${stored.state}, revision ${stored.revision}` : 'not stored';
  const fields = told.differences.map(({ field }) => field).join(', ');
  const verdict = told.matches === null ? 'cannot be said' : told.matches ? 'yes' : `no: ${fields}`;
  yield '';
  yield `state    ${state}`;
  yield `matches  ${verdict}`;
  for (const note of told.notes) yield `note     ${note}`;
  yield '';
  yield `${counts.trades} trades, ${counts.late} of them late: ${counts.openClose} may move open ` +
    `and close, ${counts.highLow} high and low, ${counts.volume} the volume`;
  if (told.trades.length > 0) yield* describeTrades(told);
}

function* describeTrades({ trades, counts, next }: CandleExplanation): Generator<string> {
  const epochs = new Set(trades.map(({ position }) => position.epoch));
  yield `places in the log are of epoch ${[...epochs].join(' and ')}, topic market.trades`;
  yield '';
  yield* table(
    ['time', 'offset', 'delay ms', 'price', 'size', 'venue', 'verdict', 'moves', 'made', 'rule'],
    trades.map((trade) => [
      trade.time,
      (epochs.size > 1 ? `${trade.position.epoch}:` : '') + trade.position.offset,
      String(trade.delayMicros / 1_000),
      trade.price,
      trade.size,
      trade.venue,
      trade.isRepeat ? 'a repeat' : trade.verdict,
      describeMoves(trade.moves),
      trade.made.join(' '),
      trade.rules.map(({ code, meaning }) => `${code}: ${meaning}`).join('; ') || 'everything',
    ]),
  );
  if (next === null) return;
  yield `${trades.length} of ${counts.trades} trades; for those that follow add --cursor ${next}`;
}

/** As the tape's rules are written: open and close, high and low, volume. */
function describeMoves({ openClose, highLow, volume }: Record<string, boolean>): string {
  const names = [openClose ? 'OC' : '--', highLow ? 'HL' : '--', volume ? 'V' : '-'];
  return names.join(' ');
}

function* describeSignal(told: SignalExplanation): Generator<string> {
  const { signal, definition, parameters, candles, notes } = told;
  const list = (of: Readonly<Record<string, unknown>>): string =>
    Object.entries(of)
      .map(([name, value]) => `${name} ${String(value)}`)
      .join(', ');
  yield signal.text;
  yield '';
  yield `kind        ${signal.kind}, ${signal.severity}`;
  yield `window      ${signal.start}, complete at ${signal.time}`;
  yield `state       ${signal.state}, revision ${signal.revision}`;
  yield `found       ${list(signal.values)}`;
  yield `definition  ${definition}`;
  yield `parameters  ${list(parameters)}`;
  for (const note of notes) yield `note        ${note}`;
  if (candles.length === 0) return;
  yield '';
  yield* table(
    ['candle', 'price', 'open', 'high', 'low', 'close', 'volume', 'revision', 'role'],
    candles.map(({ role, candle }) => [
      `${candle.symbol} ${candle.interval} ${candle.start}`,
      candle.price,
      candle.open,
      candle.high,
      candle.low,
      candle.close,
      candle.volume,
      String(candle.revision),
      role,
    ]),
  );
  yield '';
  for (const { print } of candles) {
    if (!print) continue;
    const { time, price, size, venue, conditions, position } = print;
    yield `print       ${size} at ${price}, ${time}, venue ${venue || '-'}, conditions ` +
      `${conditions || '-'}, offset ${position.offset}`;
  }
  yield 'Each of them: tapeline explain candle SYMBOL INTERVAL START [--price bid|ask]';
}
