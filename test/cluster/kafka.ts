// A real Kafka for one test file: one broker in KRaft mode, which is its own controller.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before } from 'node:test';
import { jarsOf } from './jars.ts';
import { freePorts, runJava, Server } from './server.ts';

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
  #server: Server | undefined;

  static async start(secure?: SecureListener): Promise<Kafka> {
    const jars = await jarsOf({ pom });
    const folder = await mkdtemp(join(tmpdir(), 'tapeline-kafka-'));
    const kafka = new Kafka(folder, jars, await freePorts(secure ? 3 : 2));
    try {
      await writeFile(kafka.#properties, settings(folder, kafka.#ports, secure));
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

  private constructor(folder: string, jars: string, ports: readonly number[]) {
    this.#folder = folder;
    this.#jars = jars;
    this.#ports = ports;
  }

  get #properties(): string {
    return join(this.#folder, 'server.properties');
  }

  /** For `bootstrap.servers`: host and port. */
  get bootstrap(): string {
    return `127.0.0.1:${this.#ports[0]}`;
  }

  /** The same of the secure listener. */
  get secureBootstrap(): string {
    return `127.0.0.1:${this.#ports[2]}`;
  }

  /** kill -9 of the broker; what it holds stays for `restart`. */
  async kill(): Promise<void> {
    await this.#server?.kill();
    this.#server = undefined;
  }

  async restart(): Promise<void> {
    await this.kill();
    this.#server = await Server.start({
      name: 'kafka',
      folder: this.#folder,
      jars: [this.#jars],
      heapMegabytes: 512,
      main: 'kafka.Kafka',
      args: [this.#properties],
      isReady: (log) => log().includes('Kafka Server started'),
    });
  }

  async stop(): Promise<void> {
    await this.kill();
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 9 });
  }

  /** The end of the broker's log, for the message of a test that fails. */
  tail(): string {
    return this.#server?.tail() ?? 'no broker runs';
  }
}

function settings(
  folder: string,
  [broker, controller, tls]: readonly number[],
  secure: SecureListener | undefined,
): string {
  const also = secure ? `,SASL_SSL://127.0.0.1:${tls}` : '';
  return `
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:${controller}
listeners=PLAINTEXT://127.0.0.1:${broker},CONTROLLER://127.0.0.1:${controller}${also}
advertised.listeners=PLAINTEXT://127.0.0.1:${broker}${also}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL
inter.broker.listener.name=PLAINTEXT
log.dirs=${join(folder, 'data')}
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
export function testKafka(): () => Kafka {
  let kafka: Kafka | undefined;
  before(async () => {
    kafka = await Kafka.start();
  });
  after(async () => await kafka?.stop());
  return () => {
    if (!kafka) throw new Error('Kafka runs only while tests do');
    return kafka;
  };
}
