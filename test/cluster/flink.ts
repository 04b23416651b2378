// A real Flink for one test file: job manager, task manager and SQL gateway, each a Java process of
// its own, on free ports, with checkpoints in a temporary folder.

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before } from 'node:test';
import { type Daemon, freePorts } from './daemon.ts';
import { jarsOf } from './jars.ts';
import { type JavaServer, startJava } from './java.ts';

const version = '2.2.1';

const jars = {
  pom: join(import.meta.dirname, 'servers', 'flink.xml'),
  // Its jars are those of the distribution's folder lib.
  wheel: { requirement: `apache-flink-libraries==${version}`, folder: 'pyflink/lib' },
};

/** What Flink's own scripts open to it on Java 17. */
const exported = Object.entries({
  'java.base': ['sun.net.util'],
  'java.rmi': ['sun.rmi.registry'],
  'java.security.jgss': ['sun.security.krb5'],
  'jdk.compiler': ['api', 'file', 'parser', 'tree', 'util'].map(
    (part) => `com.sun.tools.javac.${part}`,
  ),
}).flatMap(([module, names]) => names.map((name) => `--add-exports=${module}/${name}=ALL-UNNAMED`));
const opens = (
  'java.lang java.net java.io java.nio sun.nio.ch java.lang.reflect java.text java.time ' +
  'java.util java.util.concurrent java.util.concurrent.atomic java.util.concurrent.locks'
)
  .split(' ')
  .map((name) => `--add-opens=java.base/${name}=ALL-UNNAMED`);

const slots = 4;

export interface FlinkOptions {
  /** Of Java. */
  readonly java?: readonly string[];
  /** A task manager that is not heard of for so long is given up. */
  readonly heartbeatSeconds?: number;
}

export class Flink {
  readonly #folder: string;
  readonly #jars: string;
  readonly #rest: number;
  readonly #rpc: number;
  readonly #gateway: number;
  readonly #java: readonly string[];
  readonly #heartbeatSeconds: number;
  readonly #running = new Map<string, Daemon>();

  static async start(options: FlinkOptions = {}): Promise<Flink> {
    const folder = await mkdtemp(join(tmpdir(), 'tapeline-flink-'));
    const flink = new Flink(folder, await jarsOf(jars), await freePorts(3), options);
    try {
      await writeFile(join(folder, 'config.yaml'), flink.#settings());
      for (const name of ['checkpoints', 'savepoints', 'tmp']) await mkdir(join(folder, name));
      const starts = [flink.#startJobManager(), flink.startTaskManager(), flink.#startGateway()];
      // All of them have started or failed before one that failed stops the rest.
      const failed = (await Promise.allSettled(starts)).find(({ status }) => status === 'rejected');
      if (failed) throw (failed as PromiseRejectedResult).reason;
    } catch (error) {
      await flink.stop();
      throw error;
    }
    return flink;
  }

  private constructor(
    folder: string,
    jarFolder: string,
    ports: readonly number[],
    { java = [], heartbeatSeconds = 60 }: FlinkOptions,
  ) {
    this.#folder = folder;
    this.#jars = jarFolder;
    this.#java = java;
    this.#heartbeatSeconds = heartbeatSeconds;
    [this.#rest, this.#rpc, this.#gateway] = ports as [number, number, number];
  }

  get restUrl(): string {
    return `http://127.0.0.1:${this.#rest}`;
  }

  get gatewayUrl(): string {
    return `http://127.0.0.1:${this.#gateway}`;
  }

  /** Where savepoints go. */
  get savepoints(): string {
    return `file://${join(this.#folder, 'savepoints')}`;
  }

  pidOf(name: 'jobmanager' | 'taskmanager'): number {
    const server = this.#running.get(name);
    if (!server) throw new Error(`no ${name} runs`);
    return server.pid;
  }

  async #startJobManager(): Promise<void> {
    await this.#run('jobmanager', {
      heapMegabytes: 512,
      main: 'org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint',
      args: ['--configDir', this.#folder],
      isReady: async () => (await this.#ask(`${this.restUrl}/overview`)) !== null,
    });
  }

  /** Ready once the job manager offers its slots. */
  async startTaskManager(): Promise<void> {
    await this.#run('taskmanager', {
      heapMegabytes: 896,
      main: 'org.apache.flink.runtime.taskexecutor.TaskManagerRunner',
      args: ['--configDir', this.#folder],
      isReady: async () => {
        const overview = await this.#ask(`${this.restUrl}/overview`);
        return overview?.['taskmanagers'] === 1;
      },
    });
  }

  async #startGateway(): Promise<void> {
    await this.#run('sqlgateway', {
      heapMegabytes: 512,
      main: 'org.apache.flink.table.gateway.SqlGateway',
      args: [
        '-Dsql-gateway.endpoint.rest.address=127.0.0.1',
        `-Dsql-gateway.endpoint.rest.port=${this.#gateway}`,
      ],
      env: { FLINK_CONF_DIR: this.#folder },
      isReady: async () => (await this.#ask(`${this.gatewayUrl}/info`)) !== null,
    });
  }

  async #run(
    name: string,
    launch: Omit<JavaServer, 'name' | 'folder' | 'jars' | 'java'>,
  ): Promise<void> {
    const tmp = `-Djava.io.tmpdir=${join(this.#folder, 'tmp')}`;
    const java = [...exported, ...opens, tmp, ...this.#java];
    const place = { name, folder: this.#folder, jars: [this.#jars], java };
    this.#running.set(name, await startJava({ ...launch, ...place }));
  }

  async #ask(url: string): Promise<Record<string, unknown> | null> {
    const response = await fetch(url).catch(() => null);
    return response?.ok ? ((await response.json()) as Record<string, unknown>) : null;
  }

  /** kill -9. */
  async killTaskManager(): Promise<void> {
    await this.#running.get('taskmanager')?.kill();
    this.#running.delete('taskmanager');
  }

  async stop(): Promise<void> {
    await Promise.all(Array.from(this.#running.values(), async (server) => await server.kill()));
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 9 });
  }

  /** The ends of the logs, for the message of a test that fails. */
  tail(): string {
    return Array.from(this.#running.values(), (server) => server.tail()).join('\n');
  }

  /** One that was killed is known by its port, which refuses; one that is slow is waited for. */
  #settings(): string {
    return `
jobmanager.rpc.address: 127.0.0.1
jobmanager.rpc.port: ${this.#rpc}
jobmanager.bind-host: 127.0.0.1
rest.address: 127.0.0.1
rest.bind-address: 127.0.0.1
rest.port: ${this.#rest}
taskmanager.host: 127.0.0.1
taskmanager.bind-host: 127.0.0.1
taskmanager.numberOfTaskSlots: ${slots}
taskmanager.cpu.cores: 2
taskmanager.memory.framework.heap.size: 128m
taskmanager.memory.framework.off-heap.size: 128m
taskmanager.memory.task.heap.size: 768m
taskmanager.memory.task.off-heap.size: 64m
taskmanager.memory.network.min: 96m
taskmanager.memory.network.max: 96m
taskmanager.memory.managed.size: 512m
taskmanager.memory.jvm-metaspace.size: 256m
taskmanager.memory.jvm-overhead.min: 192m
taskmanager.memory.jvm-overhead.max: 192m
io.tmp.dirs: ${join(this.#folder, 'tmp')}
execution.checkpointing.dir: file://${join(this.#folder, 'checkpoints')}
execution.checkpointing.savepoint-dir: ${this.savepoints}
heartbeat.interval: 1000
heartbeat.rpc-failure-threshold: 2
heartbeat.timeout: ${this.#heartbeatSeconds * 1000}
`;
  }
}

/** To be called at the top of a test file. */
export function testFlink(): () => Flink {
  let flink: Flink | undefined;
  before(async () => {
    flink = await Flink.start();
  });
  after(async () => await flink?.stop());
  return () => {
    if (!flink) throw new Error('Flink runs only while tests do');
    return flink;
  };
}
