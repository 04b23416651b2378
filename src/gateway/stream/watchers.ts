// Who watches which symbol. A key tells apart what a stream has of one symbol: of candles their
// price kind and interval, of alerts their severity.

interface OfKey<Watcher> {
  readonly bySymbol: Map<string, Set<Watcher>>;
  /** Of every symbol. */
  readonly ofAll: Set<Watcher>;
}

export class Watchers<Watcher> {
  readonly #byKey: OfKey<Watcher>[] = [];

  /** `symbols` null is every symbol, those that come later too. Answers how to end it. */
  add(symbols: readonly string[] | null, keys: readonly number[], watcher: Watcher): () => void {
    for (const key of keys) {
      this.#byKey[key] ??= { bySymbol: new Map(), ofAll: new Set() };
      const { bySymbol, ofAll } = this.#byKey[key];
      if (symbols === null) ofAll.add(watcher);
      for (const symbol of symbols ?? []) {
        bySymbol.getOrInsertComputed(symbol, () => new Set()).add(watcher);
      }
    }
    return () => {
      for (const key of keys) this.#remove(symbols, key, watcher);
    };
  }

  /** Those of this symbol, and those of every symbol. */
  of(symbol: string, key: number): readonly ReadonlySet<Watcher>[] {
    const ofKey = this.#byKey[key];
    if (!ofKey) return [];
    const watchers = ofKey.bySymbol.get(symbol);
    return watchers ? [watchers, ofKey.ofAll] : [ofKey.ofAll];
  }

  #remove(symbols: readonly string[] | null, key: number, watcher: Watcher): void {
    const { bySymbol, ofAll } = this.#byKey[key];
    ofAll.delete(watcher);
    for (const symbol of symbols ?? []) {
      const watchers = bySymbol.get(symbol);
      watchers?.delete(watcher);
      if (watchers?.size === 0) bySymbol.delete(symbol);
    }
  }
}
