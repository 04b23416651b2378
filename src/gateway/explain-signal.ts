// Why a signal was raised: its definition, the figures it compares with, and the candles that the
// definition reads, as they are stored now. Of a print also the trade that made it.

import { micros } from '../base/clock.ts';
import { Failure } from '../base/failure.ts';
import type { ExplainedTrade, SignalExplanation } from '../contracts/explanation.ts';
import { parseTime } from '../contracts/time.ts';
import type { Signal } from '../contracts/wire-objects.ts';
import { signalDefinitions } from '../engine/signals/definitions.ts';
import type { Exhibit } from '../engine/signals/evidence.ts';
import type { History } from '../store/history.ts';
import { explainCandle } from './explain.ts';

type Sources = Pick<History, 'candles' | 'placedTrades'>;

/** `calendar` is that of the symbol. Rejects with Failure 'limit-exceeded'. */
export async function explainSignal(
  history: Sources,
  signal: Signal,
  calendar: string,
): Promise<SignalExplanation> {
  const { text, parameters } = signalDefinitions[signal.kind];
  const candles: SignalExplanation['candles'] = [];
  for (const { role, candle, print } of await exhibitsOf(history, signal, calendar)) {
    const { symbol, interval, price, start } = candle;
    const explain = `/api/v1/explain/candle/${symbol}/${interval}/${start}`;
    candles.push({
      role,
      candle,
      explain: price === 'trade' ? explain : `${explain}?price=${price}`,
      print: print ? await printOf(history, { role, candle, print }, calendar) : null,
    });
  }
  return {
    signal,
    definition: text,
    parameters,
    candles,
    notes: [...notesOn(signal, candles.length)],
  };
}

/** Reads what the definition asks for, one after the other. */
async function exhibitsOf(
  history: Sources,
  signal: Signal,
  calendar: string,
): Promise<readonly Exhibit[]> {
  const [start, time] = [parseTime(signal.start) ?? 0, parseTime(signal.time) ?? 0];
  const { evidence } = signalDefinitions[signal.kind];
  const reading = evidence({ signal, start, time, calendar });
  let step = reading.next();
  while (!step.done) {
    const { from, to, ...asked } = step.value;
    const span = { from: micros(from), to: micros(to) };
    step = reading.next(await history.candles(signal.symbol, { ...asked, ...span }));
  }
  return step.value;
}

/** Null where its trades are not stored. */
async function printOf(
  history: Sources,
  { candle, print }: Exhibit,
  calendar: string,
): Promise<ExplainedTrade | null> {
  const { made } = await explainCandle(history, { ...candle, calendar, limit: 1 });
  return print ? made[print] : null;
}

export function unknownSignal(id: string): Failure {
  const what = `There is no signal "${id}".`;
  return new Failure('not-found', what, 'See /api/v1/alerts for the signals there are.');
}

function* notesOn({ state, revision }: Signal, candles: number): Generator<string> {
  if (state === 'retracted') {
    yield 'It was retracted: a late trade or a correction has changed its candles since it was ' +
      'raised, and the definition no longer holds.';
  } else if (revision > 0) {
    yield `Its figures have changed ${revision} times since it was raised, with its candles.`;
  }
  if (candles === 0) yield 'None of its candles is stored any more.';
}
