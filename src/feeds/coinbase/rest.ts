// What the Coinbase feed asks over REST: what its products are, and trades that did not reach us.
// Sources: https://docs.cdp.coinbase.com/api-reference/exchange-api/rest-api/products (both
// answers), https://docs.cdp.coinbase.com/exchange/rest-api/pagination (`after` an id means older
// than it).

import type { Clock } from '../../base/clock.ts';
import { Failure } from '../../base/failure.ts';
import { alwaysOpenCalendar } from '../../contracts/instrument.ts';
import { parseTime } from '../../contracts/time.ts';
import type { Instrument } from '../../contracts/wire-objects.ts';
import { httpGet } from '../http-get.ts';
import { isObject, type JsonObject, parseJson } from '../json.ts';
import type { Link } from '../live-feed.ts';
import type { FetchTrades, ListedTrade } from '../trade-gaps.ts';
import { parse } from './parse.ts';

/** The most that one answer holds. */
const pageMax = 1_000;

/** All products by id. Throws Failure `feed-unavailable`. */
export async function fetchProducts(
  { restUrl, clock }: Link,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Instrument>> {
  const rows = await getRows(`${restUrl}/products`, clock, signal);
  const instruments = rows.flatMap((row) => instrumentOf(row) ?? []);
  return new Map(instruments.map((instrument) => [instrument.symbol, instrument]));
}

/** A product of which only the id is known. */
export function productNamed(id: string): Instrument {
  return {
    symbol: id,
    name: id,
    exchange: 'coinbase',
    currency: id.slice(id.indexOf('-') + 1),
    assetClass: 'crypto',
    priceIncrement: null,
    sizeIncrement: null,
    calendar: alwaysOpenCalendar,
    source: 'coinbase',
  };
}

export function fetchCoinbaseTrades({ restUrl, clock }: Link): FetchTrades {
  return async ({ symbol, from, to }, signal) => {
    // Trades are numbered without holes, so the oldest page can be asked for directly.
    const after = Math.min(from + pageMax, to + 1);
    const product = encodeURIComponent(symbol);
    const url = `${restUrl}/products/${product}/trades?limit=${pageMax}&after=${after}`;
    const rows = await getRows(url, clock, signal);
    const listed = rows.flatMap((row) => listedTrade(row, symbol, url, clock) ?? []);
    return listed.sort((a, b) => a.id - b.id);
  };
}

async function getRows(url: string, clock: Clock, signal: AbortSignal): Promise<JsonObject[]> {
  const rows = parseJson(await httpGet(url, clock, signal));
  if (Array.isArray(rows)) return rows.filter(isObject);
  throw new Failure(
    'feed-unavailable',
    `GET ${url} was not answered with a list`,
    'It is tried again by itself.',
  );
}

function instrumentOf(row: JsonObject): Instrument | null {
  const { id, display_name: name, quote_currency: currency } = row;
  const { quote_increment: priceIncrement, base_increment: sizeIncrement } = row;
  if (typeof id !== 'string') return null;
  return {
    ...productNamed(id),
    ...(typeof name === 'string' ? { name } : {}),
    ...(typeof currency === 'string' ? { currency } : {}),
    priceIncrement: typeof priceIncrement === 'string' ? priceIncrement : null,
    sizeIncrement: typeof sizeIncrement === 'string' ? sizeIncrement : null,
  };
}

function listedTrade(
  row: JsonObject,
  product: string,
  url: string,
  clock: Clock,
): ListedTrade | null {
  const { trade_id: id, time } = row;
  if (typeof id !== 'number' || !Number.isSafeInteger(id)) return null;
  return {
    id,
    eventTime: typeof time === 'string' ? parseTime(time) : null,
    push(into) {
      // REST names the fields as the `matches` channel does, `side` included.
      const frame = JSON.stringify({ ...row, type: 'match', product_id: product });
      parse(frame, clock.now(), into, url);
    },
  };
}
