// What is traded. An instrument is known by its symbol; the first source that defines a symbol
// owns its definition.

import { type Static, Type } from 'typebox';

export const instrumentSchema = Type.Object(
  {
    symbol: Type.String({ minLength: 1, maxLength: 32, description: 'Unique, upper case' }),
    name: Type.String(),
    exchange: Type.String({ description: 'Market identifier or venue; empty when unknown' }),
    currency: Type.String({ description: 'ISO 4217 code or crypto ticker; empty when unknown' }),
    assetClass: Type.Union([
      Type.Literal('equity'),
      Type.Literal('crypto'),
      Type.Literal('fx'),
      Type.Literal('unknown'),
    ]),
    priceIncrement: Type.Union([Type.String(), Type.Null()], {
      description: 'Smallest price step as a decimal; null when the source does not say',
    }),
    sizeIncrement: Type.Union([Type.String(), Type.Null()], {
      description: 'Smallest size step as a decimal; null when the source does not say',
    }),
    source: Type.String({ description: 'The feed that defined it' }),
  },
  { $id: 'Instrument' },
);

export type Instrument = Static<typeof instrumentSchema>;

/** What every batch says of an instrument that it holds records of. */
export interface BatchInstrument {
  readonly symbol: string;
  /** Digits after the point of the prices of this batch. */
  priceScale: number;
  /** Digits after the point of the sizes of this batch. */
  sizeScale: number;
  /**
   * Sequence of this instrument's first record in the batch; gap-free per instrument and stream.
   */
  sequence: number;
}

const symbolPattern = /^[A-Z0-9][A-Z0-9.:_^=-]{0,31}$/;

export function isSymbol(text: string): boolean {
  return symbolPattern.test(text);
}
