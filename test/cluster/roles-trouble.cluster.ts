// Processes of all roles, and a Kafka that is away or back with older data.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Client } from 'pg';
import { withDataFolder } from '../app/command.ts';
import { eventually } from '../eventually.ts';
import { connected, linesOf, testCluster } from '../store/cluster.ts';
import { freePorts } from './daemon.ts';
import { testKafka } from './kafka.ts';
import { brokenSequences, environmentOf, type Kept, keep, type Place } from './roles.ts';

const patience = { secondsMax: 240, everyMs: 300 };

const kafka = testKafka();
const store = testCluster();

/** A process of each role; what they store, and what the gateway says. */
class Plant {
  readonly roles: readonly Kept[];
  readonly #url: string;

  private constructor(roles: readonly Kept[], url: string) {
    this.roles = roles;
    this.#url = url;
  }

  static async start(t: TestContext, folder: string, place: Place): Promise<Plant> {
    const [port] = await freePorts(1);
    const env = { ...environmentOf(place), PORT: String(port), TRADES_PER_SECOND: '200' };
    const roles = ['ingest', 'engine', 'persist', 'gateway'].map((role) =>
      keep(t, folder, env, ['run', role], role),
    );
    return new Plant(roles, `http://127.0.0.1:${port}`);
  }

  role(name: string): Kept {
    return this.roles.find((one) => one.name === name)!;
  }

  said(): string {
    return this.roles.map(({ name, said }) => `${name}: ${said}`).join('\n');
  }

  async ask(path: string): Promise<string> {
    const answer = await fetch(this.#url + path).catch(() => null);
    return (await answer?.text()) ?? '';
  }

  /** Of the log, as /health tells it. */
  async log(): Promise<{ readonly state: string; readonly detail: string }> {
    const text = await this.ask('/health');
    return text === '' ? { state: 'no answer', detail: '' } : JSON.parse(text).log;
  }
}

async function tradesIn(client: Client): Promise<number> {
  return Number((await linesOf(client, 'select count(*) from trades'))[0]);
}

test('all roles wait for a Kafka that is away, at their start and later, and lose nothing', {
  timeout: 600_000,
}, async (t) => {
  await withDataFolder(async (folder) => {
    const database = await store.migratedDatabase();
    const client = await connected(t, database);
    await kafka().kill();
    const place = { database, bootstrap: kafka().bootstrap, prefix: 'away' };
    const plant = await Plant.start(t, folder, place);
    const allWait = (): boolean => plant.roles.every(({ said }) => /waiting: Kafka at/.test(said));
    await eventually(allWait, () => plant.said(), patience);
    assert.match(await plant.ask('/ready'), /Kafka at 127/);
    await kafka().restart();
    await eventually(
      async () => (await tradesIn(client)) > 500,
      () => plant.said(),
      patience,
    );
    const isWell = async (): Promise<boolean> => (await plant.log()).state === 'ok';
    await eventually(isWell, 'the gateway is well', patience);
    for (let outage = 0; outage < 2; outage++) {
      await kafka().kill();
      const isTold = async (): Promise<boolean> =>
        (await plant.log()).state === 'degraded' &&
        /Kafka at 127.*a commit waits/.test(plant.role('ingest').said);
      await eventually(isTold, () => plant.said(), patience);
      assert.match((await plant.log()).detail, /Kafka at 127.*Check that these servers run/);
      const before = await tradesIn(client);
      await kafka().restart();
      const goesOn = async (): Promise<boolean> => (await tradesIn(client)) > before + 500;
      await eventually(goesOn, () => plant.said(), patience);
      await eventually(isWell, 'the gateway is well again', patience);
    }
    await plant.role('ingest').end('SIGTERM');
    await plant.role('persist').end('SIGTERM');
    assert.deepEqual(await brokenSequences(client), []);
  });
});

test('persist does not store from a Kafka that has older data than the database', {
  timeout: 600_000,
}, async (t) => {
  await withDataFolder(async (folder) => {
    const database = await store.migratedDatabase();
    const client = await connected(t, database);
    const place = { database, bootstrap: kafka().bootstrap, prefix: 'behind' };
    const env = { ...environmentOf(place), TRADES_PER_SECOND: '200' };
    const isStored = async (trades: number): Promise<void> =>
      await eventually(
        async () => (await tradesIn(client)) > trades,
        `${trades} trades are stored`,
        patience,
      );
    const ingest = keep(t, folder, env, ['run', 'ingest'], 'ingest');
    const persist = keep(t, folder, env, ['run', 'persist'], 'persist');
    await isStored(200);
    await kafka().kill();
    await kafka().backUp();
    await kafka().restart();
    await isStored(1_500);
    await ingest.end('SIGTERM');
    await persist.end('SIGTERM');
    await kafka().kill();
    await kafka().restore();
    await kafka().restart();
    const again = keep(t, folder, env, ['run', 'persist'], 'persist');
    await eventually(
      () => /put back to older data.*Restore the newest copy/s.test(again.said),
      () => again.said,
      patience,
    );
  });
});
