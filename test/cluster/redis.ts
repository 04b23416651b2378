// A real Redis, Debian's, on a free port of loopback. It keeps nothing on disk.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { createClient } from 'redis';
import { Daemon, freePorts } from './daemon.ts';

export class Redis {
  readonly url: string;
  readonly #folder: string;
  #daemon: Daemon | null = null;

  /** Ends with the test. */
  static async start(test: TestContext): Promise<Redis> {
    const folder = await mkdtemp(join(tmpdir(), 'tapeline-redis-'));
    const [port] = (await freePorts(1)) as [number];
    const redis = new Redis(folder, port);
    test.after(async () => {
      await redis.kill();
      await rm(folder, { recursive: true, force: true });
    });
    await redis.restart();
    return redis;
  }

  private constructor(folder: string, port: number) {
    this.#folder = folder;
    this.url = `redis://127.0.0.1:${port}`;
  }

  async restart(): Promise<void> {
    await this.kill();
    const { port } = new URL(this.url);
    const settings = ['--port', port, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
    this.#daemon = await Daemon.start({
      name: 'redis',
      folder: this.#folder,
      command: ['redis-server', ...settings],
      isReady: async () => (await this.#ask(['PING'])) === 'PONG',
    });
  }

  async kill(): Promise<void> {
    await this.#daemon?.kill();
    this.#daemon = null;
  }

  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#daemon?.signal(signal);
  }

  async configure(name: string, value: string): Promise<void> {
    await this.#ask(['CONFIG', 'SET', name, value]);
  }

  async #ask(command: readonly string[]): Promise<unknown> {
    const client = createClient({ url: this.url, socket: { reconnectStrategy: false } });
    client.on('error', () => undefined);
    try {
      await client.connect();
      return await client.sendCommand([...command]);
    } catch {
      return null;
    } finally {
      if (client.isOpen) client.destroy();
    }
  }
}
