// Which intervals of a page have no candle, and why: what the store and the rest of the log say,
// less the intervals that have got a candle since.

import { micros } from '../../base/clock.ts';
import { frameKind } from '../../contracts/frame.ts';
import { intervals } from '../../contracts/interval.ts';
import { decodeMarks } from '../../contracts/mark.ts';
import { formatTime, parseTime } from '../../contracts/time.ts';
import { type Mark, markAt } from '../../contracts/wire-objects.ts';
import { endOf, startOf } from '../../engine/buckets.ts';
import type { SeriesPage, SeriesPageQuery } from '../series-page.ts';
import { type SeamSources, unstored } from './unstored.ts';

export type Silence = Pick<Mark, 'start' | 'end' | 'state'>;

interface Stretch {
  start: number;
  readonly end: number;
  readonly state: Mark['state'];
}

/** The silences among the intervals that a page is about, ascending, none touching its like. */
export async function silencesOf(
  sources: SeamSources,
  symbol: string,
  calendar: string,
  query: SeriesPageQuery,
  page: SeriesPage,
): Promise<Silence[]> {
  const starts = page.candles.map(({ start }) => parseTime(start) ?? 0);
  // A page that is not the last begins with its first candle.
  const from = page.next === null ? query.from : starts[0];
  const to = Math.min(query.to ?? Infinity, query.before ?? Infinity);
  const span = {
    ...(from === undefined ? {} : { from: micros(from) }),
    ...(to === Infinity ? {} : { to: micros(to) }),
  };
  const { interval, price } = query;
  const stored = await sources.history.silences(symbol, { interval, price, ...span });
  const marks = [...stored, ...(await unstoredMarks(sources, symbol, query))];
  const index = intervals.indexOf(interval);
  // The first interval that starts at a time or after it.
  const ceil = (time: number): number => {
    const start = startOf(calendar, index, time);
    return start === time ? start : endOf(calendar, index, start);
  };
  const stretches = marks
    .map(({ start, end, state }): Stretch => {
      const first = Math.max(parseTime(start) ?? 0, from === undefined ? -Infinity : ceil(from));
      const last = Math.min(parseTime(end) ?? 0, to === Infinity ? Infinity : ceil(to));
      return { start: first, end: last, state };
    })
    .sort((a, b) => a.start - b.start);
  const candles = starts.map((start) => [start, endOf(calendar, index, start)] as const);
  return joined(without(stretches, candles));
}

/** The parts of the stretches, both ascending, that lie outside of all candles, each once. */
function* without(
  stretches: readonly Stretch[],
  candles: readonly (readonly [start: number, end: number])[],
): Generator<Stretch> {
  let told = -Infinity;
  let next = 0;
  for (const { start, end, state } of stretches) {
    let at = Math.max(start, told);
    while (next < candles.length && candles[next][1] <= at) next++;
    for (let index = next; index < candles.length && candles[index][0] < end; index++) {
      const [from, to] = candles[index];
      if (from > at) yield { start: at, end: from, state };
      at = Math.max(at, to);
    }
    if (at < end) yield { start: at, end, state };
    told = Math.max(told, end);
  }
}

function joined(stretches: Iterable<Stretch>): Silence[] {
  const silences: { start: string; end: string; state: Mark['state'] }[] = [];
  for (const { start, end, state } of stretches) {
    const from = formatTime(start);
    const last = silences.at(-1);
    if (last?.end === from && last.state === state) last.end = formatTime(end);
    else silences.push({ start: from, end: formatTime(end), state });
  }
  return silences;
}

/** What the log holds of them that the store does not have yet. */
async function unstoredMarks(
  { log, stored, unstoredRecordsMax }: SeamSources,
  symbol: string,
  { interval, price }: SeriesPageQuery,
): Promise<Mark[]> {
  const marks: Mark[] = [];
  const from = stored('market.candles');
  const { end } = log.range('market.candles');
  if (from >= end) return marks;
  const batches = unstored(log, 'market.candles', from, end, unstoredRecordsMax);
  for await (const { bytes } of batches) {
    if (frameKind(bytes) !== 'marks') continue;
    const batch = decodeMarks(bytes);
    for (let row = 0; row < batch.count; row++) {
      const mark = markAt(batch, row);
      const isOurs = mark.symbol === symbol && mark.interval === interval && mark.price === price;
      if (isOurs && mark.state !== 'traded') marks.push(mark);
    }
  }
  return marks;
}
