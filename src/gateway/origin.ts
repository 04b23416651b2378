// Which pages may connect. A browser says of what origin the page is that opens a WebSocket, and
// asks nobody else; so without this any page could read what only this machine may.

import type { IncomingMessage } from 'node:http';
import { isLoopback } from './address.ts';

/**
 * Programs say no origin. Pages must be of this server, or named by `allowed`, or of the machine
 * that the browser itself runs on, when that is ours.
 */
export function mayConnect(
  origin: string | undefined,
  host: string | undefined,
  address: string,
  allowed: readonly string[],
): boolean {
  if (origin === undefined || allowed.includes(origin)) return true;
  const page = URL.parse(origin);
  if (page === null) return false;
  if (page.host === host) return true;
  const name = page.hostname.replace(/^\[(.*)\]$/, '$1');
  return isLoopback(address) && (name === 'localhost' || isLoopback(name));
}

/** What lets the page read an answer that may connect. */
export function sharing({ headers }: IncomingMessage): Readonly<Record<string, string>> {
  const { origin } = headers;
  return origin === undefined ? {} : { 'access-control-allow-origin': origin, vary: 'Origin' };
}
