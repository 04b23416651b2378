// Which pages may connect. A browser says of what origin the page is that opens a WebSocket, and
// asks nobody else; so without this any page could read what only this machine may. A page may also
// have the name that it came from lead to this machine, and then everything is of its own origin to
// the browser; the name is in `Host`.

import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { Failure } from '../base/failure.ts';
import { isLoopback } from './address.ts';

/**
 * Throws Failure `forbidden` where what came in on this machine's own interface was asked of a
 * name that others may own. `allowed` are origins; a proxy beside us may pass on their names.
 */
export function requireHost(
  { headers: { host }, socket }: IncomingMessage,
  allowed: readonly string[],
): void {
  if (!host || !isLoopback(socket.localAddress ?? '')) return;
  const name = nameOf(URL.parse(`http://${host}`));
  const isOurs =
    name !== '' && (isIP(name) > 0 || !name.includes('.') || name.endsWith('.localhost'));
  if (isOurs || allowed.some((origin) => nameOf(URL.parse(origin)) === name)) return;
  const cure =
    'Ask by http://localhost; or, where a proxy passes this name on, add its origin to ' +
    `ALLOWED_ORIGINS, such as https://${host}.`;
  throw new Failure('forbidden', `This machine is not served as "${host}".`, cure);
}

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
  const name = nameOf(page);
  return isLoopback(address) && (name === 'localhost' || isLoopback(name));
}

/** Without the brackets of an IPv6 address or a dot at the end; empty for what is no address. */
function nameOf(url: URL | null): string {
  return url?.hostname.replace(/^\[(.*)\]$|\.$/, '$1') ?? '';
}

/** What lets the page read an answer that may connect. */
export function sharing({ headers }: IncomingMessage): Readonly<Record<string, string>> {
  const { origin } = headers;
  return origin === undefined ? {} : { 'access-control-allow-origin': origin, vary: 'Origin' };
}
