// The recent trades, newest first, in a list of fixed length: lines are written over, never added,
// so that nothing shifts however fast the market is.

import { useEffect, useState } from 'react';
import { api, patiently, type Trade } from '../api.ts';
import { Cell, useCell } from '../cell.ts';
import type { Direction } from '../decimal.ts';
import * as format from '../format.ts';
import { subscribe } from '../live.ts';
import { Arrow } from '../shell/arrow.tsx';

const linesMax = 50;
const directions: Readonly<Record<string, Direction>> = { buy: 'up', sell: 'down' };

interface TradePanelProps {
  readonly symbol: string;
  readonly digits: number;
}

export function TradePanel({ symbol, digits }: TradePanelProps) {
  const trades = useTrades(symbol);
  return (
    <section className="panel tape" aria-labelledby="tape-title">
      <h2 id="tape-title">Trades</h2>
      <table>
        <thead>
          <tr>
            <th scope="col">Time</th>
            <th scope="col">Price</th>
            <th scope="col">Size</th>
          </tr>
        </thead>
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by key */}
        <tbody tabIndex={0} aria-label="Recent trades, newest first">
          {trades.map(({ time, price, size, side, verdict }, index) => {
            const direction = directions[side] ?? 'flat';
            return (
              // biome-ignore lint/suspicious/noArrayIndexKey: lines are written over
              <tr key={index} data-direction={direction} data-verdict={verdict}>
                <td>{format.clock(time)}</td>
                <td className="directed">
                  <Arrow direction={direction} />
                  {format.price(price, digits)}
                </td>
                <td>{format.size(size)}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
      {trades.length === 0 ? <p className="empty">No trade yet.</p> : null}
    </section>
  );
}

function useTrades(symbol: string): readonly Trade[] {
  const [cell] = useState(() => new Cell<readonly Trade[]>([]));
  useEffect(() => {
    const stopped = new AbortController();
    const { signal } = stopped;
    const add = (trades: readonly Trade[]): void => {
      const bySequence = new Map([...cell.newest, ...trades].map((one) => [one.sequence, one]));
      const newestFirst = [...bySequence.values()].sort((a, b) => b.sequence - a.sequence);
      cell.set(newestFirst.slice(0, linesMax));
    };
    const load = async (): Promise<void> => {
      const ask = () => api.trades(symbol, linesMax, signal);
      const trades = await patiently(ask, signal).catch(() => null);
      if (trades && !signal.aborted) add(trades);
    };
    const unsubscribe = subscribe(
      { stream: 'trades', symbol },
      {
        begin: () => void load(),
        next: (trade) => {
          if (trade.sequence > (cell.newest[0]?.sequence ?? -1)) {
            cell.set([trade, ...cell.newest.slice(0, linesMax - 1)]);
          } else {
            add([trade]);
          }
        },
      },
    );
    return () => {
      stopped.abort();
      unsubscribe();
    };
  }, [symbol, cell]);
  return useCell(cell);
}
