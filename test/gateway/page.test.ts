import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, type TestContext, test } from 'node:test';
import { type Rig, rig } from './rig.ts';

suite('the dashboard is served', () => {
  const files: Readonly<Record<string, string>> = {
    'index.html': '<!doctype html>',
    'index.html.br': 'html as Brotli',
    'index.html.gz': 'html as gzip',
    'favicon.svg': '<svg/>',
    'assets/index-4f2a.js': 'run()',
    'assets/index-4f2a.js.br': 'js as Brotli',
    'assets/index-4f2a.js.gz': 'js as gzip',
    built: '',
  };

  async function served(t: TestContext): Promise<Rig> {
    const pageFolder = mkdtempSync(join(tmpdir(), 'tapeline-page-'));
    t.after(() => rmSync(pageFolder, { recursive: true }));
    mkdirSync(join(pageFolder, 'assets'));
    for (const [name, text] of Object.entries(files)) writeFileSync(join(pageFolder, name), text);
    return await rig(t, { pageFolder });
  }

  test('as one document at the address of every page, asked for again each time', async (t) => {
    const one = await served(t);
    for (const path of ['/', '/symbols/BTC-USD', '/symbols/A%2FB', '/alerts', '/pipeline']) {
      const { status, headers, body } = await rawAnswer(one, path);
      assert.deepEqual([status, body], [200, '<!doctype html>'], path);
      assert.equal(headers['cache-control'], 'no-cache');
      assert.match(headers['content-type'] ?? '', /^text\/html/);
    }
    for (const path of ['/nowhere', '/built', '/index.html']) {
      assert.equal((await one.get(path)).status, 404, path);
    }
  });

  test('with files that are never asked for again, as they are named by content', async (t) => {
    const one = await served(t);
    const { headers } = await rawAnswer(one, '/assets/index-4f2a.js');
    assert.equal(headers['cache-control'], 'public, max-age=31536000, immutable');
    assert.match(headers['content-type'] ?? '', /^text\/javascript/);
    const icon = await rawAnswer(one, '/favicon.svg');
    assert.deepEqual([icon.headers['cache-control'], icon.headers.vary], ['no-cache', undefined]);
  });

  test('compressed as the browser accepts it', async (t) => {
    const one = await served(t);
    const path = '/assets/index-4f2a.js';
    for (const [accepted, encoding, text] of [
      ['gzip, deflate, br', 'br', 'js as Brotli'],
      ['gzip', 'gzip', 'js as gzip'],
      ['br;q=0, GZIP;q=0.5', 'gzip', 'js as gzip'],
      ['br;q=0', undefined, 'run()'],
      ['', undefined, 'run()'],
    ] as const) {
      const { headers, body } = await rawAnswer(one, path, { 'accept-encoding': accepted });
      assert.deepEqual([headers['content-encoding'], body], [encoding, text], accepted);
      assert.equal(headers.vary, 'accept-encoding');
    }
  });

  test('and not again while it has not changed', async (t) => {
    const one = await served(t);
    for (const encoding of ['br', 'gzip', '']) {
      const accepts = { 'accept-encoding': encoding };
      const { headers } = await rawAnswer(one, '/', accepts);
      const known = { ...accepts, 'if-none-match': headers.etag ?? '' };
      const again = await rawAnswer(one, '/', known);
      assert.deepEqual([again.status, again.body], [304, '']);
      const other = await rawAnswer(one, '/', { ...accepts, 'if-none-match': '"another"' });
      assert.equal(other.status, 200);
    }
  });

  test('or says how it is built, while it is not', async (t) => {
    const one = await rig(t, { pageFolder: join(tmpdir(), 'tapeline-no-such-folder') });
    const { status, body } = await one.get('/');
    assert.equal(status, 404);
    assert.match(body.cure, /tapeline build/);
  });
});

/** As it comes over the wire. */
async function rawAnswer({ gateway }: Rig, path: string, headers: Record<string, string> = {}) {
  const asked = request(new URL(path, gateway.url), { headers });
  asked.end();
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  let body = '';
  for await (const chunk of response) body += chunk;
  return { status: response.statusCode, headers: response.headers, body };
}
