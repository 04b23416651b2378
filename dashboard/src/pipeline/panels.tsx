// The figures of the pipeline, panel by panel, from what /metrics answered.

import type { ReactNode } from 'react';
import type { Health } from '../api.ts';
import * as format from '../format.ts';
import { Course } from './course.tsx';
import { type Metrics, quantile, sum, sumsBy } from './prometheus.ts';
import { minuteAgo, type Reading, rates } from './readings.ts';

interface PanelProps {
  /** Oldest first. */
  readonly readings: readonly Reading[];
}

const flows: readonly (readonly [name: string, count: (metrics: Metrics) => number])[] = [
  ['trades in', (all) => sum(all, 'tapeline_ingest_records_total', { stream: 'trades' })],
  ['quotes in', (all) => sum(all, 'tapeline_ingest_records_total', { stream: 'quotes' })],
  ['candles', (all) => sum(all, 'tapeline_candles_total')],
  ['signals', (all) => sum(all, 'tapeline_signals_total')],
  ['messages to clients', (all) => sum(all, 'tapeline_stream_messages_total')],
  ['HTTP requests', (all) => sum(all, 'tapeline_http_request_seconds_count')],
];

export function Throughput({ readings }: PanelProps) {
  return (
    <Panel name="Throughput" note="per second">
      <ul className="flows">
        {flows.map(([name, count]) => {
          const course = rates(readings, count);
          return (
            <li key={name}>
              <span>{name}</span>
              <Course values={course} />
              <b>{format.figure(course.at(-1) ?? Number.NaN)}</b>
            </li>
          );
        })}
      </ul>
    </Panel>
  );
}

export function Lag({ readings }: PanelProps) {
  const metrics: Metrics = readings.at(-1)?.metrics ?? new Map();
  const consumers = metrics.get('tapeline_consumer_lag_records') ?? [];
  const gateway = metrics.get('tapeline_gateway_lag_records') ?? [];
  const rows = [
    ...consumers.map(
      ({ labels, value }) => [`${labels.consumer} of ${labels.topic}`, value] as const,
    ),
    ...gateway.map(({ labels, value }) => [`gateway of ${labels.topic}`, value] as const),
  ];
  return (
    <Panel name="Lag" note="records in the log not taken yet">
      <Pairs rows={rows.map(([name, value]) => [name, format.count(value), value > 0])} />
    </Panel>
  );
}

const parts = [0.5, 0.9, 0.99] as const;

export function Latency({ readings }: PanelProps) {
  const now = readings.at(-1)?.metrics ?? null;
  const before = minuteAgo(readings)?.metrics ?? null;
  const streams = now ? [...sumsBy(now, 'tapeline_ingest_to_served_seconds_count', 'stream')] : [];
  const rows: readonly (readonly [string, string, Readonly<Record<string, string>>])[] = [
    ...streams.map(
      ([stream]) => [`served: ${stream}`, 'tapeline_ingest_to_served_seconds', { stream }] as const,
    ),
    ['log commit', 'tapeline_log_commit_seconds', {}],
    ['HTTP request', 'tapeline_http_request_seconds', {}],
  ];
  return (
    <Panel name="Latency" note="of the last minute; served: from receipt to the clients">
      <table>
        <thead>
          <tr>
            <th scope="col">From, to</th>
            {parts.map((part) => (
              <th key={part} scope="col">
                p{part * 100}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(([label, name, only]) => (
            <tr key={label}>
              <th scope="row">{label}</th>
              {parts.map((part) => (
                <td key={part}>
                  {now ? format.seconds(quantile(part, name, now, before, only)) : format.nothing}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </Panel>
  );
}

const losses: readonly (readonly [name: string, metric: string, by: string])[] = [
  ['dead letters', 'tapeline_dead_letters_total', 'reason'],
  ['repeats dropped', 'tapeline_ingest_repeats_total', 'source'],
  ['late', 'tapeline_ingest_late_total', 'source'],
  ['corrections', 'tapeline_ingest_corrections_total', 'verdict'],
  ['unknown conditions', 'tapeline_tape_unknown_conditions_total', 'tape'],
  ['log records lost', 'tapeline_log_lost_records_total', 'reason'],
  ['gateway: records lost', 'tapeline_gateway_lost_records_total', 'reason'],
  ['clients: conflated', 'tapeline_stream_conflated_total', 'stream'],
  ['clients: skipped', 'tapeline_stream_skipped_total', 'stream'],
  ['clients: told a gap', 'tapeline_stream_missed_records_total', 'stream'],
  ['clients: closed', 'tapeline_stream_closed_total', 'reason'],
  ['clients: refused', 'tapeline_stream_refused_total', 'reason'],
];

export function Gaps({ readings }: PanelProps) {
  const now = readings.at(-1)?.metrics;
  const rows = losses.map(([name, metric, by]) => {
    const bySource = now ? [...sumsBy(now, metric, by)].filter(([, value]) => value > 0) : [];
    const total = bySource.reduce((all, [, value]) => all + value, 0);
    const detail = bySource.map(([of, value]) => `${of} ${format.count(value)}`).join(', ');
    return [name, format.count(total), total > 0, detail] as const;
  });
  return (
    <Panel name="Gaps and refusals" note="since the start">
      <Pairs rows={rows} />
    </Panel>
  );
}

interface SystemProps extends PanelProps {
  readonly health: Health | undefined;
}

export function System({ readings, health }: SystemProps) {
  const metrics: Metrics = readings.at(-1)?.metrics ?? new Map();
  const rows: readonly (readonly [string, string])[] = [
    ['uptime', told(health?.uptimeSeconds, (seconds) => format.age(seconds * 1000))],
    ['log on disk', told(health?.logBytes, format.bytes)],
    ['database on disk', told(health?.databaseBytes, format.bytes)],
    ['candles in memory', told(sum(metrics, 'tapeline_engine_candles_held'), format.count)],
    ['memory', told(sum(metrics, 'process_resident_memory_bytes'), format.bytes)],
    ['open streams', format.count(sum(metrics, 'tapeline_stream_connections'))],
    ['subscriptions', format.count(sum(metrics, 'tapeline_stream_subscriptions'))],
    ['Tapeline', metrics.get('tapeline_info')?.[0]?.labels.version ?? '–'],
    ['Node', metrics.get('nodejs_version_info')?.[0]?.labels.version?.replace('v', '') ?? '–'],
  ];
  return (
    <Panel name="Storage and versions">
      <Pairs rows={rows.map(([name, value]) => [name, value, true])} />
    </Panel>
  );
}

function told(value: number | null | undefined, write: (value: number) => string): string {
  return value ? write(value) : format.nothing;
}

interface PairsProps {
  readonly rows: readonly (readonly [
    name: string,
    value: string,
    isSome: boolean,
    detail?: string,
  ])[];
}

function Pairs({ rows }: PairsProps) {
  return (
    <dl className="figures">
      {rows.map(([name, value, isSome, detail]) => (
        <div key={name} data-some={isSome}>
          <dt>{name}</dt>
          {detail ? <dd className="detail">{detail}</dd> : null}
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

interface FrameProps {
  readonly name: string;
  readonly note?: string;
  readonly children: ReactNode;
}

function Panel({ name, note, children }: FrameProps) {
  return (
    <section className="panel" aria-label={name}>
      <h2>
        {name}
        {note ? <small>{note}</small> : null}
      </h2>
      {children}
    </section>
  );
}
