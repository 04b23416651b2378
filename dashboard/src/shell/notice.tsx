// A box that says what is wrong or missing, and what to do.

import type { ReactNode } from 'react';
import { ProblemError } from '../api.ts';

interface NoticeProps {
  readonly title: string;
  /** h1 where it is all that the page has. */
  readonly level?: 'h1' | 'h2';
  readonly children: ReactNode;
  readonly cure?: ReactNode;
}

export function Notice({ title, level: Heading = 'h2', children, cure }: NoticeProps) {
  return (
    <div className="notice" role="status">
      <Heading>{title}</Heading>
      <p>{children}</p>
      {cure === undefined ? null : <p className="cure">{cure}</p>}
    </div>
  );
}

interface ProblemNoticeProps {
  readonly error: Error;
  readonly level?: 'h1' | 'h2';
}

export function ProblemNotice({ error, level = 'h2' }: ProblemNoticeProps) {
  if (!(error instanceof ProblemError)) {
    return (
      <Notice
        level={level}
        title="This page has a fault"
        cure="Load it again, and report this if it stays."
      >
        {error.message}
      </Notice>
    );
  }
  const { title, detail, cure } = error.problem;
  return (
    <Notice level={level} title={title} cure={cure}>
      {detail}
    </Notice>
  );
}
