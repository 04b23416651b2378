// What the pipeline counts, for /metrics. One set per thread; the threads' figures are added up
// when they are asked for.

import { Counter, Gauge, Histogram, type Registry } from '@prometheus-io/client';

export type Meters = ReturnType<typeof pipelineMeters>;

export function pipelineMeters(registry: Registry) {
  const registers = [registry];
  return { ...ingestMeters(registers), ...outputMeters(registers), ...followMeters(registers) };
}

function ingestMeters(registers: Registry[]) {
  return {
    records: new Counter({
      name: 'tapeline_ingest_records_total',
      help: 'Records made durable, by source and stream.',
      labelNames: ['source', 'stream'],
      registers,
    }),
    repeats: new Counter({
      name: 'tapeline_ingest_repeats_total',
      help: 'Records dropped because their id was taken in before.',
      labelNames: ['source', 'stream'],
      registers,
    }),
    late: new Counter({
      name: 'tapeline_ingest_late_total',
      help: 'Records that came after their allowed lateness.',
      labelNames: ['source', 'stream'],
      registers,
    }),
    corrections: new Counter({
      name: 'tapeline_ingest_corrections_total',
      help: 'Corrections, cancels, cancelled trades and what came too late, by verdict.',
      labelNames: ['source', 'verdict'],
      registers,
    }),
    deadLetters: new Counter({
      name: 'tapeline_dead_letters_total',
      help: 'Inputs that could not be taken in, kept with their bytes and the reason.',
      labelNames: ['source', 'reason'],
      registers,
    }),
  };
}

function outputMeters(registers: Registry[]) {
  return {
    candles: new Counter({
      name: 'tapeline_candles_total',
      help: 'Candles published, by state.',
      labelNames: ['state'],
      registers,
    }),
    notRefolded: new Counter({
      name: 'tapeline_engine_cancels_without_trades_total',
      help: 'Candles that a cancel could not change: they hold bars, or trades that left the log.',
      registers,
    }),
    unknownConditions: new Counter({
      name: 'tapeline_tape_unknown_conditions_total',
      help: 'Trades with a condition that the rules of their tape do not know, by tape.',
      labelNames: ['tape'],
      registers,
    }),
    signals: new Counter({
      name: 'tapeline_signals_total',
      help: 'Signals published, by kind and state.',
      labelNames: ['kind', 'state'],
      registers,
    }),
    published: new Counter({
      name: 'tapeline_rows_published_total',
      help: 'Rows sent to topics that others read, those that take one back included.',
      labelNames: ['topic'],
      registers,
    }),
    unpublished: new Counter({
      name: 'tapeline_rows_refused_total',
      help: 'Trades that rows have no room for: they are in the log and the store alone.',
      labelNames: ['source', 'reason'],
      registers,
    }),
  };
}

function followMeters(registers: Registry[]) {
  return {
    lost: new Counter({
      name: 'tapeline_log_lost_records_total',
      help: 'Records a consumer could not read, by reason.',
      labelNames: ['consumer', 'reason'],
      registers,
    }),
    lag: new Gauge({
      name: 'tapeline_consumer_lag_records',
      help: 'Records in the log that a consumer has not taken yet.',
      labelNames: ['consumer', 'topic', 'partition'],
      registers,
    }),
    held: new Gauge({
      name: 'tapeline_engine_candles_held',
      help: 'Candles in the memory of the engine.',
      labelNames: ['topic'],
      registers,
    }),
    commit: new Histogram({
      name: 'tapeline_log_commit_seconds',
      help: 'Time of a log commit, fsync included.',
      buckets: [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1],
      registers,
    }),
  };
}
