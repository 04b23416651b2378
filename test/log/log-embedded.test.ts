// What only the embedded log has to stand: damage to its file, a full disk, and the threads of one
// process. Bytes of the real file are changed, and real threads and mounts are used.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import * as fs from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { ManualClock } from '../../src/base/clock.ts';
import { Failure, type FailureCode } from '../../src/base/failure.ts';
import { prng } from '../../src/base/prng.ts';
import type { Append, LostRange, StoredBatch, Topic } from '../../src/log/log.ts';
import { type EmbeddedLog, openEmbeddedLog } from '../../src/log/log-embedded.ts';

const seed = Number(process.env.FC_SEED ?? 20261121);
const pageBytes = 4096;
const commits = 400;

let scratch = '';
/** A closed log, to be copied and then damaged: `batches` of trades, quotes and state. */
let template = '';
let batches: readonly StoredBatch[] = [];
let templateEpoch = '';
let folders = 0;
const opened: EmbeddedLog[] = [];
const said: string[] = [];
const clock = new ManualClock(Date.UTC(2026, 10, 21) * 1000);
const logger = { warn: (_: object, message: string) => said.push(message) };

before(async () => {
  scratch = await fs.mkdtemp(join(tmpdir(), 'tapeline-test-log-'));
  template = newFolder();
  const log = await openAt(template);
  const made: StoredBatch[] = [];
  for (let index = 0; index < commits; index += 1) {
    const append = trades(index);
    const state = [{ key: `state ${index % 50}`, value: stateOf(index) }];
    const [offset] = await log.commit({ appends: [append, quotes(index)], state });
    made.push({ offset: offset ?? Number.NaN, count: append.count, bytes: append.bytes });
  }
  batches = made;
  templateEpoch = log.epoch;
  await log.close();
});

afterEach(async () => {
  await Promise.all(opened.splice(0).map((log) => log.close()));
  said.splice(0);
});

after(async () => {
  await fs.rm(scratch, { recursive: true, force: true });
});

function newFolder(): string {
  folders += 1;
  return join(scratch, `log-${folders}`);
}

async function copyTemplate(): Promise<string> {
  const folder = newFolder();
  await fs.cp(template, folder, { recursive: true });
  return folder;
}

async function openAt(
  folder: string,
  options: { readonly signal?: SharedArrayBuffer; readonly readOnly?: boolean } = {},
): Promise<EmbeddedLog> {
  const log = await openEmbeddedLog({ folder, logger, clock, ...options });
  opened.push(log);
  return log;
}

/** Changes the file of a closed log. */
function damage(folder: string, change: (bytes: Buffer) => void): void {
  const path = join(folder, 'data.mdb');
  const bytes = readFileSync(path);
  change(bytes);
  writeFileSync(path, bytes);
}

describe('a damaged batch', () => {
  test('is lost, and reading goes on after it', async () => {
    const folder = await copyTemplate();
    damage(folder, (bytes) => flipIn(bytes, batches[100]!.bytes));
    const log = await openAt(folder);
    assert.equal(log.epoch, templateEpoch);
    const { offset, count } = batches[100]!;
    const lost = [{ from: offset, to: offset + count, reason: 'damaged' as const }];
    assert.deepEqual(await readAll(log), summary(batches.toSpliced(100, 1), lost));
  });

  test('is lost from where reading begins within it', async () => {
    const folder = await copyTemplate();
    const { offset, count, bytes } = batches[103]!;
    damage(folder, (file) => flipIn(file, bytes));
    const log = await openAt(folder);
    const { lost } = await log.read('market.trades', offset + 1, 1_000);
    assert.deepEqual(lost, [{ from: offset + 1, to: offset + count, reason: 'damaged' }]);
  });

  test('goes to quarantine with its raw bytes, and counts once', async () => {
    const folder = await copyTemplate();
    damage(folder, (bytes) => flipIn(bytes, batches[100]!.bytes));
    let log = await openAt(folder);
    for (let round = 0; round < 3; round += 1) {
      await readAll(log);
      await log.read('market.trades', batches[100]!.offset, 1);
      assert.equal(log.stats().damagedBatches, 1);
      await log.close();
      log = await openAt(folder);
    }
    const { offset, count } = batches[100]!;
    const name = `market.trades-0-to-${offset + count}.bin`;
    assert.deepEqual(await fs.readdir(join(folder, 'quarantine')), [name]);
    const kept = await fs.readFile(join(folder, 'quarantine', name));
    const wrong = kept.subarray(-batches[100]!.bytes.length).filter((byte, index) => {
      return byte !== batches[100]!.bytes[index];
    });
    assert.equal(wrong.length, 1);
    assert.match(said.join('\n'), /batch of market.trades\/0 before \d+ is damaged/);
  });

  test('is kept before retention takes it', async () => {
    const folder = await copyTemplate();
    damage(folder, (bytes) => flipIn(bytes, batches[2]!.bytes));
    const log = await openAt(folder);
    await log.trim({ bytesMax: 0, keepFrom: () => batches[10]!.offset });
    assert.equal(log.range('market.trades').start, batches[10]!.offset);
    assert.equal(log.stats().damagedBatches, 1);
  });
});

describe('a damaged file', () => {
  test('with pages that lead nowhere is mended: the rest is served', async () => {
    const folder = await copyTemplate();
    damage(folder, (bytes) => {
      for (const at of pagesOf(bytes, 'branch')) bytes.writeUInt16LE(0xffff, firstNode(bytes, at));
    });
    const log = await openAt(folder);
    await assertMended(log, folder);
  });

  test('with a page of batches that is no page is mended', async () => {
    const folder = await copyTemplate();
    const [at] = positionsOf(readFileSync(join(folder, 'data.mdb')), batches[200]!.bytes);
    damage(folder, (bytes) => bytes.fill(0xa5, pageStart(at!), pageStart(at!) + 64));
    const log = await openAt(folder);
    await assertMended(log, folder);
  });

  test('keeps its offsets when its newest batches are lost', async () => {
    const folder = await copyTemplate();
    damage(folder, (bytes) => {
      for (const at of positionsOf(bytes, batches.at(-1)!.bytes)) {
        bytes.fill(0, pageStart(at), pageStart(at) + pageBytes);
      }
    });
    const log = await openAt(folder);
    await assertMended(log, folder);
    const { end } = log.range('market.trades');
    assert.equal(end, batches.at(-1)!.offset + batches.at(-1)!.count);
    assert.deepEqual(await log.commit({ appends: [trades(1)] }), [end]);
  });

  test('with damaged state loses that state alone', async () => {
    const folder = await copyTemplate();
    damage(folder, (bytes) => flipIn(bytes, stateOf(commits - 1)));
    const log = await openAt(folder);
    assert.match(log.warnings.join(), /state 49 is damaged/);
    assert.equal(await log.state('state 49'), null);
    assert.deepEqual(await log.state('state 48'), stateOf(commits - 2));
    assert.deepEqual(await readAll(log), summary(batches));
  });

  for (const [what, change] of [
    ['of something else', (path: string) => writeFileSync(path, 'no database '.repeat(5_000))],
    ['that ends within its first pages', (path: string) => truncateSync(path, 5_000)],
    ['without its root', (path: string) => truncateSync(path, 2 * pageBytes)],
    ['with a damaged first page', (path: string) => flipAt(path, 24)],
    ['with a damaged second page', (path: string) => flipAt(path, pageBytes + 152)],
  ] as const) {
    test(`${what} is set aside, and a new log with a new epoch begins`, async () => {
      const folder = await copyTemplate();
      change(join(folder, 'data.mdb'));
      const damaged = readFileSync(join(folder, 'data.mdb'));
      let log = await openAt(folder);
      assert.notEqual(log.epoch, templateEpoch);
      assert.deepEqual(said, log.warnings);
      assert.match(log.warnings.join(), /new, empty log/);
      assert.deepEqual(log.range('market.trades'), { start: 0, end: 0 });
      const [aside] = await asideIn(folder);
      assert.deepEqual(readFileSync(join(folder, aside!, 'data.mdb')), damaged);
      await log.commit({ appends: [trades(1)] });
      const { epoch } = log;
      await log.close();
      log = await openAt(folder);
      assert.deepEqual([log.epoch, log.warnings, log.range('market.trades').end], [epoch, [], 2]);
    });
  }

  test('that is gone or empty is a new log, without a warning', async () => {
    const gone = await copyTemplate();
    rmSync(join(gone, 'data.mdb'));
    const empty = await copyTemplate();
    truncateSync(join(empty, 'data.mdb'));
    for (const folder of [gone, empty]) {
      const log = await openAt(folder);
      assert.notEqual(log.epoch, templateEpoch);
      assert.deepEqual(log.warnings, []);
      assert.deepEqual(await log.commit({ appends: [trades(1)] }), [0]);
    }
  });

  test('cut anywhere still opens, and gives nothing wrong', async () => {
    const bytes = readFileSync(join(template, 'data.mdb'));
    for (let part = 1; part < 12; part += 1) {
      const folder = await copyTemplate();
      truncateSync(join(folder, 'data.mdb'), Math.floor((bytes.length * part) / 12));
      await assertNothingWrong(await openAt(folder));
    }
  });

  test('with any bits flipped still opens, gives nothing wrong, and goes on', async () => {
    const { length } = readFileSync(join(template, 'data.mdb'));
    const flip = fc.record({
      page: fc.nat(length / pageBytes - 1),
      // Half of them in the part of a page that LMDB trusts blindly.
      at: fc.oneof(fc.nat(79), fc.nat(pageBytes - 1)),
      bit: fc.nat(7),
    });
    const run = fc.asyncProperty(fc.array(flip, { minLength: 1, maxLength: 4 }), async (flips) => {
      const folder = await copyTemplate();
      damage(folder, (bytes) => {
        for (const { page, at, bit } of flips) bytes[page * pageBytes + at]! ^= 1 << bit;
      });
      const log = await openAt(folder);
      await assertNothingWrong(log);
      await log.commit({ appends: [trades(7)], state: [{ key: 'state 1', value: bytesOf(9, 9) }] });
      await log.trim({ bytesMax: 10_000, keepFrom: () => Number.POSITIVE_INFINITY });
      await log.close();
      rmSync(folder, { recursive: true });
    });
    await fc.assert(run, { seed, numRuns: 40 });
  });

  test('found only while it is open fails reads, and the next opening mends it', async () => {
    const folder = await copyTemplate();
    damage(folder, (bytes) => {
      for (const at of pagesOf(bytes, 'branch')) bytes.writeUInt16LE(0xffff, firstNode(bytes, at));
    });
    // As after a crash, when everything is not looked at, since LMDB survives crashes.
    writeFileSync(join(folder, 'life'), 'opened');
    const log = await openAt(folder);
    assert.deepEqual(log.warnings, []);
    await assert.rejects(readAll(log), failsWith('log-unavailable', /[Rr]estart/));
    await log.close();
    await assertMended(await openAt(folder), folder);
  });

  test('is looked at whole when an opening after a crash crashed too', async () => {
    const folder = await copyTemplate();
    damage(folder, (bytes) => {
      for (const at of pagesOf(bytes, 'branch')) bytes.writeUInt16LE(0xffff, firstNode(bytes, at));
    });
    writeFileSync(join(folder, 'life'), 'opened after a crash');
    await assertMended(await openAt(folder), folder);
  });

  test('leaves nothing of a mending that was cut short', async () => {
    const folder = await copyTemplate();
    await fs.mkdir(join(folder, 'unfinished-abc'));
    await fs.writeFile(join(folder, 'unfinished-abc', 'data.mdb'), 'half');
    const log = await openAt(folder);
    assert.deepEqual(await readAll(log), summary(batches));
    assert(!(await fs.readdir(folder)).includes('unfinished-abc'));
  });
});

test('a log of a newer format is refused and left as it is', async () => {
  const folder = await copyTemplate();
  damage(folder, (bytes) => {
    // The format is stored as a digit behind its checksum; both are replaced by those of "9".
    for (const at of positionsOf(bytes, Buffer.from('format'))) {
      bytes.write('9', at + 6 + 8);
      bytes.writeUInt32LE(crc32('9', crc32('format')), at + 6);
    }
  });
  const before = readFileSync(join(folder, 'data.mdb'));
  await assert.rejects(openAt(folder), failsWith('data-folder-version', /DATA_DIR/));
  assert.deepEqual(readFileSync(join(folder, 'data.mdb')), before);
});

describe('a full disk', () => {
  /** A file system of four megabytes; or why there is none. */
  function mountSmall(): { readonly folder: string } | { readonly reason: string } {
    if (process.platform !== 'linux') return { reason: 'mounts a tmpfs, which only Linux has' };
    const folder = mkdtempSync(join(scratch, 'mount-'));
    try {
      const size = ['-o', 'size=4m'];
      execFileSync('mount', ['-t', 'tmpfs', ...size, 'tmpfs', folder], { stdio: 'ignore' });
    } catch {
      return { reason: 'mounting a tmpfs needs root' };
    }
    return { folder };
  }

  test('rejects the whole group without a trace, and goes on once there is room', async (t) => {
    const mount = mountSmall();
    if ('reason' in mount) return t.skip(mount.reason);
    t.after(() => execFileSync('umount', ['--lazy', mount.folder]));
    t.mock.method(console, 'error', () => undefined); // lmdb-js prints each failed commit.
    const filler = join(mount.folder, 'filler');
    writeFileSync(filler, Buffer.alloc(2_000_000));
    const folder = join(mount.folder, 'log');
    let log = await openAt(folder);
    await log.commit({ appends: [trades(1)], state: [{ key: 'kept', value: bytesOf(9, 1) }] });
    for (let round = 0; round < 3; round += 1) {
      const group = [trades(2), trades(3, 3_000_000), trades(4)].map((append) =>
        log.commit({ appends: [append], state: [{ key: 'kept', value: null }] }),
      );
      for (const outcome of await Promise.allSettled(group)) {
        assert.equal(outcome.status, 'rejected');
        failsWith('disk-full', /[Ff]ree/)(outcome.reason);
      }
      assert.deepEqual(log.range('market.trades'), { start: 0, end: 2 });
      assert.deepEqual(await readAll(log), summary([stored(trades(1), 0)]));
      assert.deepEqual(await log.state('kept'), bytesOf(9, 1));
    }
    rmSync(filler);
    assert.deepEqual(await log.commit({ appends: [trades(3, 1_000_000), trades(1)] }), [2, 6]);
    await log.close();
    log = await openAt(folder);
    assert.deepEqual(log.warnings, []);
    const all = [stored(trades(1), 0), stored(trades(3, 1_000_000), 2), stored(trades(1), 6)];
    assert.deepEqual(await readAll(log), summary(all));
  });

  test('does not keep the log from being opened and read', async (t) => {
    const mount = mountSmall();
    if ('reason' in mount) return t.skip(mount.reason);
    t.after(() => execFileSync('umount', ['--lazy', mount.folder]));
    const folder = join(mount.folder, 'log');
    await fs.cp(template, folder, { recursive: true });
    await fillUp(mount.folder);
    const log = await openAt(folder);
    assert.deepEqual(await readAll(log), summary(batches));
  });

  test('keeps a log from being made or mended, until there is room', async (t) => {
    const mount = mountSmall();
    if ('reason' in mount) return t.skip(mount.reason);
    t.after(() => execFileSync('umount', ['--lazy', mount.folder]));
    const damaged = join(mount.folder, 'damaged');
    await fs.cp(template, damaged, { recursive: true });
    damage(damaged, (bytes) => flipIn(bytes, stateOf(commits - 1)));
    const filler = await fillUp(mount.folder);
    for (const folder of [damaged, join(mount.folder, 'new')]) {
      await assert.rejects(openAt(folder), failsWith('disk-full', /[Ff]ree/));
    }
    await fs.rm(filler);
    assert.deepEqual(await readAll(await openAt(damaged)), summary(batches));
  });

  /** The path of the file that takes all the space. */
  async function fillUp(folder: string): Promise<string> {
    const path = join(folder, 'filler');
    const filler = await fs.open(path, 'w');
    const block = Buffer.alloc(pageBytes);
    await assert.rejects(async () => {
      for (;;) await filler.write(block);
    }, /ENOSPC/);
    await filler.close();
    return path;
  }
});

describe('threads', () => {
  const module = import.meta.resolve('../../src/log/log-embedded.ts');
  const clocks = import.meta.resolve('../../src/base/clock.ts');

  /** Reads from beginning to end, again and again, until told to end; answers what was lost. */
  function startReader(folder: string, signal: SharedArrayBuffer): Worker {
    const code = `
      const { parentPort, workerData } = require('node:worker_threads');
      (async () => {
        const { openEmbeddedLog } = await import('${module}');
        const { systemClock: clock } = await import('${clocks}');
        const logger = { warn: () => undefined };
        const log = await openEmbeddedLog({ ...workerData, clock, logger, readOnly: true });
        let isOver = false, next = 0, generation = -1;
        const lost = new Set();
        parentPort.on('message', (message) => {
          if (message === 'exit') process.exit();
          isOver = true;
        });
        parentPort.postMessage('reading');
        for (let rounds = 0; !isOver; rounds += 1) {
          const read = await log.read('market.trades', next, 100_000);
          for (const { reason } of read.lost) lost.add(reason);
          next = read.next < log.range('market.trades').end ? read.next : 0;
          if (rounds % 10 === 0) await new Promise(setImmediate);
        }
        await log.close();
        parentPort.postMessage([...lost]);
        parentPort.close();
      })();`;
    return new Worker(code, { eval: true, workerData: { folder, signal } });
  }

  test('that read never mistake what retention takes for damage', async (t) => {
    const folder = newFolder();
    const log = await openAt(folder);
    const readers = [startReader(folder, log.signal), startReader(folder, log.signal)];
    t.after(() => readers.map((reader) => reader.postMessage('exit')));
    await Promise.all(readers.map((reader) => once(reader, 'message')));
    for (let index = 0; index < 150; index += 1) {
      await Promise.all([
        log.commit({ appends: [trades(index, 2_000), trades(index, 300)] }),
        log.trim({ bytesMax: 30_000, keepFrom: () => Number.POSITIVE_INFINITY }),
      ]);
    }
    for (const reader of readers) {
      const answer = once(reader, 'message');
      reader.postMessage('end');
      assert.deepEqual(await answer, [['retention']]);
    }
    assert.equal(log.stats().damagedBatches, 0);
  });

  test('that end without closing do not harm the others', async () => {
    const folder = await copyTemplate();
    const log = await openAt(folder);
    for (let round = 0; round < 5; round += 1) {
      const reader = startReader(folder, log.signal);
      await once(reader, 'message');
      reader.postMessage('exit');
      await once(reader, 'exit');
      await log.commit({ appends: [trades(1)] });
      await log.trim({ bytesMax: 100_000, keepFrom: () => Number.POSITIVE_INFINITY });
    }
    await assertNothingWrong(log);
  });

  test('open a log for reading only after it is open for writing', async () => {
    const folder = await copyTemplate();
    const { signal } = await openAt(newFolder());
    const unused = new SharedArrayBuffer(signal.byteLength);
    await assert.rejects(openAt(folder, { signal: unused, readOnly: true }), /after its writer/);
  });
});

test('the newest batches are kept in memory without what was written beside them', async () => {
  const log = await openAt(newFolder());
  const state = [{ key: 'state', value: bytesOf(100_000, 1) }];
  const small = Array.from({ length: 150 }, (_, fill) => trades(fill, 1_000));
  for (const append of small) await log.commit({ appends: [append, quotes(1)], state });
  const { batches: found } = await log.read('market.trades', 0, 2 ** 30);
  assert.equal(found.length, small.length);
  const buffers = new Set(found.map(({ bytes }) => bytes.buffer));
  const kept = [...buffers].reduce((sum, { byteLength }) => sum + byteLength, 0);
  assert(kept <= 2 * 150 * 1_000, `${kept} bytes are kept`);
});

test('a log opened for reading alone is mended and read, but not written', async () => {
  const folder = await copyTemplate();
  damage(folder, (bytes) => flipIn(bytes, stateOf(commits - 1)));
  const log = await openAt(folder, { readOnly: true });
  assert.equal(log.warnings.length, 1);
  assert.deepEqual(await readAll(log), summary(batches));
  await assert.rejects(log.commit({ appends: [trades(1)] }), /opened for reading/);
  await assert.rejects(log.trim({ keepFrom: () => 0 }), /opened for reading/);
});

test('a batch of nothing, and a topic that does not exist, are bugs', async () => {
  const log = await openAt(newFolder());
  await assert.rejects(log.commit({ appends: [{ ...trades(1), count: 0 }] }), /0 records/);
  assert.throws(() => log.range('no-topic' as Topic), /no topic no-topic/);
});

test('a folder that cannot be made is unusable', async () => {
  const file = newFolder();
  await fs.writeFile(file, '');
  await assert.rejects(openAt(join(file, 'log')), failsWith('data-folder-unusable', /DATA_DIR/));
});

// --- what is written ---

function bytesOf(size: number, fill: number): Uint8Array {
  const random = prng(fill);
  return new Uint8Array(size).map(() => random.integer(256));
}

/** Of several sizes, so that some values lie in pages of their own. */
function trades(fill: number, size = [60, 700, 1_800, 5_000][fill % 4]!): Append {
  return {
    topic: 'market.trades',
    count: 1 + (fill % 4),
    bytes: bytesOf(size, fill),
  };
}

function quotes(fill: number): Append {
  return { topic: 'market.quotes', count: 1, bytes: bytesOf(100, fill + 10_000) };
}

function stateOf(index: number): Uint8Array {
  return bytesOf(100, index + 20_000);
}

function stored({ count, bytes }: Append, offset: number): StoredBatch {
  return { offset, count, bytes };
}

interface Summary {
  /** Text, since a difference of megabytes takes minutes to print. */
  readonly batches: readonly string[];
  readonly lost: readonly LostRange[];
}

function summary(found: readonly StoredBatch[], lost: readonly LostRange[] = []): Summary {
  const batches = found.map(({ offset, count, bytes }) => {
    return `${offset} to ${offset + count}, ${bytes.length} bytes, ${crc32(bytes)}`;
  });
  return { batches, lost };
}

async function readAll(log: EmbeddedLog): Promise<Summary> {
  const { found, lost } = await readWhole(log, 'market.trades');
  return summary(found, lost);
}

async function readWhole(
  log: EmbeddedLog,
  topic: Topic,
): Promise<{ found: readonly StoredBatch[]; lost: readonly LostRange[] }> {
  const found: StoredBatch[] = [];
  const lost: LostRange[] = [];
  const { end } = log.range(topic);
  for (let next = 0; next < end; ) {
    const read = await log.read(topic, next, 100_000);
    assert(read.next > next, 'reading goes on');
    found.push(...read.batches);
    lost.push(...read.lost);
    next = read.next;
  }
  return { found, lost };
}

// --- what must hold ---

/** Every offset is read as it was written, or lost; or it is a new log. */
async function assertNothingWrong(log: EmbeddedLog): Promise<void> {
  if (log.epoch !== templateEpoch) return;
  const { found, lost } = await readWhole(log, 'market.trades');
  const pieces = [
    ...found.map(({ offset, count }) => ({ from: offset, to: offset + count })),
    ...lost,
  ].sort((a, b) => a.from - b.from);
  let next = 0;
  for (const { from, to } of pieces) {
    assert.equal(from, next);
    next = to;
  }
  assert.equal(next, log.range('market.trades').end);
  const written = new Set(summary(batches).batches);
  const old = found.filter(({ offset }) => offset <= batches.at(-1)!.offset);
  assert.deepEqual(
    summary(old).batches.filter((batch) => !written.has(batch)),
    [],
  );
}

/** The same epoch, most of the batches, the lost ones as ranges, and the old file in quarantine. */
async function assertMended(log: EmbeddedLog, folder: string): Promise<void> {
  assert.equal(log.epoch, templateEpoch);
  assert.match(log.warnings.join(), /damaged in places/);
  assert.deepEqual(said, log.warnings);
  await assertNothingWrong(log);
  const { lost } = await readAll(log);
  assert(lost.length > 0 && lost.every(({ reason }) => reason === 'damaged'));
  const [aside] = await asideIn(folder);
  assert((await fs.stat(join(folder, aside!, 'data.mdb'))).size > 0);
}

async function asideIn(folder: string): Promise<readonly string[]> {
  return (await fs.readdir(folder)).filter((name) => name.startsWith('quarantine-'));
}

function failsWith(code: FailureCode, cure: RegExp): (error: unknown) => true {
  return (error) => {
    assert(error instanceof Failure, String(error));
    assert.equal(error.code, code);
    assert.match(error.cure, cure);
    return true;
  };
}

// --- where things are in the file ---

/** Flips one bit in the middle of each copy of `content`, of which LMDB may keep old ones. */
function flipIn(file: Buffer, content: Uint8Array): void {
  const positions = positionsOf(file, content);
  assert(positions.length > 0, 'it is in the file');
  for (const at of positions) file[at + (content.length >> 1)]! ^= 4;
}

function flipAt(path: string, at: number): void {
  const bytes = readFileSync(path);
  bytes[at]! ^= 1;
  writeFileSync(path, bytes);
}

/** By the beginning, since a large value is followed by no more than it. */
function positionsOf(file: Buffer, content: Uint8Array): readonly number[] {
  const positions: number[] = [];
  for (let at = file.indexOf(content); at >= 0; at = file.indexOf(content, at + 1)) {
    positions.push(at);
  }
  return positions;
}

function pageStart(at: number): number {
  return at - (at % pageBytes);
}

/** Where the pages of a kind begin, by the flags in their heads. */
function pagesOf(file: Buffer, kind: 'branch' | 'leaf'): readonly number[] {
  const flag = { branch: 1, leaf: 2 }[kind];
  const starts = Array.from({ length: file.length / pageBytes }, (_, page) => page * pageBytes);
  return starts.filter((at) => at > pageBytes && file.readUInt16LE(at + 18) === flag);
}

/** The first node of a page, which begins with the number of a page or the size of a value. */
function firstNode(file: Buffer, page: number): number {
  return page + 24 + file.readUInt16LE(page + 24);
}
