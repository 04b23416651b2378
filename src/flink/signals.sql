-- Signals of candles, defined in docs/SIGNALS.md, as a function of the set of candles: when a late
-- trade undoes a cause, its row goes. All comparisons are exact.

CREATE TEMPORARY VIEW spans AS
SELECT
  `symbol`,
  `interval`,
  `start`,
  UNIX_TIMESTAMP(`start`, 'yyyy-MM-dd''T''HH:mm:ss''Z''') AS `second`,
  CAST(`open` AS DECIMAL(22, 12)) AS `open`,
  CAST(`high` AS DECIMAL(22, 12)) AS `high`,
  CAST(`low` AS DECIMAL(22, 12)) AS `low`,
  CAST(`close` AS DECIMAL(22, 12)) AS `close`
FROM candles
-- Prices of trades that may not set any raise nothing.
WHERE `priced` > 0;

-- A minute's high and low are more than 2 % of its open apart.
CREATE TEMPORARY VIEW volatility AS
SELECT
  'volatility' AS `kind`,
  `symbol`,
  `second` AS `from`,
  `second` + 60 AS `until`,
  '' AS `part`,
  `high` - `low` AS `change`,
  `open` AS `base`,
  5.0 AS `mediumAt`,
  10.0 AS `highAt`,
  CAST(NULL AS DECIMAL(3, 1)) AS `criticalAt`,
  MAP[
    'high', TRIM(TRAILING '.' FROM TRIM(TRAILING '0' FROM CAST(`high` AS STRING))),
    'low', TRIM(TRAILING '.' FROM TRIM(TRAILING '0' FROM CAST(`low` AS STRING))),
    'trend', CASE WHEN `close` > `open` THEN 'up' WHEN `close` < `open` THEN 'down' ELSE 'flat' END
  ] AS `values`
FROM spans
WHERE `interval` = '1m' AND (`high` - `low`) * 100.0 > `open` * 2.0;

-- An hour's close is more than 5 % away from its open.
CREATE TEMPORARY VIEW priceChange AS
SELECT
  'price-change' AS `kind`,
  `symbol`,
  `second` AS `from`,
  `second` + 3600 AS `until`,
  '' AS `part`,
  `close` - `open` AS `change`,
  `open` AS `base`,
  5.0 AS `mediumAt`,
  10.0 AS `highAt`,
  20.0 AS `criticalAt`,
  MAP[
    'from', TRIM(TRAILING '.' FROM TRIM(TRAILING '0' FROM CAST(`open` AS STRING))),
    'to', TRIM(TRAILING '.' FROM TRIM(TRAILING '0' FROM CAST(`close` AS STRING)))
  ] AS `values`
FROM spans
WHERE `interval` = '1h' AND ABS(`close` - `open`) * 100.0 > `open` * 5.0;

-- Each second beside those of the minute that ends with it. Of a minute of the clock only the next
-- can look back on it, so the join is by the minute and not by the symbol alone.
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

-- Seconds whose high or low is more than 5 % away, by direction.
CREATE TEMPORARY VIEW far AS
SELECT `symbol`, `second`, `before`, 'up' AS `direction`, `lowest` AS `base`, `high` AS `to`
FROM lookedBack
WHERE `high` * 100.0 > `lowest` * 105.0
UNION ALL
SELECT `symbol`, `second`, `before`, 'down' AS `direction`, `highest` AS `base`, `low` AS `to`
FROM lookedBack
WHERE `highest` * 95.0 > `low` * 100.0;

-- Of a minute of the clock and a direction, the first that the second before it was not.
CREATE TEMPORARY VIEW priceSpike AS
SELECT
  'price-spike' AS `kind`,
  `symbol`,
  `second` / 60 * 60 AS `from`,
  `second` + 1 AS `until`,
  `direction` AS `part`,
  `to` - `base` AS `change`,
  `base`,
  5.0 AS `mediumAt`,
  10.0 AS `highAt`,
  20.0 AS `criticalAt`,
  MAP[
    'direction', `direction`,
    'from', TRIM(TRAILING '.' FROM TRIM(TRAILING '0' FROM CAST(`base` AS STRING))),
    'to', TRIM(TRAILING '.' FROM TRIM(TRAILING '0' FROM CAST(`to` AS STRING)))
  ] AS `values`
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

INSERT INTO signals
SELECT
  SUBSTRING(SHA256(`kind` || CHR(0) || `symbol` || CHR(0) || CAST(`from` AS STRING) || '000000'
    || CHR(0) || `part`) FROM 1 FOR 32),
  `kind`,
  `symbol`,
  DATE_FORMAT(TO_TIMESTAMP_LTZ(`until`, 0), 'yyyy-MM-dd''T''HH:mm:ss''Z'''),
  DATE_FORMAT(TO_TIMESTAMP_LTZ(`from`, 0), 'yyyy-MM-dd''T''HH:mm:ss''Z'''),
  CASE
    WHEN ABS(`change`) * 100.0 > `base` * `criticalAt` THEN 'critical'
    WHEN ABS(`change`) * 100.0 > `base` * `highAt` THEN 'high'
    WHEN ABS(`change`) * 100.0 > `base` * `mediumAt` THEN 'medium'
    ELSE 'low'
  END,
  TRIM(TRAILING '.' FROM TRIM(TRAILING '0' FROM
    CAST(CAST(`change` * 100.0 / `base` AS DECIMAL(20, 2)) AS STRING))),
  `values`
FROM (
  SELECT * FROM volatility
  UNION ALL
  SELECT * FROM priceChange
  UNION ALL
  SELECT * FROM priceSpike
);
