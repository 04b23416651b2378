// What could not be taken in, with its raw bytes and the reason: counted, kept, never dropped.

/** Raw bytes beyond this are cut; `rawLength` still says how many there were. */
export const rawBytesMax = 16_384;

export interface DeadLetter {
  /**
   * Derived from where it stood, when the same input may be read again, so that it is stored once;
   * null when it cannot be.
   */
  readonly id: string | null;
  readonly source: string;
  /** Microseconds. */
  readonly receiveTime: number;
  /** Where it stood: a file and row, a connection, a URL. */
  readonly where: string;
  /** A short, stable code to count by, such as `bad-price`. */
  readonly reason: string;
  /** What exactly was wrong, for a person. */
  readonly detail: string;
  /** The bytes as they came, base64. */
  readonly raw: string;
  readonly rawLength: number;
}

export function deadLetter(
  fields: Omit<DeadLetter, 'id' | 'raw' | 'rawLength'>,
  raw: Uint8Array | string,
  id: string | null = null,
): DeadLetter {
  const bytes = Buffer.from(raw as string);
  return {
    id,
    ...fields,
    raw: bytes.subarray(0, rawBytesMax).toString('base64'),
    rawLength: bytes.length,
  };
}
