// The newest versions of the signals at the log's end, which the store may not have yet.

import type { Severity } from '../../contracts/signal.ts';
import type { Signal } from '../../contracts/wire-objects.ts';

export interface SignalFilter {
  /** Absent for any. */
  readonly symbols?: ReadonlySet<string>;
  readonly severity?: Severity;
}

export class RecentSignals {
  readonly #max: number;
  readonly #byId = new Map<string, Signal>();

  constructor(max: number) {
    this.#max = max;
  }

  put(signal: Signal): void {
    this.#byId.delete(signal.id);
    this.#byId.set(signal.id, signal);
    if (this.#byId.size > this.#max) this.#byId.delete(this.#byId.keys().next().value as string);
  }

  get(id: string): Signal | undefined {
    return this.#byId.get(id);
  }

  /** Newest first by (time, id), together with those that the store gave. */
  with(stored: readonly Signal[], filter: SignalFilter, limit: number): Signal[] {
    const byId = new Map(stored.map((signal) => [signal.id, signal]));
    for (const signal of this.#byId.values()) {
      const known = byId.get(signal.id);
      if (!isWanted(signal, filter)) byId.delete(signal.id);
      else if (!known || known.revision <= signal.revision) byId.set(signal.id, signal);
    }
    return [...byId.values()].sort(newestFirst).slice(0, limit);
  }
}

function isWanted({ symbol, severity }: Signal, filter: SignalFilter): boolean {
  return (
    (filter.symbols?.has(symbol) ?? true) &&
    (filter.severity === undefined || filter.severity === severity)
  );
}

function newestFirst(a: Signal, b: Signal): number {
  const [at, bt] = [Date.parse(a.time), Date.parse(b.time)];
  if (at !== bt) return bt - at;
  return a.id < b.id ? -1 : 1;
}
