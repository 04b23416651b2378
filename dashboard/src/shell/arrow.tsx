// Up or down as a shape, so that it need not be told by colour; keeps its place when flat.

import type { Direction } from '../decimal.ts';

export function Arrow({ direction }: { readonly direction: Direction }) {
  return <i className="arrow" data-direction={direction} aria-hidden="true" />;
}
