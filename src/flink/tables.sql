-- The topics that the jobs read and write, as tables. A trade is known by its key: who sends it
-- again changes nothing, a null value takes it back. Decimals travel as text, exactly.

CREATE TEMPORARY TABLE trades (
  `trade` STRING NOT NULL,
  `symbol` STRING NOT NULL,
  -- Microseconds since 1970.
  `eventTime` BIGINT NOT NULL,
  -- Orders the trades of one microsecond.
  `order` BIGINT NOT NULL,
  `price` DECIMAL(28, 12) NOT NULL,
  `size` DECIMAL(28, 12) NOT NULL,
  -- Price x size: the product of two such decimals would be rounded here.
  `notional` DECIMAL(38, 20) NOT NULL,
  -- What the rules of its tape let it move: open and close, high and low, volume; Y or N.
  `moves` STRING NOT NULL,
  -- The same in the candle of a day, and where its day starts by its exchange's calendar.
  `dayMoves` STRING NOT NULL,
  `dayStart` BIGINT NOT NULL,
  -- When the regular session that it is of opened; null outside of sessions.
  `session` BIGINT,
  `sizeDigits` BIGINT NOT NULL,
  PRIMARY KEY (`trade`) NOT ENFORCED
) WITH (
  'connector' = 'upsert-kafka',
  'topic' = '${trades}',
  'properties.bootstrap.servers' = '${bootstrap}',
  'properties.group.id' = '${group}',
  'properties.isolation.level' = 'read_committed',
  'key.format' = 'raw',
  'value.format' = 'json',
  'value.fields-include' = 'EXCEPT_KEY'
);

CREATE TEMPORARY TABLE candles (
  `symbol` STRING NOT NULL,
  `interval` STRING NOT NULL,
  `start` STRING NOT NULL,
  `open` STRING NOT NULL,
  `high` STRING NOT NULL,
  `low` STRING NOT NULL,
  `close` STRING NOT NULL,
  `volume` STRING NOT NULL,
  `notional` STRING NOT NULL,
  `vwap` STRING,
  `trades` BIGINT NOT NULL,
  `priced` BIGINT NOT NULL,
  -- Of minutes: when their session opened, and digits behind the point of their symbol's sizes.
  `session` STRING,
  `sizeDigits` BIGINT,
  PRIMARY KEY (`symbol`, `interval`, `start`) NOT ENFORCED
) WITH (
  'connector' = 'upsert-kafka',
  'topic' = '${candles}',
  'properties.bootstrap.servers' = '${bootstrap}',
  'properties.isolation.level' = 'read_committed',
  'properties.group.id' = '${group}',
  'properties.transaction.timeout.ms' = '600000',
  'key.format' = 'json',
  'value.format' = 'json',
  'sink.delivery-guarantee' = 'exactly-once',
  'sink.transactional-id-prefix' = '${group}-candles'
);

CREATE TEMPORARY TABLE signals (
  `id` STRING NOT NULL,
  `kind` STRING NOT NULL,
  `symbol` STRING NOT NULL,
  `time` STRING NOT NULL,
  `start` STRING NOT NULL,
  `severity` STRING NOT NULL,
  `text` STRING NOT NULL,
  `values` MAP<STRING, STRING> NOT NULL,
  PRIMARY KEY (`id`) NOT ENFORCED
) WITH (
  'connector' = 'upsert-kafka',
  'topic' = '${signals}',
  'properties.bootstrap.servers' = '${bootstrap}',
  'properties.transaction.timeout.ms' = '600000',
  'key.format' = 'raw',
  'value.format' = 'json',
  'sink.delivery-guarantee' = 'exactly-once',
  'sink.transactional-id-prefix' = '${group}-signals'
);
