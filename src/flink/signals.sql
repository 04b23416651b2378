-- Signals of candles, as docs/SIGNALS.md defines them: functions of the set of candles. When a late
-- trade or a cancel undoes a cause, the row of its signal goes. All comparisons are exact; percents
-- are rounded to eleven digits and then, half up, to two.

CREATE TEMPORARY VIEW spans AS
SELECT
  `symbol`,
  `interval`,
  UNIX_TIMESTAMP(`start`, 'yyyy-MM-dd''T''HH:mm:ss''Z''') AS `second`,
  UNIX_TIMESTAMP(`session`, 'yyyy-MM-dd''T''HH:mm:ss''Z''') AS `session`,
  CAST(`open` AS DECIMAL(22, 12)) AS `open`,
  CAST(`high` AS DECIMAL(22, 12)) AS `high`,
  CAST(`low` AS DECIMAL(22, 12)) AS `low`,
  CAST(`close` AS DECIMAL(22, 12)) AS `close`
FROM candles
-- Prices of trades that may not set any raise nothing.
WHERE `priced` > 0;

-- Each second beside those of the minute that ends with it. Only the next minute of the clock can
-- look back on one, so the join is by minute and not by symbol alone.
CREATE TEMPORARY VIEW seconds AS
SELECT `symbol`, `second`, `second` / 60 AS `minute`, `high`, `low`
FROM spans
WHERE `interval` = '1s';

CREATE TEMPORARY VIEW lookedBack AS
SELECT
  a.`symbol`,
  a.`second`,
  a.`high`,
  a.`low`,
  MIN(b.`low`) AS `lowest`,
  MAX(b.`high`) AS `highest`,
  MAX(IF(b.`second` < a.`second`, b.`second`, CAST(NULL AS BIGINT))) AS `before`
FROM seconds AS a
JOIN (
  SELECT `symbol`, `second`, `high`, `low`, `seenFrom`
  FROM seconds
  CROSS JOIN UNNEST(ARRAY[`minute`, `minute` + 1]) AS m (`seenFrom`)
) AS b
ON a.`symbol` = b.`symbol` AND a.`minute` = b.`seenFrom`
  AND b.`second` <= a.`second` AND b.`second` > a.`second` - 60
GROUP BY a.`symbol`, a.`second`, a.`high`, a.`low`;

-- Seconds with a high or low more than 5 % away from that, by direction.
CREATE TEMPORARY VIEW far AS
SELECT `symbol`, `second`, `before`, 'up' AS `direction`, `lowest` AS `base`, `high` AS `reached`
FROM lookedBack
WHERE `high` * 100.0 > `lowest` * 105.0
UNION ALL
SELECT `symbol`, `second`, `before`, 'down' AS `direction`, `highest` AS `base`, `low` AS `reached`
FROM lookedBack
WHERE `highest` * 95.0 > `low` * 100.0;

-- Of a minute of the clock and a direction, the first that the second before it was not.
CREATE TEMPORARY VIEW spikes AS
SELECT *
FROM (
  SELECT
    f.*,
    ROW_NUMBER() OVER (
      PARTITION BY f.`symbol`, f.`second` / 60, f.`direction` ORDER BY f.`second`
    ) AS `place`
  FROM far AS f
  LEFT JOIN far AS e
  ON e.`symbol` = f.`symbol` AND e.`second` = f.`before` AND e.`direction` = f.`direction`
  WHERE e.`second` IS NULL
)
WHERE `place` = 1;

-- The first and last price of each session, and the last price of the session before it.
CREATE TEMPORARY VIEW opened AS
SELECT
  `symbol`,
  `session`,
  `first`,
  `open`,
  LAG(`close`) OVER (PARTITION BY `symbol` ORDER BY `session`) AS `before`
FROM (
  SELECT
    `symbol`,
    `session`,
    MIN(`second`) AS `first`,
    CAST(SUBSTRING(MIN(`place` || CAST(`open` AS STRING)) FROM 13) AS DECIMAL(22, 12)) AS `open`,
    CAST(SUBSTRING(MAX(`place` || CAST(`close` AS STRING)) FROM 13) AS DECIMAL(22, 12)) AS `close`
  FROM (SELECT *, LPAD(CAST(`second` AS STRING), 12, '0') AS `place` FROM spans)
  WHERE `interval` = '1m' AND `session` IS NOT NULL
  GROUP BY `symbol`, `session`
);

-- All signals of prices: of a base, by how much it changed, the two prices that are told, and which
-- way it went.
CREATE TEMPORARY VIEW moves AS
-- A minute's high and low are more than 2 % of its open apart.
SELECT
  'volatility' AS `kind`,
  `symbol`,
  `second` AS `from`,
  `second` + 60 AS `until`,
  '' AS `part`,
  `open` AS `base`,
  `high` - `low` AS `change`,
  `low` AS `one`,
  `high` AS `other`,
  CASE WHEN `close` > `open` THEN 'up' WHEN `close` < `open` THEN 'down' ELSE 'flat' END AS `way`
FROM spans
WHERE `interval` = '1m' AND (`high` - `low`) * 100.0 > `open` * 2.0
UNION ALL
-- An hour's close is more than 5 % away from its open.
SELECT
  'price-change', `symbol`, `second`, `second` + 3600, '',
  `open`, `close` - `open`, `open`, `close`, ''
FROM spans
WHERE `interval` = '1h' AND ABS(`close` - `open`) * 100.0 > `open` * 5.0
UNION ALL
SELECT
  'price-spike', `symbol`, `second` / 60 * 60, `second` + 1, `direction`,
  `base`, `reached` - `base`, `base`, `reached`, IF(`direction` = 'up', 'rose', 'fell')
FROM spikes
UNION ALL
-- A session opens more than 2 % away from the last price before it.
SELECT
  'gap-at-open', `symbol`, `session`, `first` + 60, '',
  `before`, `open` - `before`, `before`, `open`, IF(`open` > `before`, 'above', 'below')
FROM opened
WHERE ABS(`open` - `before`) * 100.0 > `before` * 2.0;

CREATE TEMPORARY VIEW moved AS
SELECT
  `kind`,
  `symbol`,
  `from`,
  `until`,
  `part`,
  CASE
    WHEN `amount` * 100.0 > `base` * 20.0 AND `kind` <> 'volatility' THEN 'critical'
    WHEN `amount` * 100.0 > `base` * 10.0 THEN 'high'
    WHEN `amount` * 100.0 > `base` * 5.0 THEN 'medium'
    ELSE 'low'
  END AS `severity`,
  CASE `kind`
    WHEN 'volatility' THEN 'swung ' || `percent` || ' % in a minute, trend ' || `way`
    WHEN 'price-change' THEN 'changed by ' || `percent` || ' % within an hour, to ' || `to`
    WHEN 'price-spike' THEN `way` || ' ' || `plainly` || ' % within a minute, to ' || `to`
    ELSE 'opened ' || `plainly` || ' % ' || `way` || ' its last close, at ' || `to`
  END AS `text`,
  CASE `kind`
    WHEN 'volatility'
      THEN MAP['low', `of`, 'high', `to`, 'percent', `percent`, 'trend', `way`]
    WHEN 'price-spike'
      THEN MAP['from', `of`, 'to', `to`, 'percent', `percent`, 'direction', `part`]
    ELSE MAP['from', `of`, 'to', `to`, 'percent', `percent`]
  END AS `values`
FROM (
  SELECT *, REPLACE(`percent`, '-', '') AS `plainly`
  FROM (
    SELECT
      *,
      ABS(`change`) AS `amount`,
      ${plain(`one`)} AS `of`,
      ${plain(`other`)} AS `to`,
      ${plain(CAST(`change` * 100.0 / `base` AS DECIMAL(20, 2)))} AS `percent`
    FROM moves
  )
);

-- What was traded in each minute of a session, in whole units of the last digit of its symbol's
-- sizes: squares of these are exact, up to 10^16 units.
CREATE TEMPORARY VIEW volumes AS
SELECT
  `symbol`,
  `session`,
  `second`,
  `second` - `session` AS `into`,
  `volume`,
  `unit`,
  CAST(CAST(`volume` AS DECIMAL(25, 12)) * `unit` AS DECIMAL(16, 0)) AS `units`
FROM (
  SELECT
    `symbol`,
    UNIX_TIMESTAMP(`start`, 'yyyy-MM-dd''T''HH:mm:ss''Z''') AS `second`,
    UNIX_TIMESTAMP(`session`, 'yyyy-MM-dd''T''HH:mm:ss''Z''') AS `session`,
    `volume`,
    CAST(RPAD('1', CAST(`sizeDigits` AS INT) + 1, '0') AS DECIMAL(13, 0)) AS `unit`
  FROM candles
  WHERE `interval` = '1m' AND `session` IS NOT NULL AND `volume` <> '0'
);

-- Each beside the same minute of the sessions that opened in the 28.5 days before its own.
CREATE TEMPORARY VIEW compared AS
SELECT
  a.`symbol`,
  a.`second`,
  a.`volume`,
  a.`unit`,
  a.`units`,
  CAST(COUNT(*) AS DECIMAL(2, 0)) AS `n`,
  CAST(SUM(b.`units`) AS DECIMAL(18, 0)) AS `sum`,
  SUM(b.`units` * b.`units`) AS `squares`
FROM volumes AS a
JOIN volumes AS b
ON b.`symbol` = a.`symbol` AND b.`into` = a.`into`
  AND b.`session` < a.`session` AND b.`session` >= a.`session` - 2462400
GROUP BY a.`symbol`, a.`second`, a.`volume`, a.`unit`, a.`units`;

-- More than three standard deviations above the mean, and at least twice it.
CREATE TEMPORARY VIEW volumeAnomaly AS
SELECT
  'volume-anomaly' AS `kind`,
  `symbol`,
  `second` AS `from`,
  `second` + 60 AS `until`,
  '' AS `part`,
  CASE `sigmas` WHEN '10' THEN 'critical' WHEN '5' THEN 'high' ELSE 'medium' END AS `severity`,
  'traded ' || `volume` || ' in a minute, where ' || `mean` || ' is usual' AS `text`,
  MAP[
    'volume', `volume`,
    'mean', `mean`,
    'sigmas', 'more than ' || `sigmas`,
    'comparedWith', CAST(`n` AS STRING) || ' sessions'
  ] AS `values`
FROM (
  SELECT
    `symbol`,
    `second`,
    `volume`,
    `n`,
    -- Half up to two digits more than sizes have.
    ${plain(CAST(CAST(`sum` / `n` AS DECIMAL(20, 2)) / `unit` AS DECIMAL(34, 16)))} AS `mean`,
    CASE
      WHEN `above` * `above` > 100 * `spread` THEN '10'
      WHEN `above` * `above` > 25 * `spread` THEN '5'
      WHEN `above` * `above` > 9 * `spread` THEN '3'
    END AS `sigmas`
  FROM (
    SELECT *, `n` * `units` - `sum` AS `above`, `n` * `squares` - `sum` * `sum` AS `spread`
    FROM compared
    WHERE `n` >= 5
  )
  WHERE `above` > 0 AND `n` * `units` >= 2 * `sum`
)
WHERE `sigmas` IS NOT NULL;

INSERT INTO signals
SELECT
  SUBSTRING(SHA256(`kind` || CHR(0) || `symbol` || CHR(0) || CAST(`from` AS STRING) || '000000'
    || CHR(0) || `part`) FROM 1 FOR 32),
  `kind`,
  `symbol`,
  DATE_FORMAT(TO_TIMESTAMP_LTZ(`until`, 0), 'yyyy-MM-dd''T''HH:mm:ss''Z'''),
  DATE_FORMAT(TO_TIMESTAMP_LTZ(`from`, 0), 'yyyy-MM-dd''T''HH:mm:ss''Z'''),
  `severity`,
  `symbol` || ' ' || `text`,
  `values`
FROM (
  SELECT * FROM moved
  UNION ALL
  SELECT * FROM volumeAnomaly
);
