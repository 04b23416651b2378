// A real RabbitMQ, Debian's, for one test file: a node of its own with its own folder, ports and
// port mapper, so that it meets no other on this machine.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before } from 'node:test';
import { Connection } from 'rabbitmq-client';
import { Daemon, freePorts } from './daemon.ts';

/** The server itself: the command of that name first becomes the user of the system's service. */
const programs = '/usr/lib/rabbitmq/bin';

export class RabbitMq {
  readonly url: string;
  readonly #folder: string;
  readonly #ports: Ports;
  #mapper: Daemon | null = null;
  #node: Daemon | null = null;

  static async start(): Promise<RabbitMq> {
    const folder = await mkdtemp(join(tmpdir(), 'tapeline-rabbitmq-'));
    const [amqp, peers, mapper] = (await freePorts(3)) as [number, number, number];
    const ports = { amqp, peers, mapper };
    const broker = new RabbitMq(folder, ports);
    try {
      await writeFile(join(folder, 'enabled_plugins'), '[].');
      await broker.#startMapper();
      await broker.restart();
    } catch (error) {
      await broker.stop();
      throw error;
    }
    return broker;
  }

  private constructor(folder: string, ports: Ports) {
    this.#folder = folder;
    this.#ports = ports;
    this.url = `amqp://guest:guest@127.0.0.1:${ports.amqp}`;
  }

  async #startMapper(): Promise<void> {
    const port = String(this.#ports.mapper);
    this.#mapper = await Daemon.start({
      name: 'epmd',
      folder: this.#folder,
      command: ['epmd', '-address', '127.0.0.1', '-port', port],
      isReady: async () => await accepts(this.#ports.mapper),
    });
  }

  /** What the broker held is there again. */
  async restart(): Promise<void> {
    await this.kill();
    this.#node = await Daemon.start({
      name: 'rabbitmq',
      folder: this.#folder,
      command: [join(programs, 'rabbitmq-server')],
      env: this.#env,
      isReady: async () => await accepts(this.#ports.amqp),
    });
  }

  get #env(): Record<string, string> {
    const { amqp, peers, mapper } = this.#ports;
    return {
      HOME: this.#folder,
      ERL_EPMD_PORT: String(mapper),
      RABBITMQ_NODENAME: `tapeline-${amqp}@localhost`,
      RABBITMQ_NODE_IP_ADDRESS: '127.0.0.1',
      RABBITMQ_NODE_PORT: String(amqp),
      RABBITMQ_DIST_PORT: String(peers),
      RABBITMQ_MNESIA_BASE: this.#data,
      RABBITMQ_LOG_BASE: join(this.#folder, 'log'),
      RABBITMQ_LOGS: '-',
      RABBITMQ_ENABLED_PLUGINS_FILE: join(this.#folder, 'enabled_plugins'),
      RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '+S 1:1 +sbwt none',
    };
  }

  get #data(): string {
    return join(this.#folder, 'mnesia');
  }

  /** Tells the running node something, as its keeper would. */
  async control(...args: readonly string[]): Promise<void> {
    const child = spawn(join(programs, 'rabbitmqctl'), args, {
      env: { ...process.env, ...this.#env },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    await once(child, 'exit');
    if (child.exitCode !== 0) throw new Error(`rabbitmqctl ${args.join(' ')} failed`);
  }

  /** Copies the data away, or back. Only while the broker is dead. */
  async backUp(): Promise<void> {
    await cp(this.#data, `${this.#data}-copy`, { recursive: true });
  }

  async restore(): Promise<void> {
    await rm(this.#data, { recursive: true });
    await cp(`${this.#data}-copy`, this.#data, { recursive: true });
  }

  /**
   * Which server coordinates its streams, RabbitMQ 3.10 writes down three minutes after the first
   * stream, or when it stops. A node that is killed before has lost all of them.
   */
  async settle(): Promise<void> {
    const connection = new Connection(this.url);
    connection.on('error', () => undefined);
    const channel = await connection.acquire();
    const stream = { 'x-queue-type': 'stream' } as const;
    await channel.queueDeclare({ queue: 'first', durable: true, arguments: stream });
    await channel.close();
    await connection.close();
    await this.control('stop');
    await this.#node?.ended();
    await this.restart();
  }

  /** kill -9 of the broker. */
  async kill(): Promise<void> {
    await this.#node?.kill();
    this.#node = null;
  }

  /** SIGSTOP and SIGCONT of the broker: its connections stay, and nothing is answered. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#node?.signal(signal);
  }

  tail(): string {
    return this.#node?.tail() ?? 'no broker runs';
  }

  async stop(): Promise<void> {
    await this.kill();
    await this.#mapper?.kill();
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 9 });
  }
}

interface Ports {
  readonly amqp: number;
  readonly peers: number;
  readonly mapper: number;
}

async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** To be called at the top of a test file. */
export function testRabbitMq({ isSettled = false } = {}): () => RabbitMq {
  let broker: RabbitMq | undefined;
  before(async () => {
    broker = await RabbitMq.start();
    if (isSettled) await broker.settle();
  });
  after(async () => await broker?.stop());
  return () => {
    if (!broker) throw new Error('RabbitMQ runs only while tests do');
    return broker;
  };
}
