// How many trades of an instrument fall into each hour, and its first and last moment there. The
// trades themselves are found by time alone, so this is what keeps a reader from going through
// everybody's trades of a month for those of a quiet instrument.

import type { Client } from 'pg';
import { formatTime } from '../contracts/time.ts';
import type { TradeBatch } from '../contracts/trade.ts';

export const hourMicros = 3_600_000_000;

interface Hour {
  readonly instrumentId: number;
  /** Microseconds: the hour is [start, end). */
  readonly start: number;
  readonly end: number;
  trades: number;
  first: number;
  last: number;
}

export class TradeHours {
  readonly #hours = new Map<string, Hour>();

  /** Counts a batch's rows [first, end); `instrumentIds` are by the batch's index. */
  count(batch: TradeBatch, instrumentIds: readonly number[], first: number, end: number): void {
    const { instrument, eventTime } = batch;
    const current = instrumentIds.map((id) => this.#hourOf(id, eventTime[first]));
    for (let row = first; row < end; row++) {
      const index = instrument[row];
      const time = eventTime[row];
      let hour = current[index];
      if (time < hour.start || time >= hour.end) {
        hour = this.#hourOf(instrumentIds[index], time);
        current[index] = hour;
      }
      hour.trades++;
      if (time < hour.first) hour.first = time;
      if (time > hour.last) hour.last = time;
    }
  }

  /** Adds the counts, in the order of the key so that two writers cannot block each other. */
  async store(client: Client): Promise<void> {
    const hours = [...this.#hours.values()].filter(({ trades }) => trades > 0);
    if (hours.length === 0) return;
    await client.query(
      `insert into trade_hours (instrument_id, hour, trades, first_time, last_time)
       select *
       from unnest(
         $1::int[], $2::timestamptz[], $3::int[], $4::timestamptz[], $5::timestamptz[]
       ) as counted (instrument_id, hour, trades, first_time, last_time)
       order by instrument_id, hour
       on conflict (instrument_id, hour) do update set
         trades = trade_hours.trades + excluded.trades,
         first_time = least(trade_hours.first_time, excluded.first_time),
         last_time = greatest(trade_hours.last_time, excluded.last_time)`,
      [
        hours.map(({ instrumentId }) => instrumentId),
        hours.map(({ start }) => formatTime(start)),
        hours.map(({ trades }) => trades),
        hours.map(({ first }) => formatTime(first)),
        hours.map(({ last }) => formatTime(last)),
      ],
    );
  }

  #hourOf(instrumentId: number, time: number): Hour {
    const start = Math.floor(time / hourMicros) * hourMicros;
    const key = `${instrumentId} ${start}`;
    let hour = this.#hours.get(key);
    if (!hour) {
      const end = start + hourMicros;
      hour = { instrumentId, start, end, trades: 0, first: end, last: start };
      this.#hours.set(key, hour);
    }
    return hour;
  }
}
