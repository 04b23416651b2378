// The only door to randomness: a seeded generator, so that everything random can be replayed.
// xoshiro128** by Blackman and Vigna (prng.di.unimi.it), seeded through splitmix32.

export interface Prng {
  /** Uniform in [0, 1), 32 bits of resolution. */
  uniform(): number;
  /** Uniform integer in [0, below). */
  integer(below: number): number;
  /** Standard normal deviate (Box–Muller). */
  normal(): number;
}

export function prng(seed: number): Prng {
  const [next, nextUniform] = generator(seed);
  let spare: number | undefined;
  return {
    uniform: nextUniform,
    integer: (below) => Math.floor(nextUniform() * below),
    normal() {
      if (spare !== undefined) {
        const value = spare;
        spare = undefined;
        return value;
      }
      const radius = Math.sqrt(-2 * Math.log(1 - nextUniform()));
      const angle = 2 * Math.PI * (next() / 2 ** 32);
      spare = radius * Math.sin(angle);
      return radius * Math.cos(angle);
    },
  };
}

function generator(seed: number): [() => number, () => number] {
  let mix = seed >>> 0;
  const split = (): number => {
    mix = (mix + 0x9e3779b9) >>> 0;
    let z = mix;
    z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
    z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
    return (z ^ (z >>> 16)) >>> 0;
  };
  let [a, b, c, d] = [split(), split(), split(), split()];
  const next = (): number => {
    const scrambled = Math.imul(rotate(Math.imul(b, 5), 7), 9) >>> 0;
    const t = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= t;
    d = rotate(d, 11);
    return scrambled;
  };
  return [next, () => next() / 2 ** 32];
}

function rotate(x: number, k: number): number {
  return (x << k) | (x >>> (32 - k));
}
