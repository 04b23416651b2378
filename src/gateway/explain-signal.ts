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
  const { text, parameters, interval, candlesMax, lookback, newest, others } = definition;
  const to = parseTime(signal.time) ?? micros(0);
  const found = await history.candles(signal.symbol, {
    interval,
    price: 'trade',
    limit: candlesMax,
    to,
    ...(lookback === Number.POSITIVE_INFINITY ? {} : { from: micros(to - lookback) }),
  });
  return {
    signal,
    definition: text,
    parameters,
    candles: found.map((candle, index) => ({
      role: index === found.length - 1 ? newest : others,
      candle,
      explain: `/api/v1/explain/candle/${candle.symbol}/${interval}/${candle.start}`,
    })),
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
