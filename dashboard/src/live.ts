// The live side, behind one function: what is subscribed to comes as callbacks, through breaks of
// the connection, until it is ended. It runs on the ready-made streams, a socket for each symbol,
// and asks for the summary each second; nobody else here knows that.

import {
  api,
  type IndicatedCandle,
  type Interval,
  ProblemError,
  type Quote,
  type Signal,
  type Summary,
  type Trade,
} from './api.ts';
import { link } from './connection.ts';
import { Socket } from './socket.ts';

interface Values {
  readonly trades: Trade;
  readonly quotes: Quote;
  readonly candles: IndicatedCandle;
  readonly alerts: Signal;
  /** The day of a symbol that has changed. */
  readonly summary: Summary;
}

export type Wanted =
  | { readonly stream: 'trades' | 'quotes'; readonly symbols: readonly string[] }
  | {
      readonly stream: 'candles';
      readonly symbols: readonly string[];
      readonly interval: Interval;
      readonly indicators?: readonly string[];
    }
  /** Of all symbols. */
  | { readonly stream: 'alerts' | 'summary' };

export interface Listener<Value> {
  next(value: Value): void;
  /**
   * What came before is not known here: at the beginning, and after a hole that cannot be filled.
   * Whoever needs it asks for it now; no later value is missed meanwhile.
   */
  begin?(): void;
  /** Why there is nothing, while that is so. */
  problem?(problem: ProblemError | null): void;
}

/** Subscribes until the answer is called. */
export function subscribe<W extends Wanted>(
  wanted: W,
  listener: Listener<Values[W['stream']]>,
): () => void {
  if (wanted.stream === 'summary') return pollSummary(listener as Listener<Summary>);
  const sockets = pathsOf(wanted).map((path) => follow(path, wanted.stream !== 'alerts', listener));
  return () => {
    for (const socket of sockets) socket.close();
  };
}

function pathsOf(wanted: Wanted): readonly string[] {
  if (!('symbols' in wanted)) return [`/ws/${wanted.stream}`];
  const query = new URLSearchParams();
  if (wanted.stream === 'candles') {
    query.set('interval', wanted.interval);
    if (wanted.indicators?.length) query.set('indicators', wanted.indicators.join(';'));
  }
  const tail = query.size > 0 ? `?${query}` : '';
  return wanted.symbols.map((one) => `/ws/${wanted.stream}/${encodeURIComponent(one)}${tail}`);
}

type Message<Value> =
  | { readonly type: 'hello'; readonly snapshot: Value | null }
  | { readonly type: 'gap' }
  | { readonly type: 'mark' }
  | (Value & { readonly type: 'trade' | 'quote' | 'candle' | 'alert' });

function follow<Value>(
  path: string,
  flows: boolean,
  listener: Listener<Value>,
): Socket<Message<Value>> {
  return new Socket(path, flows, (message) => {
    switch (message.type) {
      case 'hello':
        listener.begin?.();
        if (message.snapshot) listener.next(message.snapshot);
        break;
      case 'gap':
        listener.begin?.();
        break;
      case 'mark': // an interval is over: nothing that is shown here
        break;
      case 'trade':
      case 'quote':
      case 'candle':
      case 'alert':
        listener.next(message);
    }
  });
}

const pollMs = 1_000;

function pollSummary(listener: Listener<Summary>): () => void {
  const stopped = new AbortController();
  const connection = link(true);
  const known = new Map<string, string>();
  const take = (summaries: readonly Summary[]): void => {
    connection.heard('');
    for (const summary of summaries) {
      const text = JSON.stringify(summary);
      const before = known.get(summary.symbol);
      if (before === text) continue;
      known.set(summary.symbol, text);
      connection.heard(before === undefined ? (summary.time ?? '') : undefined);
      listener.next(summary);
    }
  };
  const ask = async (): Promise<void> => {
    try {
      if (!document.hidden) take(await api.summaries(stopped.signal));
      listener.problem?.(null);
    } catch (error) {
      if (stopped.signal.aborted || !(error instanceof ProblemError)) return;
      connection.lost();
      listener.problem?.(error);
    }
    if (!stopped.signal.aborted) setTimeout(() => void ask(), pollMs);
  };
  void ask();
  return () => {
    stopped.abort();
    connection.remove();
  };
}
