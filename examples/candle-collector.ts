// Collects the closed minutes of a symbol in a file, and goes on where it was however it ended: the
// file is its memory. A line is one message with its cursor. Of a line that was cut off in the
// writing nothing is kept; it is told again. A candle that was revised comes once more.
//   ./tapeline node examples/candle-collector.ts ws://localhost:8000 AAPL aapl.jsonl

import { open } from 'node:fs/promises';
// In a program of your own: from '@tapeline/client'.
import { connect } from '../client/index.ts';

const [url = 'ws://localhost:8000', symbol = 'AAPL', path = 'candles.jsonl'] =
  process.argv.slice(2);

const file = await open(path, 'a+');
const text = await file.readFile('utf8');
const whole = text.slice(0, text.lastIndexOf('\n') + 1);
await file.truncate(Buffer.byteLength(whole));
const lastLine = whole.trimEnd().split('\n').at(-1) ?? '';
const cursor = lastLine === '' ? null : (JSON.parse(lastLine) as { cursor: string }).cursor;

const candles = connect(url).subscribe({
  stream: 'candles',
  symbols: [symbol],
  interval: '1m',
  ...(cursor === null ? { history: 500 } : { cursor }),
});

for await (const message of candles) {
  // An open candle is not worth a line: its last version comes when it closes.
  if (message.type === 'mark' || (message.type === 'candle' && message.state === 'open')) continue;
  await file.appendFile(`${JSON.stringify(message)}\n`);
  await file.datasync();
}
