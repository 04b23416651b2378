// What the gateway counts, for /metrics. Names say their unit; labels have few values.

import { Counter, Gauge, Histogram, type Registry } from '@prometheus-io/client';
import type { Topic } from '../log/log.ts';

export type GatewayMetrics = ReturnType<typeof gatewayMetrics>;

/** What is only worth asking when somebody reads the metrics. */
export interface GatewayGauges {
  lag(): ReadonlyMap<Topic, number>;
  connections(): number;
  subscriptions(): ReadonlyMap<string, number>;
}

export function gatewayMetrics(registry: Registry) {
  const registers = [registry];
  return {
    served: new Histogram({
      name: 'tapeline_ingest_to_served_seconds',
      help:
        'From a record reaching us to its message being written to the WebSocket clients: ' +
        'one observation per batch and stream, of its oldest record.',
      labelNames: ['stream'],
      buckets: [
        0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.02, 0.03, 0.05, 0.1, 0.25, 1, 5, 60,
      ],
      registers,
    }),
    ...webSocketCounters(registers),
    lost: new Counter({
      name: 'tapeline_gateway_lost_records_total',
      help: 'Log records that the gateway could not read.',
      labelNames: ['topic', 'reason'],
      registers,
    }),
    ...httpMetrics(registry),
  };
}

export type HttpMetrics = ReturnType<typeof httpMetrics>;

export function httpMetrics(registry: Registry) {
  return {
    requests: new Histogram({
      name: 'tapeline_http_request_seconds',
      help: 'Time to answer an HTTP request.',
      labelNames: ['route', 'status'],
      buckets: [0.001, 0.005, 0.01, 0.03, 0.1, 0.3, 1, 3, 10],
      registers: [registry],
    }),
  };
}

function webSocketCounters(registers: Registry[]) {
  return {
    messages: new Counter({
      name: 'tapeline_stream_messages_total',
      help: 'Messages written to WebSocket clients.',
      labelNames: ['stream'],
      registers,
    }),
    conflated: new Counter({
      name: 'tapeline_stream_conflated_total',
      help: 'Messages that a slow client was not sent, because a newer value followed.',
      labelNames: ['stream'],
      registers,
    }),
    fallbacks: new Counter({
      name: 'tapeline_stream_fallbacks_total',
      help: 'Times that a slow client was left to read on from the log.',
      labelNames: ['stream'],
      registers,
    }),
    skipped: new Counter({
      name: 'tapeline_stream_missed_records_total',
      help: 'Log records that gap messages told clients they have missed.',
      labelNames: ['stream'],
      registers,
    }),
    dropped: new Counter({
      name: 'tapeline_stream_skipped_total',
      help: 'Messages that a slow client was not sent, and told so in a skip message.',
      labelNames: ['stream'],
      registers,
    }),
    errors: new Counter({
      name: 'tapeline_stream_errors_total',
      help: 'Messages of WebSocket clients that were refused.',
      labelNames: ['code'],
      registers,
    }),
    closed: new Counter({
      name: 'tapeline_stream_closed_total',
      help: 'WebSockets that ended, by what ended them.',
      labelNames: ['reason'],
      registers,
    }),
    refused: new Counter({
      name: 'tapeline_stream_refused_total',
      help: 'WebSocket handshakes that were refused.',
      labelNames: ['reason'],
      registers,
    }),
  };
}

export function gatewayGauges(registry: Registry, gauges: GatewayGauges): void {
  const registers = [registry];
  new Gauge({
    name: 'tapeline_gateway_lag_records',
    help: 'Log records that the gateway has not read yet.',
    labelNames: ['topic'],
    registers,
    collect() {
      for (const [topic, records] of gauges.lag()) this.set({ topic }, records);
    },
  });
  new Gauge({
    name: 'tapeline_stream_connections',
    help: 'WebSockets that are open.',
    registers,
    collect() {
      this.set(gauges.connections());
    },
  });
  new Gauge({
    name: 'tapeline_stream_subscriptions',
    help: 'Streams that WebSockets are subscribed to.',
    labelNames: ['stream'],
    registers,
    collect() {
      for (const [stream, count] of gauges.subscriptions()) this.set({ stream }, count);
    },
  });
}
