-- Signals of candles, as docs/SIGNALS.md defines them: functions of the set of candles. When a late
-- trade or a cancel undoes a cause, the row of its signal goes. All comparisons are exact; percents
-- are rounded to eleven digits and then, half up, to two.

CREATE TEMPORARY VIEW spans AS
SELECT
  `symbol`,
  `interval`,
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
  CASE
    WHEN (`high` - `low`) * 100.0 > `open` * 10.0 THEN 'high'
    WHEN (`high` - `low`) * 100.0 > `open` * 5.0 THEN 'medium'
    ELSE 'low'
  END AS `severity`,
  'swung ' || `percent` || ' % in a minute, trend ' || `trend` AS `text`,
  MAP[
    'high', TRIM(TRAILING '.' FROM TRIM(TRAILING '0' FROM CAST(`high` AS STRING))),
    'low', TRIM(TRAILING '.' FROM TRIM(TRAILING '0' FROM CAST(`low` AS STRING))),
    'percent', `percent`,
    'trend', `trend`
  ] AS `values`
FROM (
  SELECT
    *,
    TRIM(TRAILING '.' FROM TRIM(TRAILING '0' FROM
      CAST(CAST((`high` - `low`) * 100.0 / `open` AS DECIMAL(20, 2)) AS STRING))) AS `percent`,
    CASE WHEN `close` > `open` THEN 'up' WHEN `close` < `open` THEN 'down' ELSE 'flat' END
      AS `trend`
  FROM spans
  WHERE `interval` = '1m' AND (`high` - `low`) * 100.0 > `open` * 2.0
);

-- An hour's close is more than 5 % away from its open.
CREATE TEMPORARY VIEW priceChange AS
SELECT
  'price-change' AS `kind`,
  `symbol`,
  `second` AS `from`,
  `second` + 3600 AS `until`,
  '' AS `part`,
  CASE
    WHEN ABS(`close` - `open`) * 100.0 > `open` * 20.0 THEN 'critical'
    WHEN ABS(`close` - `open`) * 100.0 > `open` * 10.0 THEN 'high'
    ELSE 'medium'
  END AS `severity`,
  'changed by ' || `percent` || ' % within an hour, to ' || `to` AS `text`,
  MAP[
    'from', TRIM(TRAILING '.' FROM TRIM(TRAILING '0' FROM CAST(`open` AS STRING))),
    'to', `to`,
    'percent', `percent`
  ] AS `values`
FROM (
  SELECT
    *,
    TRIM(TRAILING '.' FROM TRIM(TRAILING '0' FROM
      CAST(CAST((`close` - `open`) * 100.0 / `open` AS DECIMAL(20, 2)) AS STRING))) AS `percent`,
    TRIM(TRAILING '.' FROM TRIM(TRAILING '0' FROM CAST(`close` AS STRING))) AS `to`
  FROM spans
  WHERE `interval` = '1h' AND ABS(`close` - `open`) * 100.0 > `open` * 5.0
);

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

CREATE TEMPORARY VIEW priceSpike AS
SELECT
  'price-spike' AS `kind`,
  `symbol`,
  `second` / 60 * 60 AS `from`,
  `second` + 1 AS `until`,
  `direction` AS `part`,
  CASE
    WHEN ABS(`reached` - `base`) * 100.0 > `base` * 20.0 THEN 'critical'
    WHEN ABS(`reached` - `base`) * 100.0 > `base` * 10.0 THEN 'high'
    ELSE 'medium'
  END AS `severity`,
  IF(`direction` = 'up', 'rose ', 'fell ') || REPLACE(`percent`, '-', '')
    || ' % within a minute, to ' || `to` AS `text`,
  MAP[
    'direction', `direction`,
    'from', TRIM(TRAILING '.' FROM TRIM(TRAILING '0' FROM CAST(`base` AS STRING))),
    'to', `to`,
    'percent', `percent`
  ] AS `values`
FROM (
  SELECT
    *,
    TRIM(TRAILING '.' FROM TRIM(TRAILING '0' FROM
      CAST(CAST((`reached` - `base`) * 100.0 / `base` AS DECIMAL(20, 2)) AS STRING))) AS `percent`,
    TRIM(TRAILING '.' FROM TRIM(TRAILING '0' FROM CAST(`reached` AS STRING))) AS `to`
  FROM spikes
);

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
  SELECT * FROM volatility
  UNION ALL
  SELECT * FROM priceChange
  UNION ALL
  SELECT * FROM priceSpike
);
