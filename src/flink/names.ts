// What our jobs on Flink are called, and the topics of rows that they read and write. Apart from
// what runs them, so that others can name these without loading it.

export const jobNames = ['candles', 'signals'] as const;
export type JobName = (typeof jobNames)[number];

export const rowTopics = {
  trades: 'market.trades',
  candles: 'market.candles',
  signals: 'market.signals',
} as const;
