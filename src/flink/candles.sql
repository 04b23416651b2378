-- Candles of all intervals, as updating aggregates by bucket: each is a fold over the set of its
-- trades, so a late trade, a correction or a cancel revises it like any other. The same rules as
-- src/engine/candle-slots.ts.

-- Each trade once per interval, with the start of its bucket and what it may move there.
CREATE TEMPORARY VIEW bucketed AS
SELECT
  t.`symbol`,
  b.`interval`,
  b.`start`,
  SUBSTRING(b.`moves` FROM 1 FOR 1) = 'Y' AS mayPrice,
  SUBSTRING(b.`moves` FROM 2 FOR 1) = 'Y' AS mayRange,
  SUBSTRING(b.`moves` FROM 3 FOR 1) = 'Y' AS counts,
  -- Sorts as the trades of a candle do: by time, order, price. The price begins at column 33.
  LPAD(CAST(t.`eventTime` AS STRING), 16, '0') || LPAD(CAST(t.`order` AS STRING), 16, '0')
    || LPAD(CAST(t.`price` AS STRING), 29, '0') AS place,
  LPAD(CAST(t.`price` AS STRING), 29, '0') AS price,
  t.`size`,
  t.`notional`,
  IF(b.`interval` = '1m', t.`session`, CAST(NULL AS BIGINT)) AS `session`,
  IF(b.`interval` = '1m', t.`sizeDigits`, CAST(NULL AS BIGINT)) AS `sizeDigits`
FROM trades AS t
CROSS JOIN UNNEST(ARRAY[
  ROW('1s', t.`eventTime` - MOD(t.`eventTime`, 1000000), t.`moves`),
  ROW('1m', t.`eventTime` - MOD(t.`eventTime`, 60000000), t.`moves`),
  ROW('5m', t.`eventTime` - MOD(t.`eventTime`, 300000000), t.`moves`),
  ROW('15m', t.`eventTime` - MOD(t.`eventTime`, 900000000), t.`moves`),
  ROW('1h', t.`eventTime` - MOD(t.`eventTime`, 3600000000), t.`moves`),
  ROW('4h', t.`eventTime` - MOD(t.`eventTime`, 14400000000), t.`moves`),
  ROW('1d', t.`dayStart`, t.`dayMoves`)
]) AS b (`interval`, `start`, `moves`)
WHERE b.`moves` <> 'NNN';

-- A trade that may set a price goes before one that may not, which only stands in for it.
CREATE TEMPORARY VIEW folded AS
SELECT
  `symbol`,
  `interval`,
  `start`,
  CAST(SUBSTRING(MIN(IF(mayPrice, '0', '1') || place) FROM 34) AS DECIMAL(28, 12)) AS `open`,
  CAST(SUBSTRING(MAX(IF(mayRange, '1', '0') || price) FROM 2) AS DECIMAL(28, 12)) AS `high`,
  CAST(SUBSTRING(MIN(IF(mayRange, '0', '1') || price) FROM 2) AS DECIMAL(28, 12)) AS `low`,
  CAST(SUBSTRING(MAX(IF(mayPrice, '1', '0') || place) FROM 34) AS DECIMAL(28, 12)) AS `close`,
  SUM(IF(counts, `size`, CAST(0 AS DECIMAL(28, 12)))) AS `volume`,
  SUM(IF(counts, `notional`, CAST(0 AS DECIMAL(38, 20)))) AS `notional`,
  SUM(IF(counts, CAST(1 AS BIGINT), CAST(0 AS BIGINT))) AS `trades`,
  SUM(IF(mayPrice, CAST(1 AS BIGINT), CAST(0 AS BIGINT))) AS `priced`,
  -- All trades of a minute have the same.
  MAX(`session`) AS `session`,
  MAX(`sizeDigits`) AS `sizeDigits`
FROM (
  SELECT
    `symbol`, `interval`, mayPrice, mayRange, counts, place, price, `size`, `notional`,
    `session`, `sizeDigits`,
    DATE_FORMAT(TO_TIMESTAMP_LTZ(`start` / 1000000, 0), 'yyyy-MM-dd''T''HH:mm:ss''Z''') AS `start`
  FROM bucketed
)
GROUP BY `symbol`, `interval`, `start`;

INSERT INTO candles
SELECT
  `symbol`,
  `interval`,
  `start`,
  ${plain(`open`)},
  ${plain(`high`)},
  ${plain(`low`)},
  ${plain(`close`)},
  ${plain(`volume`)},
  ${plain(`notional`)},
  ${plain(CAST(`notional` / NULLIF(`volume`, 0) AS DECIMAL(38, 8)))},
  `trades`,
  `priced`,
  DATE_FORMAT(TO_TIMESTAMP_LTZ(`session` / 1000000, 0), 'yyyy-MM-dd''T''HH:mm:ss''Z'''),
  `sizeDigits`
FROM folded;
