// Which instruments a person means by what was typed: the beginning of a code first, then any part
// of code or name.

interface Named {
  readonly symbol: string;
  readonly name: string;
}

export function matches<Item extends Named>(items: readonly Item[], typed: string): Item[] {
  const text = typed.trim().toLowerCase();
  if (text === '') return [...items];
  const rank = ({ symbol, name }: Named): number => {
    const code = symbol.toLowerCase();
    if (code === text) return 0;
    if (code.startsWith(text)) return 1;
    return code.includes(text) || name.toLowerCase().includes(text) ? 2 : 3;
  };
  return items
    .map((item) => ({ item, rank: rank(item) }))
    .filter((one) => one.rank < 3)
    .sort((a, b) => a.rank - b.rank)
    .map(({ item }) => item);
}
