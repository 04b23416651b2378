// A real Kafka for one test file: one broker in KRaft mode, which is its own controller.

import { execFileSync } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before } from 'node:test';
import { type Daemon, freePorts } from './daemon.ts';
import { jarsOf } from './jars.ts';
import { runJava, startJava } from './java.ts';
import type { Network } from './network.ts';

const pom = join(import.meta.dirname, 'servers', 'kafka.xml');

/** Any will do, as nothing outlives the folder. */
const clusterId = 'dGFwZWxpbmUtdGVzdC0xMQ';

/** A listener for clients beside the plain one. */
export interface SecureListener {
  /** Lines of `server.properties` for the listener SASL_SSL. */
  readonly settings: string;
  /** Users, as `kafka-storage format` takes them. */
  readonly users: readonly string[];
}

export class Kafka {
  readonly #folder: string;
  readonly #jars: string;
  readonly #ports: readonly number[];
  readonly #java: readonly string[];
  #server: Daemon | undefined;
  #isMounted = false;

  static async start({
    network = null,
    dataMegabytes = null,
    secure = null,
    java = [],
  }: KafkaOptions = {}): Promise<Kafka> {
    const jars = await jarsOf({ pom });
    const folder = await mkdtemp(join(tmpdir(), 'tapeline-kafka-'));
    const kafka = new Kafka(folder, jars, await freePorts(4), java);
    try {
      await mkdir(kafka.#data);
      if (dataMegabytes !== null) kafka.#mount(`size=${dataMegabytes}m`);
      network?.leadTo(kafka.#ports[2]!);
      await writeFile(kafka.#properties, settings(kafka.#data, kafka.#ports, network, secure));
      const users = secure?.users.flatMap((user) => ['--add-scram', user]) ?? [];
      const format = ['format', '-t', clusterId, '-c', kafka.#properties, ...users];
      await runJava(jars, 'kafka.tools.StorageTool', format);
      await kafka.restart();
    } catch (error) {
      await kafka.stop();
      throw error;
    }
    return kafka;
  }

  private constructor(
    folder: string,
    jars: string,
    ports: readonly number[],
    java: readonly string[],
  ) {
    this.#folder = folder;
    this.#jars = jars;
    this.#ports = ports;
    this.#java = java;
  }

  get #properties(): string {
    return join(this.#folder, 'server.properties');
  }

  get #data(): string {
    return join(this.#folder, 'data');
  }

  /** The data on a file system of its own, as large as said. */
  #mount(options: string): void {
    execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tapeline-test', this.#data]);
    this.#isMounted = true;
  }

  /** Makes room where there was little. */
  grow(megabytes: number): void {
    this.#mount(`remount,size=${megabytes}m`);
  }

  /** Copies the data away, or back. Only while the broker is dead. */
  async backUp(): Promise<void> {
    await cp(this.#data, `${this.#data}-copy`, { recursive: true });
  }

  async restore(): Promise<void> {
    await rm(this.#data, { recursive: true });
    await cp(`${this.#data}-copy`, this.#data, { recursive: true });
  }

  /** For `bootstrap.servers`: host and port. */
  get bootstrap(): string {
    return `127.0.0.1:${this.#ports[0]}`;
  }

  get pid(): number {
    if (!this.#server) throw new Error('no broker runs');
    return this.#server.pid;
  }

  /** As `bootstrap`, of the secure listener. */
  get secureBootstrap(): string {
    return `127.0.0.1:${this.#ports[3]}`;
  }

  /** kill -9 of the broker; what it holds stays for `restart`. */
  async kill(): Promise<void> {
    await this.#server?.kill();
    this.#server = undefined;
  }

  async restart(): Promise<void> {
    await this.kill();
    this.#server = await startJava({
      name: 'kafka',
      folder: this.#folder,
      jars: [this.#jars],
      heapMegabytes: 512,
      java: this.#java,
      main: 'kafka.Kafka',
      args: [this.#properties],
      isReady: (log) => log().includes('Kafka Server started'),
    });
  }

  /** Resolves when the broker has ended by itself. */
  async ended(): Promise<void> {
    await this.#server?.ended();
  }

  async stop(): Promise<void> {
    await this.kill();
    if (this.#isMounted) execFileSync('umount', [this.#data]);
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 9 });
  }

  /** The end of the broker's log, for the message of a test that fails. */
  tail(): string {
    return this.#server?.tail() ?? 'no broker runs';
  }
}

export interface KafkaOptions {
  /** Between it and those who begin at the network's address. */
  readonly network?: Network | null;
  /** How large the file system of its data is; mounting one is root's right. */
  readonly dataMegabytes?: number | null;
  readonly secure?: SecureListener | null;
  /** Options of Java. */
  readonly java?: readonly string[];
}

const listenerProtocols =
  'PLAINTEXT:PLAINTEXT,NETWORK:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL';

/** Whoever begins at the third port is led on through the network. */
function settings(
  data: string,
  [broker, controller, behind, tls]: readonly number[],
  network: Network | null,
  secure: SecureListener | null,
): string {
  const clients = { PLAINTEXT: broker, NETWORK: behind, ...(secure ? { SASL_SSL: tls } : {}) };
  const listOf = (ports: object): string =>
    Object.entries(ports)
      .map(([name, port]) => `${name}://127.0.0.1:${port}`)
      .join();
  return `
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:${controller}
listeners=${listOf({ ...clients, CONTROLLER: controller })}
advertised.listeners=${listOf({ ...clients, NETWORK: network?.port ?? behind })}
controller.listener.names=CONTROLLER
listener.security.protocol.map=${listenerProtocols}
inter.broker.listener.name=PLAINTEXT
log.dirs=${data}
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
${secure?.settings ?? ''}
`;
}

/** To be called at the top of a test file. */
export function testKafka(options: () => Promise<KafkaOptions> = async () => ({})): () => Kafka {
  let kafka: Kafka | undefined;
  before(async () => {
    kafka = await Kafka.start(await options());
  });
  after(async () => await kafka?.stop());
  return () => {
    if (!kafka) throw new Error('Kafka runs only while tests do');
    return kafka;
  };
}
