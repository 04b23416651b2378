// Entity tags: RFC 9110, 8.8.3. They are weak, as the same answer goes out in several encodings.

import { hash } from 'node:crypto';

/** Names a text: who has one of this tag has this text. */
export function tagOf(text: string): string {
  return `W/"${hash('sha1', text, 'base64url')}"`;
}

/** Whether If-None-Match names a tag, compared weakly: RFC 9110, 13.1.2. */
export function isAmong(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  if (header.trim() === '*') return true;
  const tags: readonly string[] | null = header.match(/"[^"]*"/g);
  return tags?.includes(etag.replace('W/', '')) ?? false;
}
