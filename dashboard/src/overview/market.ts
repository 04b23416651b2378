// The day of every symbol as it is now: what arrives is kept at once, and told at most once per
// frame, to those who show it. It holds one value for each symbol, however long it runs.

import { useSyncExternalStore } from 'react';
import type { ProblemError, Summary } from '../api.ts';
import { change, type Direction } from '../decimal.ts';
import { onNextFrame } from '../frame.ts';
import { subscribe } from '../live.ts';

export interface Day extends Summary {
  /** Where the last price went from the one before; flat at first. */
  readonly tick: Direction;
}

export class Market {
  readonly #days = new Map<string, Day>();
  readonly #listeners = new Map<string, Set<() => void>>();
  readonly #changed = new Set<string>();
  readonly #troubleListeners = new Set<() => void>();
  #problem: ProblemError | null = null;

  /** Follows the market until the answer is called. */
  run(): () => void {
    return subscribe(
      { stream: 'summary' },
      {
        next: (summary) => this.#take(summary),
        problem: (problem) => {
          if (problem === this.#problem) return;
          this.#problem = problem;
          for (const listener of this.#troubleListeners) listener();
        },
      },
    );
  }

  get(symbol: string): Day | undefined {
    return this.#days.get(symbol);
  }

  get problem(): ProblemError | null {
    return this.#problem;
  }

  readonly listen = (symbol: string, listener: () => void): (() => void) => {
    const listeners = this.#listeners.get(symbol) ?? new Set();
    this.#listeners.set(symbol, listeners.add(listener));
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0) this.#listeners.delete(symbol);
    };
  };

  readonly listenToTrouble = (listener: () => void): (() => void) => {
    this.#troubleListeners.add(listener);
    return () => this.#troubleListeners.delete(listener);
  };

  #take(summary: Summary): void {
    const before = this.#days.get(summary.symbol)?.last ?? null;
    const tick =
      before === null || summary.last === null ? 'flat' : change(summary.last, before).direction;
    this.#days.set(summary.symbol, { ...summary, tick });
    this.#changed.add(summary.symbol);
    onNextFrame(this.#tell);
  }

  readonly #tell = (): void => {
    const changed = [...this.#changed];
    this.#changed.clear();
    for (const symbol of changed) {
      for (const listener of this.#listeners.get(symbol) ?? []) listener();
    }
  };
}

export function useDay(market: Market, symbol: string): Day | undefined {
  return useSyncExternalStore(
    (listener) => market.listen(symbol, listener),
    () => market.get(symbol),
  );
}

export function useTrouble(market: Market): ProblemError | null {
  return useSyncExternalStore(market.listenToTrouble, () => market.problem);
}
