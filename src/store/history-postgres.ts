// What the store answers, from PostgreSQL. Every answer is bounded in rows and time. Candles are read
// by key; trades, which have no key but time, hour by hour backwards, knowing from `trade_hours`
// which hours to read and how many of the symbol's trades each holds.

import { type ClientBase, Pool } from 'pg';
import { micros } from '../base/clock.ts';
import { Failure } from '../base/failure.ts';
import type { Candle } from '../contracts/candle.ts';
import type { DeadLetter } from '../contracts/dead-letter.ts';
import type { Instrument } from '../contracts/instrument.ts';
import { formatTime } from '../contracts/time.ts';
import type { Trade } from '../contracts/trade.ts';
import { intervalCodes, priceKindCodes } from './candle-codes.ts';
import { clientConfig, type Database, explained, sessionSetup } from './database.ts';
import type { CandleQuery, History, Span, TradeCursor, TradePage } from './history.ts';
