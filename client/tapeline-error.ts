// The one error of this library: what the server refused, or why it does not come back.

export class TapelineError extends Error {
  /** Stable, for programs: that of the server, `closed-4502` and the like, or `slow-consumer`. */
  readonly code: string;
  /** What can be done about it, as an imperative sentence. */
  readonly cure: string;

  constructor(code: string, message: string, cure: string) {
    super(message);
    this.name = 'TapelineError';
    this.code = code;
    this.cure = cure;
  }
}
