// What every process tells of itself, whatever it does: memory and the like, and which version of
// Tapeline runs as what.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { collectDefaultMetrics, Gauge, Registry } from '@prometheus-io/client';

/** `instance` is what INSTANCE_ID says. Prometheus has a label of that name for itself. */
export function ownRegistry(role: string, instance: string | null = null): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const manifest = readFileSync(join(import.meta.dirname, '..', '..', 'package.json'), 'utf8');
  const { version } = JSON.parse(manifest) as { version: string };
  const info = new Gauge({
    name: 'tapeline_info',
    help: 'Always 1; its labels say which version of Tapeline runs, and as what.',
    labelNames: ['version', 'role', 'instance_id'],
    registers: [registry],
  });
  info.set({ version, role, instance_id: instance ?? '' }, 1);
  return registry;
}
