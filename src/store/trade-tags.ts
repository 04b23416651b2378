// What few trades differ in: source, venue, conditions, verdict, scales. Each combination is a row
// of `trade_tags`, known to the trades by its id; finding it costs a trade a few integer
// operations.

import { createHash } from 'node:crypto';
import type { Client } from 'pg';
import type { BatchInstrument } from '../contracts/instrument.ts';
import type { TradeBatch, TradeTag } from '../contracts/trade.ts';
import { verdictName, verdicts } from '../contracts/verdict.ts';
import { storable } from './copy-binary.ts';
import { KnownIds } from './known-ids.ts';

/** A row of trade_tags. */
interface TagEntry {
  readonly epoch: string;
  readonly partition: number;
  readonly source: string;
  readonly scope: string;
  readonly venue: string;
  readonly conditions: string;
  readonly side: string;
  readonly verdict: string;
  readonly tape: string;
  readonly price_scale: number;
  readonly size_scale: number;
  readonly has_text_ids: boolean;
}

/** The tags of one batch's rows. */
export interface BatchTags {
  /** Per row, a small number for its combination. */
  readonly slots: Uint32Array;
  /** The keys of those numbers that occur. */
  readonly keys: ReadonlyMap<number, string>;
}

export class TradeTags {
  readonly #epoch: string;
  readonly #partition: number;
  readonly #ids = new KnownIds<TagEntry & { readonly name: string }>({
    find: 'select digest as name, tag_id as id from trade_tags where digest = any($1::uuid[])',
    add: `
      insert into trade_tags (
        digest, epoch, partition, source, scope, venue, conditions, side, verdict, tape,
        price_unit, size_unit, has_text_ids
      )
      select
        name, epoch, partition, source, scope, venue, conditions, side, verdict, tape,
        ('1e-' || price_scale)::numeric, ('1e-' || size_scale)::numeric, has_text_ids
      from jsonb_to_recordset($1) as entry (
        name uuid, epoch text, partition int, source text, scope text, venue text, conditions text,
        side text, verdict text, tape text, price_scale int, size_scale int, has_text_ids boolean
      )
      order by name
      on conflict (digest) do nothing`,
  });

  constructor(epoch: string, partition: number) {
    this.#epoch = epoch;
    this.#partition = partition;
  }

  /** Finds the combinations of a batch; their ids are known after `learn`. */
  read(batch: TradeBatch): BatchTags {
    const { slots, firstRows } = combinationsOf(batch);
    const keys = new Map<number, string>();
    for (const [slot, row] of firstRows) {
      const entry = this.#entryOf(batch, row);
      const key = Object.values(entry).join('\0');
      keys.set(slot, key);
      if (!this.#ids.has(key)) this.#ids.want(key, { ...entry, name: uuidOf(key) });
    }
    return { slots, keys };
  }

  async learn(client: Client): Promise<void> {
    await this.#ids.learn(client);
  }

  /** Tag ids by slot. */
  idsOf({ keys }: BatchTags): Int32Array {
    const ids = new Int32Array(Math.max(-1, ...keys.keys()) + 1);
    for (const [slot, key] of keys) ids[slot] = this.#ids.idOf(key);
    return ids;
  }

  /** To be called before a write reads its first batch. */
  trim(): void {
    this.#ids.trim();
  }

  forget(): void {
    this.#ids.forget();
  }

  #entryOf(batch: TradeBatch, row: number): TagEntry {
    const { venue, conditions, side } = batch.tags[batch.tag[row]] as TradeTag;
    const { priceScale, sizeScale } = batch.instruments[batch.instrument[row]] as BatchInstrument;
    return {
      epoch: this.#epoch,
      partition: this.#partition,
      source: storable(batch.source),
      scope: storable(batch.scope),
      venue: storable(venue),
      conditions: storable(conditions),
      side,
      verdict: verdictName(batch.verdict[row]),
      tape: batch.tape,
      price_scale: priceScale,
      size_scale: sizeScale,
      has_text_ids: batch.textIds !== null,
    };
  }
}

/**
 * Numbers the combinations of (scales, tag, verdict); `firstRows` has one row of each, by number.
 */
function combinationsOf(batch: TradeBatch): {
  slots: Uint32Array;
  firstRows: ReadonlyMap<number, number>;
} {
  const { count, instrument, tag, verdict, tags, instruments } = batch;
  const scales = instruments.map(({ priceScale, sizeScale }) => `${priceScale} ${sizeScale}`);
  const scaleOf = Uint32Array.from(scales, (scale) => scales.indexOf(scale));
  const isSeen = new Uint8Array(scales.length * tags.length * verdicts.length);
  const slots = new Uint32Array(count);
  const firstRows = new Map<number, number>();
  for (let row = 0; row < count; row++) {
    const slot =
      (scaleOf[instrument[row]] * tags.length + tag[row]) * verdicts.length + verdict[row];
    slots[row] = slot;
    if (isSeen[slot] === 1) continue;
    isSeen[slot] = 1;
    firstRows.set(slot, row);
  }
  return { slots, firstRows };
}

/** 128 bits of SHA-256, as PostgreSQL writes a uuid. */
function uuidOf(text: string): string {
  const hex = createHash('sha256').update(text).digest('hex');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12}).*$/, '$1-$2-$3-$4-$5');
}
