// The order in which trades are listed: by event time, and by sequence where the time is the same.

export interface TradePlace {
  /** Event time, microseconds. */
  readonly time: number;
  readonly sequence: number;
}

/** Whether `place` comes after `other` when the newest stand first. */
export function follows(place: TradePlace, other: TradePlace): boolean {
  return place.time < other.time || (place.time === other.time && place.sequence < other.sequence);
}
