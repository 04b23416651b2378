// How many requests an address may make in a second, counted before anything else is done for them,
// and told in every answer: draft-ietf-httpapi-ratelimit-headers.

import rateLimit, { type FastifyRateLimitStoreCtor } from '@fastify/rate-limit';
import { Failure } from '../base/failure.ts';
import { isLoopback } from './address.ts';
import type { GatewayLimits } from './limits.ts';
import type { HttpServer } from './server.ts';

const policyName = '"second"';
const windowSeconds = 1;

/** As OpenAPI has them, of every answer. */
export const rateLimitHeaders = {
  'RateLimit-Policy': {
    description: 'How many requests an address has in how many seconds, such as "second";q=100;w=1',
    schema: { type: 'string' },
  },
  RateLimit: {
    description: 'How many are left, and for how many seconds, such as "second";r=99;t=1',
    schema: { type: 'string' },
  },
};

/**
 * Holds for every route that is added after it, and for paths that there are none of. `store` is
 * where requests are counted, if not here.
 */
export async function limitRequests(
  app: HttpServer,
  limits: GatewayLimits,
  store: FastifyRateLimitStoreCtor | undefined,
): Promise<void> {
  await app.register(rateLimit, {
    global: false,
    timeWindow: windowSeconds * 1_000,
    max: (_request, address) =>
      isLoopback(String(address))
        ? limits.loopbackRequestsPerSecondMax
        : limits.requestsPerSecondMax,
    ...(store ? { store } : {}),
  });
  const count = app.createRateLimit();
  app.addHook('onRequest', async (request, reply) => {
    const counted = await count(request);
    if (counted.isAllowed) return;
    const { max, remaining, ttlInSeconds, isExceeded } = counted;
    reply.header('ratelimit-policy', `${policyName};q=${max};w=${windowSeconds}`);
    reply.header('ratelimit', `${policyName};r=${remaining};t=${ttlInSeconds}`);
    if (!isExceeded) return;
    reply.header('retry-after', ttlInSeconds);
    const detail = `More than ${max} requests in a second.`;
    throw new Failure('limit-exceeded', detail, 'Ask less often.');
  });
}
