// One value that moves: set as often as it likes, shown at most once per frame.

import { useSyncExternalStore } from 'react';
import { onNextFrame } from './frame.ts';

export class Cell<Value> {
  #newest: Value;
  #shown: Value;
  readonly #listeners = new Set<() => void>();

  constructor(first: Value) {
    this.#newest = first;
    this.#shown = first;
  }

  get newest(): Value {
    return this.#newest;
  }

  set(value: Value): void {
    this.#newest = value;
    onNextFrame(this.#show);
  }

  readonly shown = (): Value => this.#shown;

  readonly listen = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  readonly #show = (): void => {
    if (this.#shown === this.#newest) return;
    this.#shown = this.#newest;
    for (const listener of this.#listeners) listener();
  };
}

export function useCell<Value>(cell: Cell<Value>): Value {
  return useSyncExternalStore(cell.listen, cell.shown);
}
