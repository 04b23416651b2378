// The one check before a commit: `npm run check`; with `-- --fix` it mends what tools can mend.
// A step prints its name and time, and its output only when it fails. Every step runs.

import { spawnSync } from 'node:child_process';
import { delimiter, join } from 'node:path';
import { parseArgs } from 'node:util';

const root = join(import.meta.dirname, '..');
const { fix } = parseArgs({ options: { fix: { type: 'boolean', default: false } } }).values;

const steps: readonly [name: string, ...command: string[]][] = [
  ['format', 'biome', 'format', ...(fix ? ['--write'] : [])],
  ['lint', 'biome', 'check', '--formatter-enabled=false', ...(fix ? ['--write'] : [])],
  ['lint with types', 'oxlint', '--type-aware', ...(fix ? ['--fix'] : [])],
  ['types', 'tsc', '--project', root],
  ['types of the client', 'tsc', '--project', join(root, 'client')],
  ['types of the dashboard', 'tsc', '--project', join(root, 'dashboard')],
  ['tidy', 'node', '--test', '--test-reporter=dot', join(root, 'test', 'tidy.test.ts')],
  ['dead code', 'knip', '--no-progress'],
];

// npm links the tools here, and the pinned Node that runs them.
const bin = join(root, 'node_modules', '.bin');
const env = { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH}` };

const failed = steps.filter(([name, command, ...args]) => {
  const start = performance.now();
  const run = spawnSync(command, args, { cwd: root, env, encoding: 'utf8' });
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  const passed = run.status === 0;
  console.log(`${passed ? '✔' : '✖'} ${name.padEnd(24)}${seconds.padStart(5)} s`);
  if (!passed) console.log(run.error?.message ?? `${run.stdout}${run.stderr}`.trim(), '\n');
  return !passed;
});

if (failed.length > 0) {
  const names = failed.map(([name]) => name).join(', ');
  console.error(`Failed: ${names}. \`npm run check -- --fix\` mends format and lint.`);
  process.exitCode = 1;
}
