// What carries a client's messages: a WebSocket, or an answer that never ends (server-sent events).
// A connection decides what is written and when; a transport knows how that looks on the wire.

import type { Socket } from 'node:net';
import type { Failure } from '../../base/failure.ts';
import type { Ready } from './ready.ts';

/** How long a client has to answer, or take, the end of its stream. */
export const closeMsMax = 2_000;

export interface Transport {
  /** What waits in it is what the network has not taken yet. */
  readonly socket: Socket;
  readonly isOpen: boolean;
  /** Resolves when it has closed, with a word for what ended it. */
  readonly ended: Promise<string>;
  /**
   * Messages as they go to this client; `id` names the subscription that they are of. To be written
   * in the order in which they are asked for here.
   */
  bytesOf(messages: Ready, id: string | null): Buffer;
  write(bytes: Buffer, written?: () => void): void;
  /** Hears what the client says, null for what is no text; and that it pings. */
  listen(hear: (text: string | null) => void, ping: () => void): void;
  /** Says that this side is there; ends what has not answered the last time, if it can answer. */
  beat(): void;
  /** Ends it for a failure, and tells whether to come back. */
  close(failure: Failure): void;
  /** Ends it as the server stops. */
  goAway(): void;
  /** Ends it for a fault of ours. */
  giveUp(): void;
}
