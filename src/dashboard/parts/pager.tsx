// Leads from one page of a list to the next; where it is stands in the address.

import { asked, withQuery } from '../address.ts';
import type { PageInfo, PageOf } from '../documents/page.ts';

const size = 50;

/** Which page the address asks for. */
export function askedPage(): PageOf {
  const [after, before] = [asked('after'), asked('before')];
  if (before !== '') return { last: size, before };
  return { first: size, ...(after === '' ? {} : { after }) };
}

/** Of a list that is newest first. */
export function Pager({ of }: { of: PageInfo }) {
  const [after, before] = [asked('after'), asked('before')];
  const isFirst = after === '' && (before === '' || !of.hasPreviousPage);
  const hasOlder = of.endCursor !== null && (before !== '' || of.hasNextPage);
  if (isFirst && !hasOlder) return null;
  return (
    <nav class="pager" aria-label="Pages">
      {isFirst ? null : <a href={withQuery({ after: '', before: '' })}>Newest</a>}
      {isFirst || of.startCursor === null ? null : <a href={withQuery({ after: '', before: of.startCursor })}>Newer</a>}
      {hasOlder ? <a href={withQuery({ before: '', after: of.endCursor! })}>Older</a> : null}
    </nav>
  );
}
