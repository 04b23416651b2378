// The signals of a symbol, newest first, live.

import { Link } from '@tanstack/react-router';
import { useAlerts } from '../alerts/alert-list.ts';
import { kindNames, SeverityMark } from '../alerts/severity.tsx';
import type { Signal } from '../api.ts';
import type { Explained } from '../explain/explanation.tsx';
import * as format from '../format.ts';

const loadedMax = 200;
const shownMax = 20;

export function useSignals(symbol: string): readonly Signal[] {
  return useAlerts(symbol, loadedMax).alerts;
}

interface SignalPanelProps {
  readonly symbol: string;
  readonly signals: readonly Signal[];
  readonly onExplain: (what: Explained) => void;
}

export function SignalPanel({ symbol, signals, onExplain }: SignalPanelProps) {
  return (
    <section className="panel signals" aria-labelledby="signals-title">
      <header>
        <h2 id="signals-title">Signals</h2>
        <Link to="/alerts" search={{ symbol }}>
          All of {symbol}
        </Link>
      </header>
      {signals.length === 0 ? (
        <p className="empty">
          Nothing unusual so far: spikes, unusual volume and wide swings of {symbol} come here.
        </p>
      ) : (
        <ol>
          {signals.slice(0, shownMax).map((signal) => (
            <li key={signal.id} data-state={signal.state}>
              <button type="button" onClick={() => onExplain({ signal: signal.id })}>
                <SeverityMark severity={signal.severity} />
                <time dateTime={signal.time}>{format.clock(signal.time)}</time>
                <b>{kindNames[signal.kind]}</b>
                <span>{signal.text}</span>
              </button>
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}
