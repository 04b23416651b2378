// Every bound of the gateway in one place: whatever a client does, it costs at most this much.

export interface GatewayLimits {
  /** Sockets of every kind that are open at once. */
  readonly connectionsMax: number;
  /** Streams open at once: WebSockets, and answers of server-sent events. */
  readonly streamsMax: number;
  /** Streams of one address; loopback is bound by `streamsMax` alone. */
  readonly streamsPerAddressMax: number;
  /** HTTP requests of one address in a second. */
  readonly requestsPerSecondMax: number;
  readonly loopbackRequestsPerSecondMax: number;
  /** Bytes of an answer from which it is compressed, and up to which at once, on this thread. */
  readonly compressedBytesMin: number;
  readonly compressedAtOnceBytesMax: number;
  /** Histories that are sent as files at once. */
  readonly filesAtOnceMax: number;
  /** Milliseconds that one may take. */
  readonly fileMsMax: number;
  /** Milliseconds that a file waits for the store, and a cursor that is ahead for the log. */
  readonly catchUpMsMax: number;
  /** Bytes of a request's body; nothing here takes one. */
  readonly bodyBytesMax: number;
  /** Bytes of a request's line and headers together. */
  readonly headerBytesMax: number;
  /** Characters of a request's path and query. */
  readonly urlLengthMax: number;
  /** Characters of a symbol in a path. */
  readonly paramLengthMax: number;
  /** Milliseconds in which a request's headers must be complete. */
  readonly headersMsMax: number;
  /** Milliseconds in which a request must be complete. */
  readonly requestMsMax: number;
  /** Milliseconds in which it is answered. */
  readonly answerMsMax: number;
  /** Milliseconds that an idle connection is kept for the next request. */
  readonly keepAliveMs: number;
  /** Bytes that wait for one stream before it counts as slow; one batch may go beyond. */
  readonly pendingBytesMax: number;
  /** Milliseconds that a stream may stay slow before it is closed. */
  readonly slowMsMax: number;
  /** Milliseconds between pings; a client that answers none of them is gone. */
  readonly pingMs: number;
  /** Milliseconds that a client of /ws may stay without a subscription. */
  readonly idleMsMax: number;
  /** Bytes of a message from a client, and how many it may send in a second. */
  readonly messageBytesMax: number;
  readonly messagesPerSecondMax: number;
  /** Subscriptions of one stream, and the symbols in all their lists. */
  readonly subscriptionsMax: number;
  readonly symbolsMax: number;
  /** Rows of the past with which one subscription begins, and how many such are read at once. */
  readonly historyRowsMax: number;
  readonly historiesAtOnceMax: number;
  /** Pieces of the log that are read for slow clients in one turn of the event loop. */
  readonly readsPerTurnMax: number;
  /** Milliseconds between two summaries of one symbol. */
  readonly summaryMs: number;
  /** Trades held in memory for one symbol, and for all of them. */
  readonly recentTradesMax: number;
  readonly recentTradesTotalMax: number;
  /** Candles held in memory for one symbol, price kind and interval, and for all of them. */
  readonly recentCandlesMax: number;
  readonly recentCandlesTotalMax: number;
  /** Candles held for the indicators of streams, each as often as it has indicators. */
  readonly indicatedCandlesMax: number;
  /** Signals held in memory, and articles. */
  readonly recentSignalsMax: number;
  readonly recentArticlesMax: number;
  /** Records of the logs' ends, all together, that fill the memory at start. */
  readonly fillRecords: number;
  readonly fillCandles: number;
  /** Records that a request reads from a log where the store has not come so far yet. */
  readonly unstoredRecordsMax: number;
}

export const defaultLimits: GatewayLimits = {
  connectionsMax: 16_384,
  streamsMax: 12_288,
  streamsPerAddressMax: 256,
  requestsPerSecondMax: 100,
  loopbackRequestsPerSecondMax: 50_000,
  compressedBytesMin: 1_024,
  compressedAtOnceBytesMax: 16_384,
  filesAtOnceMax: 4,
  fileMsMax: 600_000,
  catchUpMsMax: 5_000,
  bodyBytesMax: 1_024,
  headerBytesMax: 16_384,
  urlLengthMax: 2_048,
  paramLengthMax: 64,
  headersMsMax: 10_000,
  requestMsMax: 15_000,
  answerMsMax: 20_000,
  keepAliveMs: 30_000,
  pendingBytesMax: 1 << 20,
  slowMsMax: 60_000,
  pingMs: 15_000,
  idleMsMax: 60_000,
  messageBytesMax: 32_768,
  messagesPerSecondMax: 100,
  subscriptionsMax: 64,
  symbolsMax: 2_000,
  historyRowsMax: 20_000,
  historiesAtOnceMax: 4,
  readsPerTurnMax: 4,
  summaryMs: 250,
  recentTradesMax: 4_096,
  recentTradesTotalMax: 1 << 20,
  recentCandlesMax: 256,
  recentCandlesTotalMax: 1 << 18,
  indicatedCandlesMax: 1 << 18,
  recentSignalsMax: 10_000,
  recentArticlesMax: 5_000,
  fillRecords: 1 << 16,
  fillCandles: 1 << 17,
  unstoredRecordsMax: 500_000,
};
