// The logger that the gateway takes: pino's, as far as Fastify asks for it.

import type { FastifyBaseLogger } from 'fastify';

export type GatewayLogger = FastifyBaseLogger;
