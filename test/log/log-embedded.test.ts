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
import fc from 'fast-check';
import { ManualClock, systemClock } from '../../src/base/clock.ts';
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
    const state = [{ key: `state ${index % 50}`, value: bytesOf(100, index) }];
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
    const lost = [{ from: offset, to: offset + count, reason: 'damaged' }];
    assert.deepEqual(await readAll(log), { batches: batches.toSpliced(100, 1), lost });
  });

  test('is lost from where reading begins within it', async () => {
    const folder = await copyTemplate();
    const { offset, count, bytes } = batches[103]!;
    damage(folder, (file) => flipIn(file, bytes));
    const log = await openAt(folder);
    const { lost } = await log.read('market.trades', 0, offset + 1, 1_000);
    assert.deepEqual(lost, [{ from: offset + 1, to: offset + count, reason: 'damaged' }]);
  });

  test('goes to quarantine with its raw bytes, and counts once', async () => {
    const folder = await copyTemplate();
    damage(folder, (bytes) => flipIn(bytes, batches[100]!.bytes));
    let log = await openAt(folder);
    for (let round = 0; round < 3; round += 1) {
      await readAll(log);
      await log.read('market.trades', 0, batches[100]!.offset, 1);
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
    assert.equal(log.range('market.trades', 0).start, batches[10]!.offset);
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
    const { end } = log.range('market.trades', 0);
    assert.equal(end, batches.at(-1)!.offset + batches.at(-1)!.count);
    assert.deepEqual(await log.commit({ appends: [trades(1)] }), [end]);
  });

  test('with damaged state loses that state alone', async () => {
    const folder = await copyTemplate();
    damage(folder, (bytes) => flipIn(bytes, bytesOf(100, commits - 1)));
    const log = await openAt(folder);
    assert.match(log.warnings.join(), /state 49 is damaged/);
    assert.equal(await log.state('state 49'), null);
    assert.deepEqual(await log.state('state 48'), bytesOf(100, commits - 2));
    assert.deepEqual(await readAll(log), { batches, lost: [] });
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
      assert.deepEqual(log.range('market.trades', 0), { start: 0, end: 0 });
      const [aside] = await asideIn(folder);
      assert.deepEqual(readFileSync(join(folder, aside!, 'data.mdb')), damaged);
      await log.commit({ appends: [trades(1)] });
      const { epoch } = log;
      await log.close();
      log = await openAt(folder);
      assert.deepEqual([log.epoch, log.warnings, log.range('market.trades', 0).end], [epoch, [], 2]);
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
    await fc.assert(run, { seed, numRuns: 60 });
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
    assert.deepEqual(await readAll(log), { batches, lost: [] });
    assert(!(await fs.readdir(folder)).includes('unfinished-abc'));
  });
});

test('a log of a newer format is refused and left as it is', async () => {
  const folder = await copyTemplate();
  damage(folder, (bytes) => {
    // The format is stored as a digit behind its checksum; both are replaced by those of "9".
    const [stored] = positionsOf(bytes, Buffer.from('format'));
    assert(stored);
    for (const at of positionsOf(bytes, Buffer.from('format'))) {
      bytes.write('9', at + 6 + 8);
      bytes.writeUInt32LE(crcOfFormat9, at + 6);
    }
  });
  const before = readFileSync(join(folder, 'data.mdb'));
  await assert.rejects(openAt(folder), failsWith('data-folder-newer', /DATA_DIR/));
  assert.deepEqual(readFileSync(join(folder, 'data.mdb')), before);
});
