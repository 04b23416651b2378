// All alerts, newest first and live, by severity and symbol; each is explained when it is opened.

import { Toggle } from '@base-ui/react/toggle';
import { ToggleGroup } from '@base-ui/react/toggle-group';
import { getRouteApi } from '@tanstack/react-router';
import { useState } from 'react';
import { type AlertSearch, severities } from '../addresses.ts';
import type { Severity } from '../api.ts';
import { type Explained, Explanation } from '../explain/explanation.tsx';
import * as format from '../format.ts';
import { Notice, ProblemNotice } from '../shell/notice.tsx';
import { useTitle } from '../shell/title.ts';
import { type AlertList, useAlerts } from './alert-list.ts';
import { AlertTable } from './alert-table.tsx';
import { SeverityMark, severityNames } from './severity.tsx';
import './alerts.css';

const route = getRouteApi('/alerts');
const heldMax = 1_000;

export function AlertsPage() {
  const { severity, symbol } = route.useSearch();
  const [explained, explain] = useState<Explained | null>(null);
  const list = useAlerts(null, heldMax);
  useTitle('Alerts');
  const ofSymbol = list.alerts.filter((one) => symbol === undefined || one.symbol === symbol);
  const shown = ofSymbol.filter((one) => severity === undefined || one.severity === severity);
  return (
    <section className="alerts" aria-label="Alerts">
      <div className="toolbar">
        <h1>Alerts</h1>
        <SeverityFilter
          chosen={severity}
          countOf={(one) => ofSymbol.filter((alert) => alert.severity === one).length}
        />
        <SymbolFilter symbol={symbol} />
        <span className="shown" role="status">
          {format.count(shown.length)} shown
        </span>
      </div>
      {list.problem ? <ProblemNotice error={list.problem} /> : null}
      {shown.length > 0 ? (
        <AlertTable alerts={shown} onOpen={(signal) => explain({ signal })} />
      ) : (
        <Nothing list={list} />
      )}
      <Explanation subject={explained} onClose={() => explain(null)} />
    </section>
  );
}

function useSet() {
  const navigate = route.useNavigate();
  return (change: AlertSearch): void =>
    void navigate({ search: (search: AlertSearch) => ({ ...search, ...change }), replace: true });
}

interface SeverityFilterProps {
  readonly chosen: Severity | undefined;
  readonly countOf: (severity: Severity) => number;
}

function SeverityFilter({ chosen, countOf }: SeverityFilterProps) {
  const set = useSet();
  return (
    <ToggleGroup
      className="toggles"
      aria-label="Severity"
      value={[chosen ?? 'all']}
      onValueChange={([value]) => set({ severity: severities.find((one) => one === value) })}
    >
      <Toggle value="all">All</Toggle>
      {severities.map((one) => (
        <Toggle key={one} value={one}>
          <SeverityMark severity={one} />
          <span className="severity-name">{severityNames[one]}</span>
          <span className="count">{format.count(countOf(one))}</span>
        </Toggle>
      ))}
    </ToggleGroup>
  );
}

function SymbolFilter({ symbol }: { readonly symbol: string | undefined }) {
  const set = useSet();
  return (
    <input
      type="search"
      className="filter"
      placeholder="Symbol"
      aria-label="Only of the symbol"
      value={symbol ?? ''}
      onChange={({ target }) => set({ symbol: target.value.toUpperCase() || undefined })}
      onKeyDown={({ key, currentTarget }) => key === 'Escape' && currentTarget.blur()}
    />
  );
}

function Nothing({ list: { alerts, isPending } }: { readonly list: AlertList }) {
  if (isPending) return null;
  return alerts.length === 0 ? (
    <Notice
      title="No alerts yet"
      cure="They come here by themselves. What raises one is in docs/SIGNALS.md."
    >
      Nothing unusual was found so far: no spike, no unusual volume, no wide swing.
    </Notice>
  ) : (
    <Notice
      title="Nothing matches"
      cure={
        <route.Link to="/alerts" search={{}}>
          Show all alerts
        </route.Link>
      }
    >
      None of the newest {format.count(alerts.length)} alerts is left by this filter.
    </Notice>
  );
}
