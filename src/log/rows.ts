// Rows: what of the log others than us read, in topics that any client and any engine understand.
// Contract, for every implementation:
//
// Order       The rows of one group stay in order.
// Durability  A `send` that resolved survives the loss of a broker. Where rows go with a log, that
//             is so once the log's next commit has resolved, and nobody sees them earlier.
// Delivery    With a log exactly once. Else at least once: a row has a key, and who sees it again
//             replaces it by itself.

export interface Row {
  /** What it is known by. */
  readonly key: string;
  /** Null takes back what was sent under this key. */
  readonly value: Readonly<Record<string, unknown>> | null;
  /** Rows of a group are in one partition. */
  readonly group: string;
}

export interface Rows {
  /** Rejects with Failure `log-unavailable`. */
  send(topic: string, rows: readonly Row[]): Promise<void>;
  close(): Promise<void>;
}
