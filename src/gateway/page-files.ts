// The page as it is served: the files of dashboard/, with the types stripped from its modules, and
// the chart library beside them. All is read once, at start; a changed file needs a restart.

import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { stripTypeScriptTypes } from 'node:module';
import { extname, join } from 'node:path';

export interface PageFile {
  readonly path: string;
  readonly type: string;
  readonly bytes: Buffer;
  /** A strong validator: changes with the content. */
  readonly etag: string;
}

const folder = join(import.meta.dirname, '..', '..', 'dashboard');
const chartLibrary = 'lightweight-charts';
const chartPath = `/vendor/${chartLibrary}.js`;

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** Every file of the page. Throws when a module of it cannot be stripped: that is a bug. */
export async function pageFiles(): Promise<readonly PageFile[]> {
  const names = await readdir(folder);
  const served = names.filter((name) => extname(name) === '.ts' || extname(name) in types);
  const files = await Promise.all(served.map(pageFile));
  return [...files, await chartFile()];
}

async function pageFile(name: string): Promise<PageFile> {
  const bytes = await readFile(join(folder, name));
  if (name === 'index.html') return fileOf('/', '.html', bytes);
  if (extname(name) !== '.ts') return fileOf(`/${name}`, extname(name), bytes);
  return fileOf(`/${name.replace(/ts$/, 'js')}`, '.js', browserModule(bytes.toString()));
}

/** A module as browsers take it: no types, and imports by URL. */
function browserModule(source: string): string {
  const script = quietly(() => stripTypeScriptTypes(source));
  const local = script.replace(/(from '\.\/[\w-]+)\.ts'/g, "$1.js'");
  return local.replace(`from '${chartLibrary}'`, `from '${chartPath}'`);
}

/** Node warns once that stripping by call is experimental; the Node we run is pinned and tested. */
function quietly<Result>(work: () => Result): Result {
  const emitWarning = Reflect.get(process, 'emitWarning');
  process.emitWarning = () => undefined;
  try {
    return work();
  } finally {
    process.emitWarning = emitWarning;
  }
}

async function chartFile(): Promise<PageFile> {
  const entry = import.meta.resolve(chartLibrary);
  const file = new URL(`${chartLibrary}.standalone.production.mjs`, entry);
  return fileOf(chartPath, '.js', await readFile(file));
}

function fileOf(path: string, extension: string, content: Buffer | string): PageFile {
  const bytes = Buffer.from(content as string);
  const digest = createHash('sha256').update(bytes).digest('base64url').slice(0, 22);
  return { path, type: types[extension], bytes, etag: `"${digest}"` };
}
