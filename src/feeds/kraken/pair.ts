// Kraken's names for one pair: v2 of its WebSocket says `BTC/USDT`, REST `XBTUSDT`, and ours is the
// configured spelling without the slash, so that a person finds what was asked for.
// Source: https://support.kraken.com/articles/360000920306-api-symbols-and-tickers.

export interface Pair {
  /** Ours. */
  readonly symbol: string;
  /** WebSocket v2. */
  readonly wire: string;
  /** The `altname` of REST. */
  readonly rest: string;
  readonly quote: string;
}

/** Quote currencies to split `BTCUSDT` by, those that end in another one first. */
const quotes: readonly string[] = (
  'USDT USDC USDG PYUSD RLUSD USDQ USDR EURQ EURR EURT EURC ' +
  'USD EUR GBP CAD CHF JPY AUD DAI BTC XBT ETH DOT SOL'
).split(' ');

/** The assets that REST knows by another name than everybody else. */
const restNames = new Map([
  ['BTC', 'XBT'],
  ['DOGE', 'XDG'],
]);
const wireNames = new Map([...restNames].map(([wire, rest]) => [rest, wire]));

/** Reads `BTC/USDT`, `XBT/USDT`, `BTC-USDT` or `BTCUSDT`; null for what is not a pair. */
export function pairOf(text: string): Pair | null {
  const [base = '', quote, ...more] = text.split(/[/-]/);
  if (more.length > 0) return null;
  if (quote !== undefined) return named(base, quote);
  const found = quotes.find((name) => base.length > name.length && base.endsWith(name));
  return found === undefined ? null : named(base.slice(0, -found.length), found);
}

function named(base: string, quote: string): Pair | null {
  if (![base, quote].every((asset) => /^[A-Z0-9][A-Z0-9.]*$/.test(asset))) return null;
  const wire = (asset: string): string => wireNames.get(asset) ?? asset;
  const rest = (asset: string): string => restNames.get(asset) ?? asset;
  return {
    symbol: base + quote,
    wire: `${wire(base)}/${wire(quote)}`,
    rest: rest(base) + rest(quote),
    quote,
  };
}
