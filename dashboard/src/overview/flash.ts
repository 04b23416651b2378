// Tints a value for a moment, so that a change is seen without being read.

import type { Direction } from '../decimal.ts';

const calm = matchMedia('(prefers-reduced-motion: reduce)');
const ms = 700;

export function flash(target: HTMLElement, direction: Direction): void {
  if (direction === 'flat' || calm.matches || target.getAnimations().length > 0) return;
  target.animate({ backgroundColor: [`var(--${direction}-tint)`, 'transparent'] }, ms);
}
