// Messages ready to be written: as frames, and, for those who take that, as compressed ones
// (permessage-deflate, RFC 7692). Without context takeover a message is compressed by itself, so
// that one compressed frame suits every client too, as the plain one does.

import { constants, deflateRawSync, type ZlibOptions } from 'node:zlib';
import { type Frames, frameHead, framePayloads, textFrame } from './text-frames.ts';

export interface Ready {
  readonly frames: Buffer;
  /** The same messages; where it is missing, compression is not worth its time. */
  readonly deflated?: Buffer;
}

/** Of a message that goes to one client alone, such as a snapshot. */
const ownBytesMin = 1_024;

/** A level above gains a hundredth, at twice the time. */
const options: ZlibOptions = {
  level: 1,
  windowBits: 12, // some rows of a snapshot, which repeat each other
  memLevel: 5,
  finishFlush: constants.Z_SYNC_FLUSH,
};
/** With which every flush ends; a receiver puts it back. */
const tailBytes = 4;

/** A frame that gets no shorter stays as it is. */
export function deflateFrames({ bytes, ends }: Frames): Frames {
  const frames: Buffer[] = [];
  const deflatedEnds: number[] = [];
  let [start, length] = [0, 0];
  for (const payload of framePayloads(bytes)) {
    const plain = bytes.subarray(start, ends[frames.length]);
    const deflated = deflateRawSync(payload, options).subarray(0, -tailBytes);
    const head = frameHead(deflated.length, true);
    const isShorter = head.length + deflated.length < plain.length;
    const frame = isShorter ? Buffer.concat([head, deflated]) : plain;
    frames.push(frame);
    start += plain.length;
    length += frame.length;
    deflatedEnds.push(length);
  }
  return { bytes: Buffer.concat(frames, length), ends: deflatedEnds };
}

/** A message for one client alone. */
export function ready(message: object): Ready {
  const frames = textFrame(message);
  if (frames.length < ownBytesMin) return { frames };
  return {
    frames,
    get deflated() {
      return deflateFrames({ bytes: frames, ends: [frames.length] }).bytes;
    },
  };
}
