// What the simulator trades: ten well-known shares with their names, exchanges, rounded prices and
// ways of moving, and a plausible listing for any other symbol. The symbol alone decides, so a
// symbol is the same share in every run.

import { prng } from '../../base/prng.ts';
import { alwaysOpenCalendar } from '../../contracts/instrument.ts';
import type { Instrument } from '../../contracts/wire-objects.ts';

export interface Listing {
  readonly symbol: string;
  readonly name: string;
  /** Market identifier code, ISO 10383. */
  readonly exchange: string;
  /** Price at the start of a run, in dollars. */
  readonly price: number;
  /** Expected growth of the price per trading year; 0.08 is 8 %. */
  readonly drift: number;
  /** Standard deviation of the log price over a trading year; 0.3 is 30 %. */
  readonly volatility: number;
  /** Correlation of its moves with the market's, 0 to 1. */
  readonly loading: number;
  /** Usual distance from bid to ask, in ticks of a cent. */
  readonly spreadTicks: number;
  /** Its share of all trades, relative to the other listings. */
  readonly weight: number;
}

type Row = readonly [
  symbol: string,
  name: string,
  exchange: string,
  price: number,
  drift: number,
  volatility: number,
  loading: number,
  spreadTicks: number,
  weight: number,
];

const rows: readonly Row[] = [
  ['AAPL', 'Apple Inc.', 'XNAS', 275, 0.09, 0.28, 0.75, 1, 14],
  ['GOOGL', 'Alphabet Inc. Class A', 'XNAS', 320, 0.1, 0.31, 0.7, 2, 9],
  ['MSFT', 'Microsoft Corporation', 'XNAS', 480, 0.09, 0.25, 0.75, 3, 9],
  ['AMZN', 'Amazon.com, Inc.', 'XNAS', 230, 0.1, 0.32, 0.7, 1, 11],
  ['META', 'Meta Platforms, Inc. Class A', 'XNAS', 650, 0.1, 0.36, 0.65, 6, 7],
  ['NVDA', 'NVIDIA Corporation', 'XNAS', 185, 0.14, 0.45, 0.7, 1, 22],
  ['TSLA', 'Tesla, Inc.', 'XNAS', 430, 0.1, 0.58, 0.55, 4, 16],
  ['JPM', 'JPMorgan Chase & Co.', 'XNYS', 310, 0.07, 0.24, 0.65, 3, 5],
  ['V', 'Visa Inc. Class A', 'XNYS', 335, 0.07, 0.22, 0.6, 3, 4],
  ['JNJ', 'Johnson & Johnson', 'XNYS', 205, 0.05, 0.17, 0.35, 2, 3],
];

const listings = new Map<string, Listing>(
  rows.map(([symbol, name, exchange, price, drift, volatility, loading, spreadTicks, weight]) => [
    symbol,
    { symbol, name, exchange, price, drift, volatility, loading, spreadTicks, weight },
  ]),
);

/** The ten symbols that are simulated when nobody asks for others. */
export const defaultSymbols: readonly string[] = rows.map(([symbol]) => symbol);

export function listingOf(symbol: string): Listing {
  return listings.get(symbol) ?? inventListing(symbol);
}

export function instrumentOf(listing: Listing): Instrument {
  return {
    symbol: listing.symbol,
    name: listing.name,
    exchange: listing.exchange,
    currency: 'USD',
    assetClass: 'equity',
    priceIncrement: '0.01',
    sizeIncrement: '1',
    calendar: alwaysOpenCalendar,
    source: 'simulator',
  };
}

function inventListing(symbol: string): Listing {
  const random = prng(seedOf(symbol));
  const price = Math.round(20 * 20 ** random.uniform() * 100) / 100;
  return {
    symbol,
    name: `${symbol} (simulated)`,
    exchange: 'XNAS',
    price,
    drift: 0.07,
    volatility: 0.2 + 0.25 * random.uniform(),
    loading: 0.4 + 0.3 * random.uniform(),
    spreadTicks: 1 + Math.round(price / 100),
    weight: 3 + random.integer(6),
  };
}

/** FNV-1a, 32 bits (Fowler, Noll, Vo; RFC 9923). */
function seedOf(symbol: string): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(symbol)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}
