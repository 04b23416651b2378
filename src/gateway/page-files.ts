// The dashboard as it is served: what scripts/build-dashboard.ts has written, with its texts also
// as Brotli and gzip. All is read once, at start.

import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';

export interface PageFile {
  /** As in the URL: `/assets/index-4f2a.js`. */
  readonly path: string;
  readonly type: string;
  readonly bytes: Buffer;
  /** The same in fewer bytes, by `content-encoding`, the smallest first. */
  readonly encoded: readonly (readonly [encoding: string, bytes: Buffer])[];
  /** A strong validator: changes with the content. */
  readonly etag: string;
}

const folder = join(import.meta.dirname, '..', '..', 'dashboard', 'dist');

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
};
const encodings = [
  ['br', '.br'],
  ['gzip', '.gz'],
] as const;

/** Every file of the dashboard; none when it is not built. */
export async function pageFiles(from: string = folder): Promise<readonly PageFile[]> {
  const names = await readdir(from, { recursive: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  const served = names.filter((name) => extname(name) in types);
  return await Promise.all(served.map((name) => pageFile(from, name, names)));
}

async function pageFile(from: string, name: string, names: readonly string[]): Promise<PageFile> {
  const bytes = await readFile(join(from, name));
  const digest = createHash('sha256').update(bytes).digest('base64url').slice(0, 22);
  const encoded = encodings
    .filter(([, ending]) => names.includes(name + ending))
    .map(
      async ([encoding, ending]) => [encoding, await readFile(join(from, name + ending))] as const,
    );
  return {
    path: `/${name.replaceAll('\\', '/')}`,
    type: types[extname(name)],
    bytes,
    encoded: await Promise.all(encoded),
    etag: digest,
  };
}
