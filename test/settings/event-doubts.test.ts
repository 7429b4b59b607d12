import { expect, test } from 'vitest';
import { doubtAboutPattern } from '../../src/settings/event-doubts.ts';

test.each([
  ['user.create', /"user\.create" matches no event type .*; did you mean user\.created\?$/],
  ['user.create.*', /matches no event type/],
  ['user.oath_linked', /did you mean user\.oauth_linked\?$/],
  ['user.oath_*', /matches no event type that Tidings makes/],
  ['webhook.tests', /matches no event type that Tidings makes$/],
  ['webhook.paused', /matches no event type that Tidings makes/],
  ['webhook.endpoint_pause', /did you mean webhook\.endpoint_paused\?$/],
  ['webhook.deliver_failed', /did you mean webhook\.delivery_failed\?$/],
  ['webhook*', /matches no event type that Tidings makes; did you mean "webhook\.\*"\?$/],
  ['webhook', /has a dot; did you mean "webhook\.\*"\?$/],
  ['webhook.test', /a test goes to the endpoint whatever its events are/],
  ['users.created', /is not the event type user\.created; did you mean that\?/],
  ['user_created', /has a dot; did you mean user\.created\?/],
  ['no', /matches nothing; for an endpoint that gets nothing write "enabled: false"/],
  ['off', /write "enabled: false"/],
  ['all', /for every event type write "\*"/],
  ['user', /did you mean "user\.\*"\?/],
  ['users', /did you mean "user\.\*"\?/],
  ['.created', /can match no event type/],
  ['order..paid', /can match no event type/],
  ['order.paid.', /can match no event type/],
])('nobody can mean %s', (pattern, doubt) => expect(doubtAboutPattern(pattern)).toMatch(doubt));

test.each([
  ...['*', '*.*', 'user.*', 'user.oauth_*', '*created', '*.deleted', 'user*', 'user.created', 'user.login'],
  ...['webhook.*', 'webhook.endpoint_*', 'webhook.delivery_failed', 'webhook.*_failed'],
  ...['order.paid', 'a.b', 'order.*', '*paid*', 'team.created', 'user_account.created', 'no.show'],
])('%s may be meant as it is', (pattern) => expect(doubtAboutPattern(pattern)).toBeNull());
