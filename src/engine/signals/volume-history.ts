// The volumes of the minutes of past sessions, so that a minute can be compared with the same one
// of other days. Kept in pages of eight minutes: what a symbol traded in them in each session of
// the last weeks, less than 4 kB. A page is in memory from when it is asked for until the next
// checkpoint, so memory is bounded by the minutes that trade, and a checkpoint writes only those.

import { strict as assert } from 'node:assert/strict';
import { wideFromBigInt, wideToBigInt } from '../../contracts/wide.ts';
import { sessionAt, sessionsBetween } from './sessions.ts';
import { minute, minutesLateMax } from './span.ts';
import type { SymbolState } from './symbol-state.ts';

/** A part of the state that is kept under a key of its own. */
export interface KeptState {
  readonly key: string;
  readonly value: Uint8Array;
}

/** Which minute of which session, by its open. */
export interface SessionMinute {
  readonly open: number;
  readonly index: number;
}

/** The scale of its volumes; then of each session its open, and two limbs for each volume. */
type Page = Float64Array;

const minutesPerPage = 8;
const memberLength = 1 + 2 * minutesPerPage;
const day = 24 * 60 * minute;
/** Sessions that opened up to 28 days before; half a day is for changes of the clocks. */
const comparedFor = 28.5 * day;
/** Sessions can be asked again for a week, so what they are compared with is kept as long. */
const keptFor = comparedFor + minutesLateMax + day;

/** Null outside the sessions of a calendar, and where it has none. */
export function sessionMinuteAt(calendar: string, start: number): SessionMinute | null {
  const session = sessionAt(calendar, start);
  return session && { open: session.open, index: (start - session.open) / minute };
}

/** When the same minute began in the sessions that it is compared with, ascending. */
export function sameMinutesBefore(calendar: string, start: number): number[] {
  const at = sessionMinuteAt(calendar, start);
  if (!at) return [];
  return sessionsBetween(calendar, at.open - comparedFor, at.open)
    .map(({ open }) => open + at.index * minute)
    .filter((time) => sessionMinuteAt(calendar, time)?.index === at.index);
}

export class VolumeHistory {
  readonly #pages = new Map<string, Page>();
  readonly #changed = new Set<string>();

  /** Pages in memory. */
  get held(): number {
    return this.#pages.size;
  }

  has(key: string): boolean {
    return this.#pages.has(key);
  }

  restore({ key, value }: KeptState): void {
    this.#pages.set(key, new Float64Array(Uint8Array.from(value).buffer));
  }

  /** In two limbs. The page of a minute must have been restored, if it was kept. */
  put(
    { symbol, sizeScale }: SymbolState,
    { open, index }: SessionMinute,
    high: number,
    low: number,
  ): void {
    const key = pageKey(symbol, index);
    let page = rescaled(this.#pages.get(key) ?? Float64Array.of(sizeScale), sizeScale);
    const newest = Math.max(open, ...membersOf(page).map((at) => page[at] as number));
    page = withMember(page, open, newest - keptFor);
    const member = membersOf(page).find((at) => page[at] === open);
    if (member !== undefined) page.set([high, low], volumeAt(member, index));
    this.#pages.set(key, page);
    this.#changed.add(key);
  }

  /** What was traded in that minute of the sessions before, where anything was. */
  before({ symbol, sizeScale }: SymbolState, { open, index }: SessionMinute): bigint[] {
    const page = this.#pages.get(pageKey(symbol, index));
    if (!page) return [];
    const factor = 10n ** BigInt(sizeScale - (page[0] as number));
    return membersOf(page)
      .filter((at) => (page[at] as number) < open && (page[at] as number) >= open - comparedFor)
      .map((at) => factor * volumeOf(page, at, index))
      .filter((volume) => volume > 0n);
  }

  /** The later sessions that had trades about that minute. */
  after({ symbol }: SymbolState, { open, index }: SessionMinute): number[] {
    const page = this.#pages.get(pageKey(symbol, index));
    if (!page) return [];
    return membersOf(page)
      .map((at) => page[at] as number)
      .filter((other) => other > open);
  }

  unsaved(): KeptState[] {
    return Array.from(this.#changed, (key) => {
      const page = this.#pages.get(key);
      assert(page, 'a page that changed stays until it is saved');
      return { key, value: new Uint8Array(page.buffer, page.byteOffset, page.byteLength) };
    });
  }

  /** Drops all pages from memory: to be called once what `unsaved` returned is durable. */
  evict(): void {
    this.#pages.clear();
    this.#changed.clear();
  }
}

export function pageKey(symbol: string, index: number): string {
  return `${symbol} ${Math.floor(index / minutesPerPage)}`;
}

/** Where each session begins. */
function membersOf(page: Page): number[] {
  return Array.from({ length: (page.length - 1) / memberLength }, (_, n) => 1 + n * memberLength);
}

/** The page with that session in it, without those from before `oldest`. */
function withMember(page: Page, open: number, oldest: number): Page {
  const members = membersOf(page);
  const kept = members.filter((at) => (page[at] as number) >= oldest);
  const isNew = open >= oldest && !kept.some((at) => page[at] === open);
  if (!isNew && kept.length === members.length) return page;
  const next = new Float64Array(1 + (kept.length + Number(isNew)) * memberLength);
  next[0] = page[0] as number;
  for (const [n, at] of kept.entries()) {
    next.set(page.subarray(at, at + memberLength), 1 + n * memberLength);
  }
  if (isNew) next[1 + kept.length * memberLength] = open;
  return next;
}

function volumeAt(member: number, index: number): number {
  return member + 1 + 2 * (index % minutesPerPage);
}

function volumeOf(page: Page, member: number, index: number): bigint {
  const at = volumeAt(member, index);
  return wideToBigInt(page[at] as number, page[at + 1] as number);
}

function rescaled(page: Page, sizeScale: number): Page {
  const factor = 10n ** BigInt(sizeScale - (page[0] as number));
  if (factor === 1n) return page;
  const next = page.slice();
  next[0] = sizeScale;
  for (const member of membersOf(page)) {
    for (let index = 0; index < minutesPerPage; index++) {
      const { high, low } = wideFromBigInt(factor * volumeOf(page, member, index));
      next.set([high, low], volumeAt(member, index));
    }
  }
  return next;
}
