// The state of the connection, always in sight: live, reconnecting, or stale with the age of the
// last data. It is the state of all that is subscribed to together.

import { useSyncExternalStore } from 'react';
import { onNextFrame } from './frame.ts';

/** One subscription's part in the state. */
export interface Link {
  /** Data came: just now, or at a time (ISO 8601; empty when there is none yet). */
  heard(at?: string): void;
  lost(): void;
  remove(): void;
}

export interface ConnectionState {
  readonly name: 'idle' | 'connecting' | 'live' | 'stale' | 'reconnecting';
  /** Of the last data, in whole seconds; null when there was none. */
  readonly ageSeconds: number | null;
}

/** Markets may be quiet for so long without anybody having to wonder. */
const staleSeconds = 10;

interface LinkState {
  readonly is: 'connecting' | 'open' | 'lost';
  /** Whether something comes all the time while markets are open; alerts do not. */
  readonly flows: boolean;
}

const links = new Map<Link, LinkState>();
const listeners = new Set<() => void>();
let newest = Number.NEGATIVE_INFINITY;
let state: ConnectionState = { name: 'idle', ageSeconds: null };

export function link(flows: boolean): Link {
  const set = (is: LinkState['is']): void => {
    links.set(own, { is, flows });
    onNextFrame(update);
  };
  const own: Link = {
    heard(at) {
      const time = at === undefined ? Date.now() : Date.parse(at);
      if (time > newest) newest = time;
      if (links.get(own)?.is !== 'open') set('open');
    },
    lost: () => set('lost'),
    remove() {
      links.delete(own);
      onNextFrame(update);
    },
  };
  set('connecting');
  return own;
}

export function useConnection(): ConnectionState {
  return useSyncExternalStore(subscribe, () => state);
}

function subscribe(listener: () => void): () => void {
  const timer = setInterval(update, 1_000);
  listeners.add(listener);
  return () => {
    clearInterval(timer);
    listeners.delete(listener);
  };
}

function update(): void {
  const seconds = Math.max(0, Math.floor((Date.now() - newest) / 1000));
  const name = nameOf([...links.values()], seconds);
  const isTold = newest !== Number.NEGATIVE_INFINITY && name !== 'live';
  const ageSeconds = isTold ? seconds : null;
  if (name === state.name && ageSeconds === state.ageSeconds) return;
  state = { name, ageSeconds };
  for (const listener of listeners) listener();
}

function nameOf(states: readonly LinkState[], seconds: number): ConnectionState['name'] {
  if (states.some(({ is }) => is === 'lost')) return 'reconnecting';
  if (states.length === 0) return 'idle';
  if (states.some(({ is }) => is === 'connecting')) return 'connecting';
  return states.some(({ flows }) => flows) && seconds > staleSeconds ? 'stale' : 'live';
}
