// Builds the dashboard into dashboard/dist: bundled and named after its content, with each text
// beside it as Brotli and gzip, so that the gateway compresses nothing. `./tapeline build` runs it
// when a source is newer than the file `built`, which is as old as the start of the last build.

import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import { build, type Plugin } from 'vite';

const root = join(import.meta.dirname, '..', 'dashboard');
const output = join(root, 'dist');
const texts = new Set(['.html', '.js', '.css', '.svg']);

mkdirSync(output, { recursive: true });
for (const name of readdirSync(output)) rmSync(join(output, name), { recursive: true });
writeFileSync(join(output, 'building'), '');
await build({
  root,
  configFile: false,
  logLevel: 'error',
  plugins: [preloadFont()],
  build: {
    outDir: output,
    emptyOutDir: false,
    target: 'baseline-widely-available',
    assetsInlineLimit: 0, // the page may load its own files only, no data: URLs
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    rolldownOptions: {
      checks: { bundlerTimings: false }, // a slow machine is no fault of the page
      onwarn(warning) {
        if (warning.code === 'MODULE_LEVEL_DIRECTIVE') return; // "use client" means nothing here
        throw new Error(warning.message); // such as a contract that would bring Node along
      },
    },
  },
});
await Promise.all(filesOf(output).map(compress));
renameSync(join(output, 'building'), join(output, 'built'));

/** Text is laid out in its own font at once, and does not jump when that comes later. */
function preloadFont(): Plugin {
  return {
    name: 'preload-font',
    transformIndexHtml: {
      order: 'post',
      handler(_html, { bundle = {} }) {
        const font = Object.keys(bundle).find((name) => /inter-latin-wght.*\.woff2$/.test(name));
        if (font === undefined) throw new Error('the font is not in the bundle');
        const attrs = { rel: 'preload', as: 'font', type: 'font/woff2', crossorigin: true };
        return [{ tag: 'link', attrs: { ...attrs, href: `/${font}` }, injectTo: 'head' }];
      },
    },
  };
}

function filesOf(folder: string): string[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && texts.has(extname(entry.name)))
    .map((entry) => join(entry.parentPath, entry.name));
}

async function compress(path: string): Promise<void> {
  const bytes = readFileSync(path);
  // One step below the best quality, which takes four times as long for a hundredth less.
  const params = {
    [constants.BROTLI_PARAM_QUALITY]: 10,
    [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
  };
  writeFileSync(`${path}.br`, await promisify(brotliCompress)(bytes, { params }));
  writeFileSync(`${path}.gz`, await promisify(gzip)(bytes, { level: 9 }));
}
