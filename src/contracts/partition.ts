// Symbols are divided among the partitions of a log by a hash of their name alone, so that whoever
// writes, and whoever reads, looks for a symbol in the same one.

/** FNV-1a of its UTF-8 bytes, 32 bits, modulo the number of partitions. */
export function partitionOf(symbol: string, of: number): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(symbol)) hash = Math.imul(hash ^ byte, 0x01000193);
  return (hash >>> 0) % of;
}
