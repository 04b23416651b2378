// The page: shows the view that the address asks for, `#` for all markets, `#AAPL` or `#AAPL/5m`
// for one symbol, and keeps the state of the connection in sight.

import { overview } from './overview.ts';
import { watchStatus } from './status.ts';
import { symbolView } from './symbol.ts';
import type { View } from './view.ts';
import { intervals } from './wire.ts';

let shown: View | null = null;

function show(): void {
  if (location.hash === '#main') return; // the skip link
  shown?.close();
  const [symbol, asked] = location.hash.slice(1).split('/').map(decode);
  const interval = intervals.find((one) => one === asked) ?? '1m';
  shown = symbol ? symbolView(symbol.toUpperCase(), interval) : overview();
  document.title = `${shown.title} · Tapeline`;
  document.querySelector('#main')?.replaceChildren(shown.root);
  scrollTo(0, 0);
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

const zone = document.querySelector('#zone');
if (zone) zone.textContent = Intl.DateTimeFormat().resolvedOptions().timeZone;
addEventListener('hashchange', show);
watchStatus();
show();
