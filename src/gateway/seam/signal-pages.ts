// Pages of signals, newest first by (time, id), across memory, log and store. A signal counts once,
// in its newest version, wherever that is; a version that the store still has may be older.

import { type Micros, micros } from '../../base/clock.ts';
import { decodeJson } from '../../contracts/frame.ts';
import type { Severity } from '../../contracts/signal.ts';
import { parseTime } from '../../contracts/time.ts';
import type { Signal } from '../../contracts/wire-objects.ts';
import type { History } from '../../store/history.ts';
import { formatSignalCursor, type SignalPageCursor } from '../cursor.ts';
import { newestFirst } from '../recent/recent-records.ts';
import { RecentSignals } from '../recent/recent-signals.ts';
import { type SeamSources, unstored } from './unstored.ts';

export interface SignalPageQuery {
  readonly symbol?: string | undefined;
  readonly severity?: Severity | undefined;
  readonly from?: Micros | undefined;
  readonly to?: Micros | undefined;
  readonly before?: SignalPageCursor | undefined;
  readonly limit: number;
}

export interface SignalPage {
  readonly signals: Signal[];
  readonly next: string | null;
}

/** What of ServedShards signals are read from. */
interface Shards {
  readonly all: readonly { readonly sources: Omit<SeamSources, 'history'> }[];
  readonly memory: { readonly signals: RecentSignals };
}

type Stored = Pick<History, 'signals'>;

export async function signalPage(
  shards: Shards,
  history: Stored,
  query: SignalPageQuery,
): Promise<SignalPage> {
  const newer = await newerThanStored(shards);
  const stored = await storedSignals(history, newer, query);
  const { symbol, severity } = query;
  const wanted = newer.wanted({
    ...(symbol === undefined ? {} : { symbols: new Set([symbol]) }),
    ...(severity === undefined ? {} : { severity }),
  });
  const newest = new Set(stored.map(({ id }) => id));
  const others = wanted.filter((signal) => !newest.has(signal.id) && isWithin(signal, query));
  return pageOf([...stored, ...others].sort(newestFirst), query.limit);
}

/**
 * What memory holds now, and before that what neither it nor the store does; memory itself may let
 * go of any while the store is asked.
 */
export async function newerThanStored({ all, memory }: Shards): Promise<RecentSignals> {
  const topic = 'market.signals';
  // What memory holds of one of several shards, another may have driven out.
  const held = all.length === 1 ? memory.signals.max : 0;
  const behind = all.flatMap(({ sources }) => {
    const { log, stored } = sources;
    const gap = [stored(topic), log.range(topic).end - held] as const;
    return gap[0] < gap[1] ? [{ ...sources, gap }] : [];
  });
  const newer = new RecentSignals(Number.POSITIVE_INFINITY);
  for (const { log, gap, unstoredRecordsMax } of behind) {
    for await (const { bytes } of unstored(log, topic, ...gap, unstoredRecordsMax)) {
      for (const signal of decodeJson<Signal>(bytes)) newer.put(signal);
    }
  }
  for (const signal of memory.signals.all()) {
    if (signal.revision >= (newer.get(signal.id)?.revision ?? 0)) newer.put(signal);
  }
  return newer;
}

/** One more than a page holds, where there are so many, without those known in a newer version. */
async function storedSignals(
  history: Stored,
  newer: RecentSignals,
  { symbol, severity, from, to, before, limit }: SignalPageQuery,
): Promise<Signal[]> {
  const found: Signal[] = [];
  for (let last = before; ; ) {
    const page = await history.signals({
      ...(symbol === undefined ? {} : { symbol }),
      ...(severity === undefined ? {} : { severity }),
      ...(from === undefined ? {} : { from }),
      ...(to === undefined ? {} : { to }),
      ...(last === undefined ? {} : { before: last }),
      limit: limit + 1,
    });
    found.push(...page.filter(({ id, revision }) => (newer.get(id)?.revision ?? -1) < revision));
    if (page.length <= limit || found.length > limit) return found;
    last = placeOf(page[limit]);
  }
}

function isWithin(signal: Signal, { from, to, before }: SignalPageQuery): boolean {
  const { time, id } = placeOf(signal);
  if (from !== undefined && time < from) return false;
  if (to !== undefined && time >= to) return false;
  return !before || time < before.time || (time === before.time && id > before.id);
}

function pageOf(sorted: readonly Signal[], limit: number): SignalPage {
  const signals = sorted.slice(0, limit);
  const last = signals.at(-1);
  const next = last && sorted.length > limit ? formatSignalCursor(placeOf(last)) : null;
  return { signals, next };
}

function placeOf({ time, id }: Signal): SignalPageCursor {
  return { time: parseTime(time) ?? micros(0), id };
}
