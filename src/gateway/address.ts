// Client addresses, as limits see them.

import { BlockList, isIPv6 } from 'node:net';

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

/** The address as people write it: an IPv4 one without its IPv6 wrapping. */
export function plainAddress(address: string | undefined): string {
  return (address ?? '').replace(/^::ffff:(?=\d+\.)/, '');
}

export function isLoopback(address: string): boolean {
  const plain = plainAddress(address);
  return loopback.check(plain, isIPv6(plain) ? 'ipv6' : 'ipv4');
}
