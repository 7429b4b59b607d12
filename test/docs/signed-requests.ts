// Requests as Tidings signs them, and what must not be taken for one.

import { randomBytes } from 'node:crypto';
import { expect } from 'vitest';
import { attemptAt, deliver, openConnections } from '../support/attempt.ts';
import { openReceiver } from '../support/receiver/receiver.ts';
import type { Received } from '../support/receiver/replying-server.ts';

export const prefixedSecret = `whsec_${randomBytes(32).toString('base64')}`;
export const plainSecret = 'a secret of thirty-two characters';
export const wideSecret = 'ein Geheimnis für drei Empfänger';

export const samplePayload = JSON.stringify({
  event_type: 'user.updated',
  data: { user_id: 'u-1', display_name: 'Zoë' },
});

/** A request, and the secret that the receiver has. */
export type Case = Pick<Received, 'headers' | 'body'> & { secret: string };

/** A request as Tidings sends it, with a signature for each secret. */
async function signedWith(secrets: readonly string[], minutesAgo = 0): Promise<Received> {
  await using endpoint = await openReceiver();
  await using connections = openConnections();
  const attempt = attemptAt(
    endpoint.url,
    { secrets: [...secrets], signing: ['standard', 'timestamped'] },
    samplePayload,
  );
  const clock = { nowMs: () => Date.now() - minutesAgo * 60_000, monotonicMs: () => performance.now() };
  await deliver(connections, attempt, clock);
  return endpoint.received[0]!;
}

/** Fails unless the sample trusts what is right, and nothing else. `trusts` runs it, and says for each whether it does. */
export async function expectVerifying(
  secrets: readonly string[],
  trusts: (cases: readonly Case[]) => Promise<boolean[]> | boolean[],
): Promise<void> {
  const other = 'another secret, of some length';
  for (const secret of secrets) {
    const request = await signedWith([secret]);
    const cases = {
      right: request,
      rotated: await signedWith([other, secret]),
      fourMinutesOld: await signedWith([secret], 4),
      forged: { ...request, body: request.body.replace('Zoë', 'Zoe') },
      sixMinutesOld: await signedWith([secret], 6),
      early: await signedWith([secret], -6),
      ofAnother: await signedWith([other]),
    };
    const answers = await trusts(Object.values(cases).map(({ headers, body }) => ({ headers, body, secret })));
    expect(Object.fromEntries(Object.keys(cases).map((name, index) => [name, answers[index]]))).toEqual({
      ...{ right: true, rotated: true, fourMinutesOld: true },
      ...{ forged: false, sixMinutesOld: false, early: false, ofAnother: false },
    });
  }
}
