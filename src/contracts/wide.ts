// Exact sums beyond 2^53, without BigInt on the hot path: high * 2^52 + low, 0 <= low < 2^52.
// Good for 2^105, which is every volume and every notional of any market day.

export const limb = 2 ** 52;

/** The largest price x size we take; a sum of 512 such products still fits. */
export const productMax = 2 ** 96;

const splitter = 2 ** 27 + 1;

/**
 * The part of a * b that the double product rounds away: a * b === (a * b as double) + error.
 * Dekker's product with Veltkamp's split (Numerische Mathematik 18, 1971); exact for safe integers.
 */
export function productError(a: number, b: number, product: number): number {
  const ca = splitter * a;
  const ah = ca - (ca - a);
  const al = a - ah;
  const cb = splitter * b;
  const bh = cb - (cb - b);
  const bl = b - bh;
  return al * bl - (product - ah * bh - al * bh - ah * bl);
}

export function wideToBigInt(high: number, low: number): bigint {
  return BigInt(high) * BigInt(limb) + BigInt(low);
}

export function wideFromBigInt(value: bigint): { high: number; low: number } {
  const divisor = BigInt(limb);
  return { high: Number(value / divisor), low: Number(value % divisor) };
}
