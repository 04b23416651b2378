// A heartbeat says that a source has told us everything up to an event time, for some symbols. It
// is what closes the candles of a quiet instrument; nothing downstream of ingest reads a clock.

import { encodeFrame, FrameReader } from './frame.ts';

export interface Heartbeat {
  readonly source: string;
  readonly symbols: readonly string[];
  /** The source is complete up to here: microseconds of event time. */
  readonly eventTime: number;
  /** Microseconds; when we learned it. */
  readonly receiveTime: number;
}

export function encodeHeartbeat(heartbeat: Heartbeat): Uint8Array {
  return encodeFrame('heartbeat', 1, heartbeat, []);
}

export function decodeHeartbeat(bytes: Uint8Array): Heartbeat {
  return new FrameReader(bytes).meta as Heartbeat;
}
