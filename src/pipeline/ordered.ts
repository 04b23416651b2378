// Numbers in keys of the log's state, which are in the order of their bytes.

/** An integer as text that is in its order; its size is below 10^10. */
export function ordered(integer: number): string {
  // As all of these have eleven digits.
  return String(integer + 2e10);
}
