// One table of everything outside this program that can go wrong, and the one error class for it.
// A Failure always says what happened, where, and how to mend it. A bug is an assertion instead.

interface FailureKind {
  /** HTTP status that the gateway answers with. */
  readonly status: number;
  /** WebSocket close code; 4000–4499 invite the client to reconnect, 4500–4999 do not. */
  readonly close: number;
  /** Whether the same call may succeed later without anybody changing anything. */
  readonly retryable: boolean;
}

export const failureKinds = {
  'bad-configuration': { status: 500, close: 4500, retryable: false },
  'bad-file': { status: 422, close: 4501, retryable: false },
  'bad-request': { status: 400, close: 4502, retryable: false },
  'data-folder-in-use': { status: 409, close: 4503, retryable: true },
  'data-folder-version': { status: 409, close: 4504, retryable: false },
  'data-folder-unusable': { status: 500, close: 4505, retryable: false },
  'database-mismatch': { status: 409, close: 4506, retryable: false },
  'database-unavailable': { status: 503, close: 4000, retryable: true },
  'disk-full': { status: 507, close: 4001, retryable: true },
  'feed-unavailable': { status: 502, close: 4002, retryable: true },
  'flink-refused': { status: 502, close: 4510, retryable: false },
  'flink-unavailable': { status: 502, close: 4007, retryable: true },
  forbidden: { status: 403, close: 4509, retryable: false },
  'limit-exceeded': { status: 429, close: 4003, retryable: true },
  'log-taken-over': { status: 503, close: 4510, retryable: false },
  'log-unavailable': { status: 503, close: 4004, retryable: true },
  'not-acceptable': { status: 406, close: 4510, retryable: false },
  'not-found': { status: 404, close: 4507, retryable: false },
  'not-ready': { status: 503, close: 4005, retryable: true },
  'port-in-use': { status: 500, close: 4508, retryable: false },
  'registry-refused': { status: 502, close: 4510, retryable: false },
  'registry-unavailable': { status: 502, close: 4008, retryable: true },
  'slow-consumer': { status: 429, close: 4006, retryable: true },
} as const satisfies Record<string, FailureKind>;

export type FailureCode = keyof typeof failureKinds;

export class Failure extends Error {
  readonly code: FailureCode;
  /** What the reader can do about it, as an imperative sentence. */
  readonly cure: string;

  constructor(code: FailureCode, message: string, cure: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'Failure';
    this.code = code;
    this.cure = cure;
  }

  get kind(): FailureKind {
    return failureKinds[this.code];
  }
}

/** The text of anything thrown, for messages and logs. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
