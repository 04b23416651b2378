// A real schema registry for one test file, whose memory is all that it keeps.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before } from 'node:test';
import { type Daemon, freePorts } from './daemon.ts';
import { jarsOf } from './jars.ts';
import { startJava } from './java.ts';

const pom = join(import.meta.dirname, 'servers', 'apicurio.xml');

export class Apicurio {
  readonly #folder: string;
  readonly #server: Daemon;
  /** Of the interface that is Confluent's. */
  readonly url: string;

  static async start(): Promise<Apicurio> {
    const jars = await jarsOf({ pom, archives: true });
    const folder = await mkdtemp(join(tmpdir(), 'tapeline-apicurio-'));
    const [port] = await freePorts(1);
    const url = `http://127.0.0.1:${port}/apis/ccompat/v7`;
    const server = await startJava({
      name: 'apicurio',
      folder,
      jars: [jars],
      heapMegabytes: 256,
      main: 'io.quarkus.runner.GeneratedMain',
      args: [],
      env: { QUARKUS_HTTP_HOST: '127.0.0.1', QUARKUS_HTTP_PORT: String(port) },
      isReady: async () => (await fetch(`${url}/subjects`).catch(() => null))?.ok ?? false,
    });
    return new Apicurio(folder, server, url);
  }

  private constructor(folder: string, server: Daemon, url: string) {
    this.#folder = folder;
    this.#server = server;
    this.url = url;
  }

  /** For good: what it held is gone with it. */
  async stop(): Promise<void> {
    await this.#server.kill();
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 9 });
  }
}

/** To be called at the top of a test file. */
export function testApicurio(): () => Apicurio {
  let apicurio: Apicurio | undefined;
  before(async () => {
    apicurio = await Apicurio.start();
  });
  after(async () => await apicurio?.stop());
  return () => {
    if (!apicurio) throw new Error('Apicurio runs only while tests do');
    return apicurio;
  };
}
