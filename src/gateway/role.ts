// What a process of a cluster serves that has nothing to serve but how it fares: health, readiness
// and metrics, by the same server and in the same words as the gateway.

import type { Registry } from '@prometheus-io/client';
import { idleReason, type RoleReport, roleHealthOf, roleHealthSchema } from './health.ts';
import { defaultLimits } from './limits.ts';
import type { Listener } from './listener.ts';
import type { GatewayLogger } from './logger.ts';
import { httpMetrics } from './metrics.ts';
import { operationRoutes } from './routes/operations.ts';
import { httpApp } from './server.ts';

export interface RoleServerOptions {
  /** Closed with what it serves. */
  readonly listener: Listener;
  readonly registry: Registry;
  readonly metricsText: () => Promise<string>;
  readonly health: () => RoleReport;
  readonly logger: GatewayLogger;
}

/** Takes over the listener's requests. */
export async function serveRole(options: RoleServerOptions): Promise<{ close(): Promise<void> }> {
  const { listener, registry, metricsText, health, logger } = options;
  const metrics = httpMetrics(registry);
  const { app, handle } = await httpApp(listener.server, defaultLimits, metrics, logger);
  operationRoutes(app, {
    healthSchema: roleHealthSchema,
    healthNow: async () => roleHealthOf(health()),
    unready: idleReason,
    metricsText,
  });
  await app.ready();
  listener.serve(handle);
  return {
    async close() {
      await listener.close();
      await app.close();
    },
  };
}
