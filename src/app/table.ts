// Rows for a terminal, in columns as wide as their widest cell.

export function* table(
  header: readonly string[],
  rows: readonly (readonly string[])[],
): Generator<string> {
  const lines = [header, ...rows];
  const widths = header.map((_, column) =>
    lines.reduce((width, cells) => Math.max(width, cells[column].length), 0),
  );
  for (const cells of lines) {
    const padded = cells.map((cell, column) => cell.padEnd(widths[column]));
    yield padded.join('  ').trimEnd();
  }
}
