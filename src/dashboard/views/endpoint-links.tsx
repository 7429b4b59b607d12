// Ids of endpoints as links to them; of many only the first.

import { linkTo } from '../routing.ts';

const most = 20;

export function EndpointLinks({ of }: { of: readonly string[] }) {
  if (of.length === 0) return <>–</>;
  return (
    <>
      {of.slice(0, most).map((id, index) => (
        <span key={id}>
          {index === 0 ? '' : ', '}
          <a href={linkTo('endpoints', id)}>{id}</a>
        </span>
      ))}
      {of.length > most ? ` and ${of.length - most} more` : ''}
    </>
  );
}
