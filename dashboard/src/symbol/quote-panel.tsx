// The best bid and ask, their sizes, and what lies between them.

import { useEffect, useState } from 'react';
import type { Quote } from '../api.ts';
import { Cell, useCell } from '../cell.ts';
import { basisPoints, minus } from '../decimal.ts';
import * as format from '../format.ts';
import { subscribe } from '../live.ts';

interface QuotePanelProps {
  readonly symbol: string;
  readonly digits: number;
}

export function QuotePanel({ symbol, digits }: QuotePanelProps) {
  const [cell] = useState(() => new Cell<Quote | null>(null));
  useEffect(
    () => subscribe({ stream: 'quotes', symbol }, { next: (quote) => cell.set(quote) }),
    [symbol, cell],
  );
  const quote = useCell(cell);
  const { bid = null, ask = null } = quote ?? {};
  const isTwoSided = bid !== null && ask !== null;
  const spread = isTwoSided ? minus(ask, bid) : null;
  const points = isTwoSided ? basisPoints(bid, ask) : null;
  return (
    <section className="panel quote" aria-label="Quote">
      <div>
        <h2 className="minor">Bid</h2>
        <b>{format.price(bid, digits)}</b>
        <span>{format.size(quote?.bidSize ?? null)}</span>
      </div>
      <div className="spread">
        <h2 className="minor">Spread</h2>
        <b>{format.price(spread, digits)}</b>
        <span>{points === null ? format.nothing : `${format.price(points, 1)} bp`}</span>
      </div>
      <div className="ask">
        <h2 className="minor">Ask</h2>
        <b>{format.price(ask, digits)}</b>
        <span>{format.size(quote?.askSize ?? null)}</span>
      </div>
    </section>
  );
}
