// What never closes, as crypto: a session is a day of UTC, and the next one opens as it closes.

import { type Exchange, localTime } from './exchange.ts';

const none: ReadonlyMap<string, never> = new Map<string, never>();

export const alwaysOpen: Exchange = {
  name: '24/7',
  zone: 'UTC',
  firstYear: 1970,
  opensOnWeekends: true,
  hours: [{ from: '1970-01-01', hours: { open: localTime(0), close: localTime(24) } }],
  holidays: () => none,
  earlyCloses: () => none,
};
