// The state of each part of a running Tapeline, as /health shows it and /ready judges it.

import { type Static, Type } from 'typebox';

export const partSchema = Type.Object(
  {
    state: Type.Enum(['ok', 'starting', 'degraded', 'down'], {
      description: 'degraded: works, but not as it should; down: does not work',
    }),
    detail: Type.String({ description: 'For a person: what it does, or what is wrong with it' }),
  },
  // Not $id: a schema with an id may stand in another only once.
  { title: 'PartHealth' },
);

export type PartHealth = Static<typeof partSchema>;
export type PartState = PartHealth['state'];

const parts = {
  log: partSchema,
  engine: partSchema,
  store: partSchema,
  feeds: Type.Record(Type.String(), partSchema, { description: 'By name of the feed' }),
};

const figure = (description: string) => Type.Union([Type.Integer(), Type.Null()], { description });

const figures = {
  uptimeSeconds: figure('Since the process began'),
  logBytes: figure('Of the log on disk'),
  databaseBytes: figure('Of the database on disk, some seconds ago; null while it is not known'),
};

/** Before anybody can tell. */
export const unknownFigures = { uptimeSeconds: null, logBytes: null, databaseBytes: null };

const reportSchema = Type.Object({ ...parts, ...figures });

const ownParts = {
  gateway: partSchema,
  limits: Type.Optional(partSchema),
};

const ownSchema = Type.Object(ownParts);

/** The parts that are the gateway's own; `limits` where it shares them with other gateways. */
export type GatewayHealth = Static<typeof ownSchema>;

/** What the app reports of the parts beside the gateway. */
export type HealthReport = Static<typeof reportSchema>;

export const healthSchema = Type.Object(
  {
    status: Type.Enum(['ok', 'starting', 'degraded', 'down'], {
      description: 'The worst state of all parts',
    }),
    ...parts,
    ...ownParts,
    ...figures,
  },
  { $id: 'Health' },
);

export type Health = Static<typeof healthSchema>;

const byBadness: readonly PartState[] = ['ok', 'starting', 'degraded', 'down'];

export function healthOf(report: HealthReport, own: GatewayHealth): Health {
  const { log, engine, store, feeds, ...known } = report;
  const single = { log, engine, store, ...own };
  const states = [...Object.values(single), ...Object.values(feeds)].map((part) => part.state);
  const status = byBadness.findLast((state) => states.includes(state)) ?? 'ok';
  return { status, ...single, feeds, ...known };
}

/** Why requests cannot be answered yet; null when they can. A silent feed is no reason. */
export function notReadyReason({ log, store, gateway }: Health): string | null {
  for (const [name, part] of Object.entries({ log, store, gateway })) {
    if (part.state === 'starting' || part.state === 'down') {
      return `${name} is ${part.state}: ${part.detail}`;
    }
  }
  return null;
}
