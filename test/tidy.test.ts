// The house style as a test: what a tool cannot know about our rooms, names and files. Each rule
// says its cure, and shows first that it can fail. Exceptions stand with their rule, each with its
// reason, and one that nothing needs any more fails too.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path/posix';
import { suite, test } from 'node:test';
// biome-ignore lint/correctness/noUndeclaredDependencies: knip brings it, at the version knip needs
import { parseSync } from 'oxc-parser';

interface Finding {
  readonly path: string;
  readonly line: number;
  readonly what: string;
  /** What an exception is listed under: the path, or more exactly `path#function`. */
  readonly key?: string;
}

interface Rule {
  readonly name: string;
  readonly cure: string;
  find(sources: readonly Source[]): Iterable<Finding>;
  /** Trees of path and text: each in `bad` breaks the rule, each in `good` keeps it. */
  readonly bad: readonly Tree[];
  readonly good: readonly Tree[];
  /** Keys that may break the rule, each with the reason why. */
  readonly exceptions?: Readonly<Record<string, string>>;
}

type Tree = Readonly<Record<string, string>>;

interface AstNode {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [key: string]: unknown;
}

interface Source {
  readonly path: string;
  readonly text: string;
  readonly lines: readonly string[];
  /** For a TypeScript file: every node with its parent, outermost first. */
  readonly nodes: readonly { node: AstNode; parent: AstNode }[];
  readonly comments: readonly { value: string; start: number }[];
  lineAt(offset: number): number;
}

/**
 * Each row may import the rows above it, and its own room, but not the other rooms of its row. The
 * client library stands alone: it is published.
 */
const floors = [
  ['base', 'client'],
  ['contracts', 'calendars'],
  ['corporate-actions'],
  ['feeds', 'log', 'engine', 'flink', 'rules', 'store', 'notify'],
  ['pipeline', 'accounts', 'gateway'],
  ['app'],
];

/** A file or folder with one of these words is one of several implementations of a port. */
const technology = /(?:^|-)(embedded|kafka|lmdb|rabbitmq|redis)(?=-|\.ts$|$)/;

const linesPerFunctionMax = 70;
const columnsMax = 100;

const rules: readonly Rule[] = [
  {
    name: 'rooms import only downwards',
    cure:
      'Move what both need down to contracts or base, or let src/app/wire.ts pass it in. ' +
      'A new room needs its place in the floors of test/tidy.test.ts.',
    *find(sources) {
      for (const { source, node, target } of imports(sources)) {
        const [from, to] = [roomOf(source.path), roomOf(target)];
        if (from === undefined || from === to) continue;
        const isAllowed =
          from === 'dashboard'
            ? to === 'contracts' || to === 'client'
            : floorOf(to) < floorOf(from);
        if (isAllowed) continue;
        yield at(source, node, `${from} may not import ${to ?? 'from outside src'} (${target})`);
      }
    },
    bad: [
      { 'src/contracts/trade.ts': "import type { Log } from '../log/log.ts';" },
      { 'src/engine/candles.ts': "export { read } from '../log/log.ts';" },
      { 'src/log/log.ts': "type Wire = import('../app/wire.ts').Wire;" },
      { 'src/pipeline/ingest.ts': "await import('../gateway/http.ts');" },
      { 'src/store/sink.ts': "import { samples } from '../../test/samples.ts';" },
      { 'src/pipes/ingest.ts': "import { log } from '../log/log.ts';" },
      { 'src/ingest.ts': "import { log } from './log/log.ts';" },
      { 'dashboard/chart.ts': "import { log } from '../src/log/log.ts';" },
      { 'client/client.ts': "import type { Micros } from '../src/base/clock.ts';" },
    ],
    good: [
      { 'src/contracts/trade.ts': "import type { Micros } from '../base/clock.ts';" },
      { 'src/app/commands/start.ts': "import { log } from '../../log/log.ts';" },
      { 'test/log/log.test.ts': "import { wire } from '../../src/app/wire.ts';" },
      { 'dashboard/chart.ts': "import type { Candle } from '../src/contracts/candle.ts';" },
      { 'dashboard/chart.ts': "import { connect } from '../client/index.ts';" },
      { 'src/app/commands/watch.ts': "import { connect } from '../../../client/index.ts';" },
      { 'examples/watcher.ts': "import { connect } from '../client/index.ts';" },
    ],
  },
  {
    name: 'only src/app/wire.ts names implementations',
    cure: 'Take the port as a parameter and let src/app/wire.ts choose what stands behind it.',
    *find(sources) {
      for (const { source, node, target } of imports(sources)) {
        if (!technologyOf(target) || !source.path.startsWith('src/')) continue;
        if (source.path === 'src/app/wire.ts' || isOneImplementation(source.path, target)) continue;
        yield at(source, node, `imports the implementation ${target}`);
      }
    },
    bad: [
      { 'src/app/commands/start.ts': "import { open } from '../../log/log-embedded.ts';" },
      { 'src/log/log.ts': "import { open } from './log-kafka/client.ts';" },
      { 'src/log/log-kafka.ts': "import { open } from './log-embedded.ts';" },
    ],
    good: [
      { 'src/app/wire.ts': "import { open } from '../log/log-embedded.ts';" },
      { 'src/log/log-kafka/log.ts': "import { open } from './client.ts';" },
      { 'test/log/log.test.ts': "import { open } from '../../src/log/log-embedded.ts';" },
    ],
  },
  {
    name: 'imports make no circle, type imports included',
    cure: 'Move what both need into a file of its own, below both.',
    find: circles,
    bad: [
      { 'src/log/a.ts': "import './b.ts';", 'src/log/b.ts': "import type { A } from './a.ts';" },
      {
        'test/a.ts': "import './b.ts';",
        'test/b.ts': "import './c.ts'",
        'test/c.ts': "import './a.ts'",
      },
    ],
    good: [
      { 'src/log/a.ts': "import './b.ts'; import './c.ts';", 'src/log/b.ts': "import './c.ts';" },
    ],
  },
  {
    name: 'file and folder names are kebab-case',
    cure: 'Rename it in lower case, with a hyphen between words.',
    *find(sources) {
      for (const { path } of sources.filter(isCode)) {
        const odd = path.split('/').find((part) => !/^[a-z0-9]+([.-][a-z0-9]+)*$/.test(part));
        if (odd !== undefined) yield { path, line: 1, what: `${odd} is not kebab-case` };
      }
    },
    bad: [{ 'src/log/logReader.ts': '' }, { 'src/Log/log.ts': '' }, { 'test/a_b.test.ts': '' }],
    good: [{ 'src/log/log-reader.ts': '', 'test/log/log.test.ts': '', 'README.md': '' }],
  },
  {
    name: 'names say what is inside',
    cure: 'Name it after what it does or holds, in the words of the field.',
    *find(sources) {
      for (const { path } of sources) {
        const vague = /(?:^|[/.-])(utils?|helpers?|common|managers?|misc)(?=[/.-]|$)/.exec(
          path,
        )?.[1];
        if (vague !== undefined) yield { path, line: 1, what: `"${vague}" says nothing` };
      }
    },
    bad: [{ 'src/utils/time.ts': '' }, { 'src/log/log-helper.ts': '' }, { 'docs/misc.md': '' }],
    good: [{ 'src/base/time.ts': '', 'docs/commonality.md': '' }],
  },
  {
    name: 'code has no default export, any, enum or silenced compiler',
    cure: 'Export by name; take unknown and parse it; use a union of strings; mend the type.',
    *find(sources) {
      const banned: Readonly<Record<string, string>> = {
        ExportDefaultDeclaration: 'default export',
        TSAnyKeyword: 'any',
        TSEnumDeclaration: 'enum',
      };
      for (const source of sources) {
        for (const { node } of source.nodes) {
          const what = banned[node.type];
          if (what !== undefined) yield at(source, node, what);
        }
        for (const comment of source.comments) {
          const what = /@ts-(ignore|nocheck)/.exec(comment.value)?.[0];
          if (what !== undefined) yield at(source, comment, what);
        }
      }
    },
    bad: [
      { 'src/a.ts': 'export default 1;' },
      { 'src/a.ts': 'export const a: any[] = [];' },
      { 'src/a.ts': 'export enum Side { Buy }' },
      { 'src/a.ts': '// @ts-ignore\nexport const a: number = "";' },
    ],
    good: [{ 'src/a.ts': 'export const any = "enum default @ts-ignore";' }],
  },
  {
    name: 'time and randomness come in through base/clock and base/prng',
    cure: 'Take a Clock or a Prng as a parameter; in a test, wait for the event, not for time.',
    *find(sources) {
      for (const source of sources) {
        const isBound = /^(src|test|client)\//.test(source.path);
        if (!isBound || source.path.startsWith('src/app/')) continue;
        for (const { node } of source.nodes) {
          if (isWallClockOrChance(node)) yield at(source, node, snippet(source, node));
        }
      }
    },
    bad: [
      { 'src/log/a.ts': 'export const a = Date.now();' },
      { 'client/a.ts': 'export const a = Math.random();' },
      { 'src/log/a.ts': 'export const a = [new Date(), 1];' },
      { 'src/log/a.ts': 'export const a = Temporal.Now.instant();' },
      { 'src/log/a.ts': 'export const a = performance.now();' },
      { 'src/log/a.ts': 'export const a = Math.random;' },
      { 'src/log/a.ts': 'export const a = process.hrtime.bigint();' },
      { 'test/a.test.ts': 'await new Promise((done) => setTimeout(done, 5));' },
      { 'test/a.test.ts': "import { setTimeout as sleep } from 'node:timers/promises';" },
    ],
    good: [
      { 'src/log/a.ts': 'export const a = new Date(0), b = "Date.now()"; // Math.random()' },
      { 'src/app/a.ts': 'export const a = Date.now();', 'bench/a.ts': 'Date.now();' },
    ],
    exceptions: {
      'src/base/clock.ts': 'is the door to time',
      'client/platform.ts': 'is that door of the library, which stands alone',
    },
  },
  {
    name: 'a source file opens with a comment',
    cure: 'Say in one to five lines what the file is, why it exists, and its invariant.',
    *find(sources) {
      for (const { path, text } of sources) {
        if (
          isCode({ path }) &&
          !path.startsWith('test/') &&
          !/^(\/\*|\/\/|#!.*\n\/\/|--|(<!doctype html>\n)?<!--)/i.test(text)
        ) {
          yield { path, line: 1, what: 'no opening comment' };
        }
      }
    },
    bad: [{ 'src/a.ts': 'export const a = 1; // here' }, { 'scripts/a.ts': '\n// below' }],
    good: [{ 'src/a.ts': '// What.', 'scripts/a.ts': '/** What. */', 'test/a.test.ts': '' }],
  },
  {
    name: `lines have at most ${columnsMax} columns`,
    cure: 'Run `npm run check -- --fix`; split what is left by hand.',
    *find(sources) {
      for (const { path, lines } of sources) {
        if (!/(\.(tsx?|css|html|sql|sh)|\/run|^tapeline)$/.test(path)) continue;
        for (const [index, line] of lines.entries()) {
          if (line.length <= columnsMax || /https?:\/\//.test(line)) continue;
          yield { path, line: index + 1, what: `${line.length} columns` };
        }
      }
    },
    bad: [{ 'src/a.ts': `// ${'x'.repeat(98)}` }, { tapeline: `# ${'x'.repeat(99)}` }],
    good: [{ 'src/a.ts': `// ${'x'.repeat(97)}\n// https://x.org/${'x'.repeat(97)}`, 'a.md': '' }],
  },
  {
    name: 'no file names a machine or a package registry',
    cure: 'Use a path relative to the checkout, and leave the registry to the npm settings.',
    *find(sources) {
      const machine = /(?:^|[\s"'`(=:@])(?:file:\/\/)?\/(?:work|root|home|Users)\/[\w.-]+/;
      const registry =
        /registry\.(?:npmjs|yarnpkg)|npm[m]irror|npm\.pkg\.github|:\/\/\S+\/-\/\S+\.tgz/;
      for (const { path, lines } of sources) {
        for (const [index, line] of lines.entries()) {
          const what = machine.exec(line)?.[0] ?? registry.exec(line)?.[0];
          if (what !== undefined) yield { path, line: index + 1, what: what.trim() };
        }
      }
    },
    bad: [
      { 'docs/a.md': `see ${['', 'work', 'main'].join('/')}` },
      { 'src/a.ts': `export const a = '${['', 'home', 'ann', 'data'].join('/')}';` },
      { 'package-lock.json': `"${['https:', '', 'x.org', 'ws', '-', 'ws-8.tgz'].join('/')}"` },
      { '.npmrc': `registry=https://${['registry', 'npmjs', 'org'].join('.')}` },
    ],
    good: [{ 'docs/a.md': 'https://x.org/home/ann and ./work/x; registry.metrics.count' }],
  },
  {
    name: 'package-lock.json leaves the registry open',
    cure: 'Keep omit-lockfile-registry-resolved=true in .npmrc and run npm install again.',
    *find(sources) {
      for (const { path, lines } of sources.filter(({ path }) => path === 'package-lock.json')) {
        const index = lines.findIndex((line) => line.includes('"resolved"'));
        if (index >= 0) yield { path, line: index + 1, what: '"resolved"' };
      }
    },
    bad: [{ 'package-lock.json': '{\n"resolved": "x" }' }],
    good: [{ 'package-lock.json': '{ "integrity": "x" }', 'a.json': '"resolved"' }],
  },
  {
    name: `functions have at most ${linesPerFunctionMax} lines`,
    cure: 'Split it, or list it under exceptions with the reason why it reads better whole.',
    *find(sources) {
      for (const source of sources) {
        for (const { node, parent } of source.nodes) {
          if (!isFunction(node) || isSuite(parent)) continue;
          const lines = source.lineAt(node.end) - source.lineAt(node.start) + 1;
          if (lines <= linesPerFunctionMax) continue;
          const name = functionName(node, parent);
          const what = `${name} has ${lines} lines`;
          yield { ...at(source, node, what), key: `${source.path}#${name}` };
        }
      }
    },
    bad: [
      { 'src/a.ts': `export function a() {${'\n'.repeat(70)}}` },
      { 'src/a.ts': `export const a = { b() {${'\n'.repeat(70)}} };` },
      { 'test/a.test.ts': `test('a', () => {${'\n'.repeat(70)}});` },
    ],
    good: [
      { 'src/a.ts': `export function a() {${'\n'.repeat(69)}}` },
      { 'test/a.test.ts': `suite('a', () => {${'\n'.repeat(70)}});` },
    ],
    exceptions: { 'test/conformance/log-suite.ts#testLog': 'is a suite' },
  },
  {
    name: 'every dependency has its line in docs/DEPENDENCIES.md',
    cure: 'Add a row that says what it is made for and why not ours or another, or drop the row.',
    *find(sources) {
      const [manifest, document] = ['package.json', 'docs/DEPENDENCIES.md'].map((path) =>
        sources.find((source) => source.path === path),
      );
      if (!manifest || !document) return;
      const used = Object.entries(JSON.parse(manifest.text) as Record<string, object>)
        .filter(([key]) => /dependencies$/i.test(key))
        .flatMap(([, packages]) => Object.keys(packages));
      const listed = [...document.text.matchAll(/^\| (.+?) \|/gm)].flatMap((row) =>
        [...(row[1] ?? '').matchAll(/`(.+?)`/g)].map((name) => name[1] ?? ''),
      );
      for (const name of new Set(used).symmetricDifference(new Set(listed))) {
        const what = used.includes(name) ? 'is not listed' : 'is listed and not used';
        yield { path: document.path, line: 1, what: `${name} ${what}` };
      }
    },
    bad: [
      { 'package.json': '{ "dependencies": { "ws": "8" } }', 'docs/DEPENDENCIES.md': '' },
      { 'package.json': '{}', 'docs/DEPENDENCIES.md': '| `ws` | sockets |' },
    ],
    good: [
      {
        'package.json':
          '{ "dependencies": { "ws": "8" }, "devDependencies": { "@types/ws": "8" } }',
        'docs/DEPENDENCIES.md': '| `ws`, `@types/ws` | sockets, unlike `http` |',
      },
    ],
  },
];

for (const rule of rules) {
  suite(rule.name, () => {
    test('the rule can fail', () => {
      for (const tree of rule.bad) {
        assert.notDeepEqual(
          [...rule.find(sourcesOf(tree))],
          [],
          `not found in ${JSON.stringify(tree)}`,
        );
      }
      for (const tree of rule.good) assert.deepEqual([...rule.find(sourcesOf(tree))], []);
    });

    test('the checkout keeps it', () => {
      const needed = new Set<string>();
      const complaints: string[] = [];
      for (const finding of rule.find(checkout())) {
        const key = finding.key ?? finding.path;
        if (rule.exceptions?.[key] === undefined) {
          complaints.push(`${finding.path}:${finding.line}: ${finding.what}`);
        }
        needed.add(key);
      }
      for (const key of Object.keys(rule.exceptions ?? {})) {
        if (!needed.has(key)) complaints.push(`${key}: this exception is not needed; remove it`);
      }
      if (complaints.length > 0) assert.fail(`${complaints.join('\n')}\nCure: ${rule.cure}\n`);
    });
  });
}

let sourcesOfCheckout: readonly Source[] | undefined;

/** Every file that git tracks, or would if it were added. */
function checkout(): readonly Source[] {
  if (sourcesOfCheckout) return sourcesOfCheckout;
  const root = join(import.meta.dirname, '..');
  const list = ['-c', 'safe.directory=*', 'ls-files', '-z', '--cached', '--others'];
  const names = execFileSync('git', [...list, '--exclude-standard'], {
    cwd: root,
    encoding: 'utf8',
  });
  const paths = names.split('\0').filter((path) => path !== '' && existsSync(join(root, path)));
  const tree = Object.fromEntries(
    paths.map((path) => [path, readFileSync(join(root, path), 'utf8')]),
  );
  sourcesOfCheckout = sourcesOf(tree);
  return sourcesOfCheckout;
}

function sourcesOf(tree: Tree): readonly Source[] {
  const texts = Object.entries(tree).filter(([, text]) => !text.includes('\0'));
  return texts.map(([path, text]) => {
    const { nodes, comments } = /\.tsx?$/.test(path)
      ? parse(path, text)
      : { nodes: [], comments: [] };
    const lineAt = (offset: number): number => text.slice(0, offset).split('\n').length;
    return { path, text, lines: text.split('\n'), nodes, comments, lineAt };
  });
}

function parse(path: string, text: string): Pick<Source, 'nodes' | 'comments'> {
  const { program, comments, errors } = parseSync(path, text);
  assert.deepEqual(errors, [], `${path} is not TypeScript: ${errors[0]?.message}`);
  const nodes: { node: AstNode; parent: AstNode }[] = [];
  const visit = (value: unknown, parent: AstNode): void => {
    if (Array.isArray(value)) for (const item of value) visit(item, parent);
    if (!isNode(value)) return;
    nodes.push({ node: value, parent });
    for (const child of Object.values(value)) visit(child, value);
  };
  const root: unknown = program;
  if (isNode(root)) visit(root, root);
  return { nodes, comments };
}

function isNode(value: unknown): value is AstNode {
  return typeof value === 'object' && value !== null && 'type' in value && 'start' in value;
}

function at(source: Source, place: { start: number }, what: string): Finding {
  return { path: source.path, line: source.lineAt(place.start), what };
}

function snippet({ text }: Source, node: AstNode): string {
  return text.slice(node.start, Math.min(node.end, node.start + 60)).replaceAll(/\s+/g, ' ');
}

function isCode({ path }: { path: string }): boolean {
  return /^(src|test|scripts|bench|examples|client|dashboard)\/.*\.(tsx?|css|html|sql)$/.test(path);
}

/** Relative imports of every kind, with the path that each leads to. */
function* imports(sources: readonly Source[]): Generator<{
  source: Source;
  node: AstNode;
  target: string;
}> {
  for (const source of sources) {
    for (const { node } of source.nodes) {
      const name = isNode(node.source) ? node.source.value : undefined;
      if (typeof name !== 'string' || !name.startsWith('.')) continue;
      yield { source, node, target: join(dirname(source.path), name) };
    }
  }
}

/** The folder under src, 'client' or 'dashboard'; undefined where anything may be imported. */
function roomOf(path: string): string | undefined {
  const [top, room, file] = path.split('/');
  if (top === 'src') return file === undefined ? top : room;
  return top === 'client' || top === 'dashboard' ? top : undefined;
}

/** A folder that is on no floor may neither import nor be imported. */
function floorOf(room: string | undefined): number {
  const floor = floors.findIndex((rooms) => rooms.includes(room ?? ''));
  return floor < 0 ? Number.NaN : floor;
}

function technologyOf(path: string): string | undefined {
  const parts = path.startsWith('src/') ? path.split('/') : [];
  return parts.map((part) => technology.exec(part)?.[1]).find((word) => word !== undefined);
}

function isOneImplementation(path: string, other: string): boolean {
  return technologyOf(path) === technologyOf(other) && roomOf(path) === roomOf(other);
}

function* circles(sources: readonly Source[]): Generator<Finding> {
  const targets = Map.groupBy(imports(sources), ({ source }) => source.path);
  const done = new Set<string>();
  const trail: string[] = [];
  function* visit(path: string): Generator<Finding> {
    const start = trail.indexOf(path);
    if (start >= 0) yield { path, line: 1, what: [...trail.slice(start), path].join(' -> ') };
    if (done.has(path)) return;
    done.add(path);
    trail.push(path);
    for (const { target } of targets.get(path) ?? []) yield* visit(target);
    trail.pop();
  }
  for (const path of targets.keys()) yield* visit(path);
}

function isWallClockOrChance(node: AstNode): boolean {
  const { callee } = node;
  switch (node.type) {
    case 'MemberExpression': {
      const name = `${nameOf(node.object)}.${nameOf(node.property)}`;
      return /^(Date\.now|Math\.random|performance\.now|process\.hrtime|Temporal\.Now)$/.test(name);
    }
    case 'NewExpression': {
      const args = node.arguments as readonly AstNode[];
      if (nameOf(callee) === 'Date') return args.length === 0;
      return nameOf(callee) === 'Promise' && args.some(waits);
    }
    case 'CallExpression':
      return nameOf(callee) === 'Date';
    case 'ImportDeclaration':
      return (node.source as AstNode).value === 'node:timers/promises';
    default:
      return false;
  }
}

function waits(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(waits);
  if (!isNode(value)) return false;
  if (value.type === 'CallExpression' && nameOf(value.callee) === 'setTimeout') return true;
  return Object.values(value).some(waits);
}

function nameOf(node: unknown): string | undefined {
  return isNode(node) && typeof node.name === 'string' ? node.name : undefined;
}

function isFunction(node: AstNode): boolean {
  return /^(Function(Declaration|Expression)|ArrowFunctionExpression)$/.test(node.type);
}

function isSuite(parent: AstNode): boolean {
  return parent.type === 'CallExpression' && /^(describe|suite)$/.test(nameOf(parent.callee) ?? '');
}

/** The function's own name, or that of what it is assigned to, or that of the call it goes to. */
function functionName(node: AstNode, parent: AstNode): string {
  const names = [node.id, parent.id, parent.key, parent.callee].map(nameOf);
  return names.find((name) => name !== undefined) ?? 'a function';
}
