// Why a signal was raised: its definition, the figures it compares with, and the candles it rests
// on.

import { micros } from '../base/clock.ts';
import { Failure } from '../base/failure.ts';
import type { SignalExplanation } from '../contracts/explanation.ts';
import { parseTime } from '../contracts/time.ts';
import type { Signal } from '../contracts/wire-objects.ts';
import { signalDefinitions } from '../engine/signals/definitions.ts';
import type { History } from '../store/history.ts';

export async function explainSignal(
  history: Pick<History, 'candles'>,
  signal: Signal,
): Promise<SignalExplanation> {
  const definition = signalDefinitions[signal.kind];
  const { text, parameters, interval, lookback, newest, others } = definition;
  const to = parseTime(signal.time) ?? micros(0);
  const from = lookback === Number.POSITIVE_INFINITY ? {} : { from: micros(to - lookback) };
  const found: SignalExplanation['candles'] = [];
  for (const price of definition.prices) {
    const asked = { interval, price, limit: definition.candlesMax, to, ...from };
    const candles = await history.candles(signal.symbol, asked);
    for (const [index, candle] of candles.entries()) {
      const explain = `/api/v1/explain/candle/${candle.symbol}/${interval}/${candle.start}`;
      found.push({
        role: index === candles.length - 1 ? newest : others,
        candle,
        explain: price === 'trade' ? explain : `${explain}?price=${price}`,
      });
    }
  }
  return {
    signal,
    definition: text,
    parameters,
    candles: found,
    notes: [...notesOn(signal, found.length)],
  };
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
