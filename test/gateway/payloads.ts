// What a server's frames hold, read as strictly as RFC 6455 has it.

import assert from 'node:assert/strict';
import type { Message } from './rig.ts';

/** Reads unmasked, unfragmented text frames as a client would. */
export function payloads(bytes: Buffer): Message[] {
  const found: Message[] = [];
  let at = 0;
  while (at < bytes.length) {
    assert.equal(bytes[at], 0x81, 'one whole text message');
    const short = bytes[at + 1];
    assert.ok(short < 128, 'a server does not mask');
    const [head, length] =
      short < 126
        ? [2, short]
        : short === 126
          ? [4, bytes.readUInt16BE(at + 2)]
          : [10, Number(bytes.readBigUInt64BE(at + 2))];
    assert.ok(short !== 126 || length > 125, 'the shortest head that will do');
    assert.ok(short !== 127 || length > 65_535, 'the shortest head that will do');
    found.push(JSON.parse(bytes.toString('utf8', at + head, at + head + length)));
    at += head + length;
  }
  return found;
}
