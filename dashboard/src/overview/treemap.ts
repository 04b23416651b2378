// A squarified treemap (Bruls, Huizing, van Wijk 2000): rectangles with areas in proportion to the
// weights and sides as equal as can be, greatest first.

export interface Tile<Item> {
  readonly item: Item;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

interface Weighted<Item> {
  readonly item: Item;
  readonly area: number;
}

export function treemap<Item>(
  items: readonly { readonly item: Item; readonly weight: number }[],
  width: number,
  height: number,
): Tile<Item>[] {
  const total = items.reduce((sum, { weight }) => sum + weight, 0);
  if (total <= 0 || width <= 0 || height <= 0) return [];
  const scale = (width * height) / total;
  const left = items
    .filter(({ weight }) => weight > 0)
    .map(({ item, weight }) => ({ item, area: weight * scale }))
    .sort((a, b) => b.area - a.area);
  const tiles: Tile<Item>[] = [];
  const free = { x: 0, y: 0, width, height };
  for (let start = 0; start < left.length; ) {
    const side = Math.min(free.width, free.height);
    let end = start + 1;
    while (end < left.length) {
      const row = left.slice(start, end);
      if (worst(left.slice(start, end + 1), side) > worst(row, side)) break;
      end++;
    }
    place(left.slice(start, end), free, tiles);
    start = end;
  }
  return tiles;
}

/** The greatest ratio of sides in a row along `side`. */
function worst(row: readonly Weighted<unknown>[], side: number): number {
  const sum = row.reduce((total, { area }) => total + area, 0);
  const [first, last] = [row[0]?.area ?? 1, row.at(-1)?.area ?? 1];
  return Math.max((side * side * first) / (sum * sum), (sum * sum) / (side * side * last));
}

function place<Item>(
  row: readonly Weighted<Item>[],
  free: { x: number; y: number; width: number; height: number },
  tiles: Tile<Item>[],
): void {
  const sum = row.reduce((total, { area }) => total + area, 0);
  const isColumn = free.width >= free.height;
  const depth = sum / (isColumn ? free.height : free.width);
  let along = isColumn ? free.y : free.x;
  for (const { item, area } of row) {
    const length = area / depth;
    tiles.push(
      isColumn
        ? { item, x: free.x, y: along, width: depth, height: length }
        : { item, x: along, y: free.y, width: length, height: depth },
    );
    along += length;
  }
  if (isColumn) {
    free.x += depth;
    free.width -= depth;
  } else {
    free.y += depth;
    free.height -= depth;
  }
}
