// The state of the connection, always in sight: live, reconnecting, or stale with the age of the
// last data. It is the state of all streams of the page together.

import { onNextFrame, setText } from './draw.ts';
import { age } from './format.ts';

/** One stream's part in the state. */
export interface Link {
  /** Data came: just now (null), or at a time (ISO 8601; empty when there is none yet). */
  heard(at: string | null): void;
  lost(): void;
  remove(): void;
}

type LinkState = 'connecting' | 'open' | 'lost';

const staleMs = 10_000;
const links = new Map<Link, LinkState>();
let newest = Number.NEGATIVE_INFINITY;

export function link(): Link {
  const own: Link = {
    heard(at) {
      const time = at === null ? Date.now() : Date.parse(at);
      if (time > newest) newest = time;
      if (links.get(own) !== 'open') set(own, 'open');
    },
    lost: () => set(own, 'lost'),
    remove: () => {
      links.delete(own);
      onNextFrame(draw);
    },
  };
  set(own, 'connecting');
  return own;
}

/** Keeps the age of the last data current. */
export function watchStatus(): void {
  setInterval(() => onNextFrame(draw), 1_000);
}

function set(own: Link, state: LinkState): void {
  links.set(own, state);
  onNextFrame(draw);
}

function draw(): void {
  const target = document.getElementById('status');
  if (!target) return;
  const { state, text } = describe();
  if (target.dataset.state !== state) target.dataset.state = state;
  setText(target, text);
}

function describe(): { state: string; text: string } {
  const states = [...links.values()];
  const quietMs = Date.now() - newest;
  const since = newest === Number.NEGATIVE_INFINITY ? '' : ` · last data ${age(quietMs)} ago`;
  if (states.includes('lost')) return { state: 'reconnecting', text: `Reconnecting${since}` };
  if (states.length === 0) return { state: 'idle', text: '' };
  if (states.includes('connecting')) return { state: 'connecting', text: 'Connecting' };
  if (quietMs > staleMs) return { state: 'stale', text: `Stale${since || ' · no data yet'}` };
  return { state: 'live', text: 'Live' };
}
