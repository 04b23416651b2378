// What the log knows of each instrument. The first source to define a symbol owns it; of its files
// the one that does not even know the kind of instrument cannot undo what another knew.

import type { Instrument } from '../contracts/wire-objects.ts';
import type { Log, StateWrite } from '../log/log.ts';

export class Definitions {
  readonly #log: Log;
  /** Null while the log knows nothing of a symbol. */
  readonly #known = new Map<string, Instrument | null>();

  constructor(log: Log) {
    this.#log = log;
  }

  async of(symbol: string): Promise<Instrument | null> {
    let known = this.#known.get(symbol);
    if (known === undefined) {
      const stored = await this.#log.state(keyOf(symbol));
      known = stored ? (JSON.parse(Buffer.from(stored).toString()) as Instrument) : null;
      this.#known.set(symbol, known);
    }
    return known;
  }

  /** Those among the instruments that say something new, which `state` remembers. */
  async learn(instruments: readonly Instrument[], state: StateWrite[]): Promise<Instrument[]> {
    const fresh: Instrument[] = [];
    for (const instrument of instruments) {
      const known = await this.of(instrument.symbol);
      if (known && known.source !== instrument.source) continue;
      if (known && instrument.assetClass === 'unknown' && known.assetClass !== 'unknown') continue;
      const text = JSON.stringify(instrument);
      if (JSON.stringify(known) === text) continue;
      this.#known.set(instrument.symbol, instrument);
      state.push({ key: keyOf(instrument.symbol), value: Buffer.from(text) });
      fresh.push(instrument);
    }
    return fresh;
  }

  /** What was learnt is not in the log after all: everything is read again from there. */
  forget(): void {
    this.#known.clear();
  }
}

function keyOf(symbol: string): string {
  return `ingest instrument ${symbol}`;
}
