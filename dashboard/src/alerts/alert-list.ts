// Alerts as they are now, newest first, live, and no more than a given number of them. One that
// comes again, because it was revised or retracted, takes the place of what it was.

import { useEffect, useState } from 'react';
import { api, type ProblemError, patiently, type Signal } from '../api.ts';
import { Cell, useCell } from '../cell.ts';
import { subscribe } from '../live.ts';

export interface AlertList {
  readonly alerts: readonly Signal[];
  readonly isPending: boolean;
  readonly problem: ProblemError | null;
}

const nothingYet: AlertList = { alerts: [], isPending: true, problem: null };

/** Of one symbol, or of all. */
export function useAlerts(symbol: string | null, max: number): AlertList {
  const [cell] = useState(() => new Cell(nothingYet));
  useEffect(() => {
    const stopped = new AbortController();
    const { signal } = stopped;
    cell.set(nothingYet);
    const add = (alerts: readonly Signal[], isPending: boolean): void => {
      const byId = new Map(cell.newest.alerts.map((one) => [one.id, one]));
      for (const one of alerts) {
        if (one.revision >= (byId.get(one.id)?.revision ?? 0)) byId.set(one.id, one);
      }
      const newestFirst = [...byId.values()].sort((a, b) => (a.time < b.time ? 1 : -1));
      cell.set({ alerts: newestFirst.slice(0, max), isPending, problem: null });
    };
    const load = async (): Promise<void> => {
      const waits = (problem: ProblemError): void => cell.set({ ...cell.newest, problem });
      const ask = () => api.alerts(symbol, max, signal);
      const alerts = await patiently(ask, signal, waits).catch(() => null);
      if (alerts && !signal.aborted) add(alerts, false);
    };
    const unsubscribe = subscribe(
      { stream: 'alerts' },
      {
        begin: () => void load(),
        next: (one) => {
          if (symbol === null || one.symbol === symbol) add([one], cell.newest.isPending);
        },
      },
    );
    return () => {
      stopped.abort();
      unsubscribe();
    };
  }, [cell, symbol, max]);
  return useCell(cell);
}
