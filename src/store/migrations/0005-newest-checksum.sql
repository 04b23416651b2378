-- By what a log is known again that was stored from: one that was put back to older data may be as
-- long as the position, and holds other records there.

alter table consumed add column newest_checksum bigint;
comment on column consumed.newest_checksum is
  'CRC-32 of the newest batch, which ends at next_offset; null where that is not known.';
