// For whoever runs it: the parts and feeds, what flows, how far behind and how late it is, what was
// lost or refused, and what it stands on.

import { useQuery } from '@tanstack/react-query';
import { useEffect } from 'react';
import type { Health, PartHealth } from '../api.ts';
import { link } from '../connection.ts';
import { askHealth } from '../queries.ts';
import { ProblemNotice } from '../shell/notice.tsx';
import { useTitle } from '../shell/title.ts';
import { Gaps, Lag, Latency, System, Throughput } from './panels.tsx';
import { useReadings } from './readings.ts';
import './pipeline.css';

export function PipelinePage() {
  const health = useQuery(askHealth);
  const readings = useReadings();
  useTitle('Pipeline');
  useLink(health.dataUpdatedAt, health.failureReason !== null);
  const error = health.failureReason ?? readings.error;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by key
    <section className="pipeline" aria-label="Pipeline" tabIndex={0}>
      <h1>Pipeline</h1>
      {error ? <ProblemNotice error={error} /> : null}
      <Parts health={health.data} />
      <Throughput readings={readings.all} />
      <Lag readings={readings.all} />
      <Latency readings={readings.all} />
      <Gaps readings={readings.all} />
      <System readings={readings.all} health={health.data} />
    </section>
  );
}

/** What is asked for here is the connection of this page. */
function useLink(heardAt: number, isLost: boolean): void {
  useEffect(() => {
    const own = link(false);
    if (isLost) own.lost();
    else if (heardAt > 0) own.heard(new Date(heardAt).toISOString());
    return () => own.remove();
  }, [heardAt, isLost]);
}

const signs: Record<PartHealth['state'], string> = {
  ok: '✓',
  starting: '…',
  degraded: '!',
  down: '✕',
};

function Parts({ health }: { readonly health: Health | undefined }) {
  const parts = health
    ? [
        ...Object.entries(health.feeds).map(([name, part]) => [`feed ${name}`, part] as const),
        ['log', health.log] as const,
        ['engine', health.engine] as const,
        ['store', health.store] as const,
        ['gateway', health.gateway] as const,
      ]
    : [];
  return (
    <section className="panel parts" aria-labelledby="parts-title">
      <h2 id="parts-title">Parts</h2>
      <ul>
        {parts.map(([name, { state, detail }]) => (
          <li key={name} data-part-state={state}>
            <i aria-hidden="true">{signs[state]}</i>
            <b>{name}</b>
            <span className="state">{state}</span>
            <span className="detail">{detail}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}
