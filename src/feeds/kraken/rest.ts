// What the Kraken feed asks over REST: what its pairs are, and trades that did not reach us.
// Sources: https://docs.kraken.com/api/docs/rest-api/get-tradable-asset-pairs and
// https://docs.kraken.com/api/docs/rest-api/get-recent-trades (`since` is in nanoseconds; up to
// 1,000 trades that follow it). An error comes within HTTP 200.

import { Failure } from '../../base/failure.ts';
import { alwaysOpenCalendar } from '../../contracts/instrument.ts';
import type { Instrument } from '../../contracts/wire-objects.ts';
import { admitTrade, reject } from '../admit.ts';
import { parseEpoch } from '../epoch-time.ts';
import { httpGet } from '../http-get.ts';
import { isObject, type JsonObject, parseJsonExact, wholeNumber } from '../json.ts';
import type { Link } from '../live-feed.ts';
import type { FetchTrades, ListedTrade } from '../trade-gaps.ts';
import type { Pair } from './pair.ts';
import { krakenSides } from './parse-v1.ts';

/** Definitions by REST name, of every pair that Kraken has. Throws Failure `feed-unavailable`. */
export async function fetchPairs(
  link: Link,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, JsonObject>> {
  const result = await getResult(`${link.restUrl}/0/public/AssetPairs`, link, signal);
  const entries = Object.values(result).filter(isObject);
  return new Map(entries.map((entry) => [String(entry.altname), entry]));
}

/** `entry` is Kraken's definition, if it could be had. */
export function instrumentOf({ symbol, wire, quote }: Pair, entry: JsonObject | null): Instrument {
  const { tick_size: tick, pair_decimals: places, lot_decimals: lots } = entry ?? {};
  return {
    symbol,
    name: wire,
    exchange: 'kraken',
    currency: quote,
    assetClass: 'crypto',
    priceIncrement: typeof tick === 'string' ? tick : incrementOf(places),
    sizeIncrement: incrementOf(lots),
    calendar: alwaysOpenCalendar,
    source: 'kraken',
  };
}

export function fetchKrakenTrades(
  link: Link,
  pairOf: (symbol: string) => Pair | undefined,
): FetchTrades {
  return async ({ symbol, after }, signal) => {
    const pair = pairOf(symbol)?.rest ?? symbol;
    // A microsecond early, since other trades may bear the same time as the last one known.
    const since = after === null ? '' : `&since=${after - 1}000`;
    const url = `${link.restUrl}/0/public/Trades?pair=${pair}&count=1000${since}`;
    const result = await getResult(url, link, signal);
    const rows = Object.values(result).find(Array.isArray) ?? [];
    const listed = rows.flatMap((row) => listedTrade(row, symbol, url, link) ?? []);
    return listed.sort((a, b) => a.id - b.id);
  };
}

function listedTrade(
  row: unknown,
  symbol: string,
  url: string,
  { clock }: Link,
): ListedTrade | null {
  const [price, size, time, side, , , idText] = Array.isArray(row) ? row : [];
  const id = wholeNumber(idText);
  if (id === null) return null;
  const eventTime = parseEpoch(time);
  return {
    id,
    eventTime,
    push(into) {
      const receiveTime = clock.now();
      const refused = admitTrade(into.trades, {
        symbol,
        eventTime,
        receiveTime,
        price,
        size,
        id,
        venue: 'kraken',
        conditions: '',
        side: krakenSides.get(side) ?? '',
      });
      if (refused) reject(into, refused, url, receiveTime, JSON.stringify(row));
    },
  };
}

async function getResult(url: string, { clock }: Link, signal: AbortSignal): Promise<JsonObject> {
  const answer = parseJsonExact(await httpGet(url, clock, signal));
  const { error, result } = isObject(answer) ? answer : {};
  if (isObject(result) && (!Array.isArray(error) || error.length === 0)) return result;
  const why = Array.isArray(error) && error.length > 0 ? error.join(', ') : 'not as documented';
  throw new Failure(
    'feed-unavailable',
    `GET ${url} was answered: ${why}`,
    'It is tried again by itself.',
  );
}

/** `8` decimals are an increment of `0.00000001`. */
function incrementOf(decimals: unknown): string | null {
  const places = wholeNumber(decimals);
  if (places === null || places > 12) return null;
  return places === 0 ? '1' : `0.${'1'.padStart(places, '0')}`;
}
