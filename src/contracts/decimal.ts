// Exact decimals. A price or size is a safe integer count of 10^-scale; on every wire it is a
// plain decimal string without exponent or trailing zeros. Nothing here ever rounds, except
// `divide`, which says how.

/** The finest scale we accept: 10^-12. */
export const scaleMax = 12;

const powers = Array.from({ length: 23 }, (_, exponent) => 10 ** exponent);

/** 10^exponent for 0 to 22, where doubles are exact. */
export function powerOfTen(exponent: number): number {
  return powers[exponent] as number;
}

export interface Decimal {
  readonly value: number;
  readonly scale: number;
}

const plain = /^([+-]?)(\d+)(?:\.(\d*))?(?:[eE]([+-]?\d{1,3}))?$/;

/**
 * Reads a decimal literal as JSON or CSV writes it (`105433.60000`, `1e-7`), in the smallest scale
 * that holds it. Returns null for anything that is not a number, needs more than `scaleMax`
 * digits after the point, or exceeds the safe integers at that scale.
 */
export function parseDecimal(text: string): Decimal | null {
  const parts = plain.exec(text);
  if (!parts) return null;
  const [, sign, whole = '', fraction = '', exponent = '0'] = parts;
  const digits = (whole + fraction).replace(/^0+(?=\d)/, '');
  const significant = digits.replace(/0+$/, '');
  if (significant === '') return { value: 0, scale: 0 };
  const scale = fraction.length - Number(exponent) - (digits.length - significant.length);
  const zeros = scale < 0 ? -scale : 0;
  if (scale > scaleMax || significant.length + zeros > 16) return null;
  const magnitude = Number(significant + '0'.repeat(zeros));
  if (!Number.isSafeInteger(magnitude)) return null;
  return { value: sign === '-' ? -magnitude : magnitude, scale: Math.max(scale, 0) };
}

/** The same amount in a finer or equal scale, or null when it leaves the safe integers. */
export function rescale(value: number, from: number, to: number): number | null {
  const scaled = value * powerOfTen(to - from);
  return Number.isSafeInteger(scaled) ? scaled : null;
}

/** `formatDecimal(1394000, 4)` is `139.4`. */
export function formatDecimal(value: number, scale: number): string {
  if (scale === 0) return String(value);
  const magnitude = Math.abs(value);
  const power = powerOfTen(scale);
  const whole = Math.floor(magnitude / power);
  const rest = magnitude - whole * power;
  const sign = value < 0 ? '-' : '';
  if (rest === 0) return sign + whole;
  return `${sign}${whole}.${trimZeros(String(rest).padStart(scale, '0'))}`;
}

export function formatBigDecimal(value: bigint, scale: number): string {
  const negative = value < 0n;
  const digits = String(negative ? -value : value).padStart(scale + 1, '0');
  const whole = digits.slice(0, digits.length - scale);
  const fraction = trimZeros(digits.slice(digits.length - scale));
  return (negative ? '-' : '') + (fraction ? `${whole}.${fraction}` : whole);
}

/**
 * numerator / denominator as an integer count of 10^-scale, rounded half up (the rule Flink and
 * java.math apply to a DECIMAL result). Both operands must share one scale; none is negative.
 */
export function divide(numerator: bigint, denominator: bigint, scale: number): bigint {
  const scaled = numerator * 10n ** BigInt(scale);
  return (2n * scaled + denominator) / (2n * denominator);
}

function trimZeros(digits: string): string {
  let end = digits.length;
  while (end > 0 && digits.charCodeAt(end - 1) === 48) end--;
  return digits.slice(0, end);
}
