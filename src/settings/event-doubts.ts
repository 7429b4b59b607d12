// Finds patterns of event types that nobody can mean, and says what was probably meant.

import { nearest } from '../policy/nearest.ts';
import { operationalTypes } from '../policy/operational.ts';
import { compilePatterns } from '../policy/routing.ts';

/** The types that Tidings makes. All others are published by the operator's programs, and nobody knows them here. */
const ownTypes: readonly string[] = [
  ...operationalTypes,
  'user.created',
  'user.deleted',
  'user.login',
  'user.oauth_linked',
  'user.oauth_unlinked',
  'user.updated',
];

/** Nobody may publish types that begin so. */
const reserved = /^(user|webhook)\./;

const nothing = ['no', 'none', 'off', 'never', 'nothing', 'null', 'false'];
const everything = ['all', 'any', 'every', 'everything', 'yes', 'on', 'true'];

/** What an entry of `events` probably means instead; null where it may be meant as it is. The entry has a valid form. */
export function doubtAboutPattern(pattern: string): string | null {
  const doubt = doubtAbout(pattern);
  return doubt === null ? null : `"${pattern}" ${doubt}`;
}

function doubtAbout(pattern: string): string | null {
  if (pattern === 'webhook.test')
    return 'needs no entry: a test goes to the endpoint whatever its events are; remove it';
  if (ownTypes.some(compilePatterns([pattern]))) return null;
  if (pattern === 'webhook*') return 'matches no event type that Tidings makes; did you mean "webhook.*"?';
  if (reserved.test(pattern)) return `matches no event type that Tidings makes${instead(pattern)}`;
  if (pattern.includes('*'))
    return isPossible(pattern) ? null : 'can match no event type: parts of a type are not empty';
  if (nothing.includes(pattern)) return 'matches nothing; for an endpoint that gets nothing write "enabled: false"';
  if (everything.includes(pattern)) return 'matches nothing; for every event type write "*"';
  if (!pattern.includes('.')) return `matches nothing: every event type has a dot${instead(pattern)}`;
  if (!isPossible(pattern)) return `can match no event type: parts of a type are not empty${instead(pattern)}`;
  const meant = nearest(pattern, ownTypes, 2);
  return meant === null ? null : `is not the event type ${meant}; did you mean that?`;
}

/** Whether some type of the form `a.b` can match it. */
function isPossible(pattern: string): boolean {
  return !pattern.startsWith('.') && !pattern.endsWith('.') && !pattern.includes('..');
}

function instead(pattern: string): string {
  for (const own of ['user', 'webhook']) {
    if (nearest(pattern, [own, `${own}.`], 1) !== null) return `; did you mean "${own}.*"?`;
  }
  const dotted = pattern.includes('.') ? pattern : pattern.replace('_', '.');
  const meant = nearest(dotted, ownTypes, 3);
  return meant === null ? '' : `; did you mean ${meant}?`;
}
