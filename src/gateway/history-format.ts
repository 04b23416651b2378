// In which form a history is asked for: by the header Accept (RFC 9110, 12.5.1), or by `format=`
// where headers cannot be set.

import type { FastifyReply, FastifyRequest } from 'fastify';
import { type TSchema, Type } from 'typebox';
import { Failure } from '../base/failure.ts';

const mediaTypes = {
  json: 'application/json',
  csv: 'text/csv',
  parquet: 'application/vnd.apache.parquet',
} as const;

export type HistoryFormat = keyof typeof mediaTypes;
/** One that is sent as a file: everything of the span. */
export type FileFormat = Exclude<HistoryFormat, 'json'>;

/** In order of preference. */
const formats: readonly HistoryFormat[] = ['json', 'csv', 'parquet'];

export const contentTypes: Readonly<Record<FileFormat, string>> = {
  csv: `${mediaTypes.csv}; charset=utf-8; header=present`,
  parquet: mediaTypes.parquet,
};

export const formatParameter = {
  format: Type.Optional(
    Type.Enum([...formats], {
      description:
        'For who cannot set the header Accept, before which it goes. json comes page by page; ' +
        'csv and parquet hold the whole span, and so take no limit, cursor or indicators',
    }),
  ),
};

/** The answer of a route that has all of them, of which `json` is the page. */
export function historyAnswer<Page extends TSchema>(json: Page) {
  return {
    description: 'A page, or the whole span as a file',
    content: {
      [mediaTypes.json]: { schema: json },
      [mediaTypes.csv]: {
        schema: Type.String({
          description: 'The whole span, ascending, with a header; the columns of `tapeline export`',
        }),
      },
      [mediaTypes.parquet]: {
        schema: Type.String({
          format: 'binary',
          description: 'The same columns; times as TIMESTAMP, amounts as DECIMAL',
        }),
      },
    },
  };
}

interface Range {
  readonly type: string;
  readonly quality: number;
}

/** Throws Failure `not-acceptable` where nothing that there is will do. */
export function formatAsked(
  { headers }: FastifyRequest,
  reply: FastifyReply,
  given: HistoryFormat | undefined,
): HistoryFormat {
  reply.header('vary', 'accept, accept-encoding');
  return given ?? acceptable(headers.accept);
}

function acceptable(accept: string | undefined): HistoryFormat {
  if (accept === undefined || accept.trim() === '') return 'json';
  const ranges = accept.split(',').map(rangeOf);
  const qualities = formats.map((format) => qualityOf(mediaTypes[format], ranges));
  const best = Math.max(...qualities);
  if (best > 0) return formats[qualities.indexOf(best)];
  throw new Failure(
    'not-acceptable',
    `There is no history as "${accept.slice(0, 256)}".`,
    `Accept one of ${Object.values(mediaTypes).join(', ')}.`,
  );
}

function rangeOf(item: string): Range {
  const [type = '', ...parameters] = item.split(';').map((part) => part.trim().toLowerCase());
  const weight = parameters.find((parameter) => parameter.startsWith('q='));
  const quality = weight === undefined ? 1 : Number(weight.slice('q='.length));
  return { type, quality: quality >= 0 && quality <= 1 ? quality : 0 };
}

/** That of the narrowest range that holds the type. */
function qualityOf(type: string, ranges: readonly Range[]): number {
  const [family] = type.split('/');
  for (const name of [type, `${family}/*`, '*/*']) {
    const range = ranges.find((one) => one.type === name);
    if (range) return range.quality;
  }
  return 0;
}
