// @tapeline/client: live market data from Tapeline, in browsers and in Node. Nothing here needs
// another package. See README.md.

export {
  Client,
  type ClientOptions,
  type ConnectionState,
  connect,
} from './client.ts';
export type * from './messages.ts';
export type { Clock } from './platform.ts';
export type { Subscription } from './subscription.ts';
export { TapelineError } from './tapeline-error.ts';
export type * from './wire-types.ts';
