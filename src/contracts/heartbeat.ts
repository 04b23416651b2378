// A heartbeat says how far the event clock of a source has come, for some symbols. It is what
// closes the candles of a quiet instrument; nothing downstream of ingest reads a clock.

import { encodeFrame, FrameReader } from './frame.ts';

export interface Heartbeat {
  readonly source: string;
  readonly symbols: readonly string[];
  /** The source's event clock, microseconds. */
  readonly eventTime: number;
  /** True when nothing before `eventTime` can come any more: a recorded file that has ended. */
  readonly complete: boolean;
  /** Microseconds; when we learned it. */
  readonly receiveTime: number;
}

export function encodeHeartbeat(heartbeat: Heartbeat): Uint8Array {
  return encodeFrame('heartbeat', 1, heartbeat, []);
}

export function decodeHeartbeat(bytes: Uint8Array): Heartbeat {
  return new FrameReader(bytes).meta as Heartbeat;
}
