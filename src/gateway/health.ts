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

export function healthOf(report: HealthReport, own: GatewayHealth): Health {
  const { log, engine, store, feeds, ...known } = report;
  const single = { log, engine, store, ...own };
  const status = worstOf([...Object.values(single), ...Object.values(feeds)]);
  return { status, ...single, feeds, ...known };
}

/** Why requests cannot be answered yet; null when they can. A silent feed is no reason. */
export function notReadyReason({ log, store, gateway }: Health): string | null {
  return waitingPart({ log, store, gateway });
}

const roleParts = {
  role: Type.String({ description: 'What the process does in the cluster' }),
  group: partSchema,
  partitions: Type.Record(Type.String(), partSchema, {
    description: 'Those of the log that the process has now, by number',
  }),
};

/** What a process tells that has a share of the log's partitions, and serves nothing else. */
export const roleHealthSchema = Type.Object(
  {
    status: Type.Enum(['ok', 'starting', 'degraded', 'down'], {
      description: 'The worst state of all parts',
    }),
    ...roleParts,
    uptimeSeconds: figures.uptimeSeconds,
  },
  { $id: 'RoleHealth' },
);

export type RoleHealth = Static<typeof roleHealthSchema>;

export type RoleReport = Omit<RoleHealth, 'status'>;

export function roleHealthOf(report: RoleReport): RoleHealth {
  return { status: worstOf([report.group, ...Object.values(report.partitions)]), ...report };
}

/** Which partition waits, and for what; null when all do their work, or there are none. */
export function idleReason({ group, partitions }: RoleHealth): string | null {
  const named = Object.entries(partitions).map(([name, part]) => [`partition ${name}`, part]);
  return waitingPart({ 'the group': group, ...Object.fromEntries(named) });
}

const byBadness: readonly PartState[] = ['ok', 'starting', 'degraded', 'down'];

function worstOf(parts: readonly PartHealth[]): PartState {
  const states = parts.map((part) => part.state);
  return byBadness.findLast((state) => states.includes(state)) ?? 'ok';
}

/** The first that does not work, and what it waits for. */
function waitingPart(named: Readonly<Record<string, PartHealth>>): string | null {
  for (const [name, { state, detail }] of Object.entries(named)) {
    if (state === 'starting' || state === 'down') return `${name} is ${state}: ${detail}`;
  }
  return null;
}
