// Kraken's REST answer to Trades: {error, result: {PAIR: [[price, volume, time, side, order type,
// misc, id], …], last}}. Source: https://docs.kraken.com/api/docs/rest-api/get-recent-trades.
// Times are JSON numbers with up to 9 digits after the point: they are read from the text, since a
// double has only 6 to spare. Answers from before 2023 have no ids.

import { micros } from '../../base/clock.ts';
import { Failure } from '../../base/failure.ts';
import { alwaysOpenCalendar } from '../../contracts/instrument.ts';
import type { Instrument } from '../../contracts/wire-objects.ts';
import { admitTrade } from '../admit.ts';
import { parseEpoch } from '../epoch-time.ts';
import type { Observations } from '../feed.ts';
import { isObject, parseJsonExact, wholeNumber } from '../json.ts';
import { krakenScope, krakenSides, symbolOf } from '../kraken/parse-v1.ts';
import type { ByteWindow } from './byte-window.ts';
import { type Recording, RecordingParser } from './recording.ts';

/** The position of a row's id. */
const idAt = 6;

interface Row {
  readonly symbol: unknown;
  readonly fields: unknown;
}

export interface KrakenRecording extends Recording {
  /** In place of the pair's name, for an answer about a single pair. */
  readonly symbol: string | undefined;
}

export class KrakenTrades extends RecordingParser<KrakenRecording> {
  #all: readonly Row[] | null = null;
  /** Whether its rows have ids. */
  #numbered = false;

  /** Waits for the last byte, since JSON means nothing before it. */
  override parse(window: ByteWindow, into: Observations, rowsMax: number, until: number): void {
    this.due = Number.NEGATIVE_INFINITY;
    if (!window.final) return;
    this.#all ??= this.#read(window);
    if (this.#numbered) into.trades.scope = krakenScope;
    for (let count = 0; count < rowsMax; count++) {
      const row = this.#all[this.rows];
      if (row === undefined) break;
      if (!this.#take(row, into, until)) break;
      this.rows++;
    }
    if (this.rows === this.#all.length) window.at = window.end;
  }

  override define(symbol: string): Instrument {
    return {
      symbol,
      name: symbol,
      exchange: 'kraken',
      currency: '',
      assetClass: 'crypto',
      priceIncrement: null,
      sizeIncrement: null,
      calendar: alwaysOpenCalendar,
      source: 'replay',
    };
  }

  /** False when the row is not due yet. */
  #take({ symbol, fields }: Row, into: Observations, until: number): boolean {
    const [price, size, time, side, , , id] = Array.isArray(fields) ? fields : [];
    const eventTime = parseEpoch(time);
    if (eventTime !== null && eventTime > until) {
      this.due = eventTime;
      return false;
    }
    const refused = admitTrade(into.trades, {
      symbol,
      eventTime,
      // The answer does not say when it was received: the same every time, so that replays agree.
      receiveTime: eventTime ?? micros(0),
      price,
      size,
      id: this.#numbered ? wholeNumber(id) : this.recording.rowsBefore + this.row,
      venue: 'kraken',
      conditions: '',
      side: krakenSides.get(side) ?? '',
    });
    if (refused) this.reject(into, refused, JSON.stringify(fields));
    else if (eventTime !== null && eventTime > this.eventTime) {
      this.eventTime = eventTime;
      this.paceTime = eventTime;
    }
    return true;
  }

  #read(window: ByteWindow): readonly Row[] {
    const { name, symbol } = this.recording;
    const answer = parseJsonExact(window.head(window.size).toString());
    const result = isObject(answer) && isObject(answer.result) ? answer.result : null;
    if (result === null) {
      throw new Failure('bad-file', `${name} ends in the middle`, 'Fetch it again, and whole.');
    }
    const pairs = Object.entries(result).filter(([, rows]) => Array.isArray(rows));
    const all = pairs.flatMap(([pair, rows]) => {
      const given = pairs.length === 1 ? symbol : undefined;
      return (rows as unknown[]).map((fields) => ({ symbol: given ?? symbolOf(pair), fields }));
    });
    this.#numbered = all.some(({ fields }) => Array.isArray(fields) && fields.length > idAt);
    return all;
  }
}
