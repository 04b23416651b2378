// One line of progress on a terminal, redrawn in place; nothing at all where there is no terminal.

export interface ReplayProgress {
  readonly file: string;
  readonly bytesRead: number;
  readonly bytesTotal: number;
  readonly rows: number;
}

const redrawMs = 100;

export function openProgress(wanted: boolean) {
  const out = process.stderr;
  const shown = wanted && out.isTTY;
  let drawn = 0;
  return {
    show({ file, bytesRead, bytesTotal, rows }: ReplayProgress): void {
      if (!shown || performance.now() - drawn < redrawMs) return;
      drawn = performance.now();
      const percent = bytesTotal > 0 ? Math.floor((100 * bytesRead) / bytesTotal) : 0;
      const line = `${String(percent).padStart(3)} %  ${rows.toLocaleString('en')} rows  ${file}`;
      out.write(`\r\x1b[2K${line.slice(0, (out.columns ?? 80) - 1)}`);
    },
    clear(): void {
      if (shown && drawn > 0) out.write('\r\x1b[2K');
    },
  };
}
