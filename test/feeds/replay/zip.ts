// Writes a zip, for tests of reading one. Source: PKWARE's APPNOTE.TXT 6.3.10, sections 4.3.7 to
// 4.3.16.

import { crc32, deflateRawSync } from 'node:zlib';

interface ZipOptions {
  /** Packed, or as it is. */
  readonly deflate?: boolean;
  /** What the zip says the checksum is. */
  readonly checksum?: number;
}

export function zip(files: Readonly<Record<string, string>>, options: ZipOptions = {}): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const [name, text] of Object.entries(files)) {
    const content = Buffer.from(text);
    const packed = options.deflate === false ? content : deflateRawSync(content);
    const fields = Buffer.alloc(26);
    fields.writeUInt16LE(20, 0);
    fields.writeUInt16LE(options.deflate === false ? 0 : 8, 4);
    fields.writeUInt32LE(options.checksum ?? crc32(content), 10);
    fields.writeUInt32LE(packed.length, 14);
    fields.writeUInt32LE(content.length, 18);
    fields.writeUInt16LE(name.length, 22);
    const local = Buffer.concat([mark(0x04034b50), fields, Buffer.from(name), packed]);
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE(offset, 10);
    directory.push(mark(0x02014b50), mark(20).subarray(0, 2), fields, rest, Buffer.from(name));
    parts.push(local);
    offset += local.length;
  }
  const entries = Buffer.concat(directory);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(Object.keys(files).length, 4);
  end.writeUInt16LE(Object.keys(files).length, 6);
  end.writeUInt32LE(entries.length, 8);
  end.writeUInt32LE(offset, 12);
  return Buffer.concat([...parts, entries, mark(0x06054b50), end]);
}

function mark(number: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(number);
  return bytes;
}
