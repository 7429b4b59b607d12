// `tidings replay`: failed deliveries are sent again, beside the line; or those that wait for it are forgotten.

import type { ClientOptions } from '../settings/client-settings.ts';
import { type Client, openClient } from './client.ts';
import type { CommandSurroundings } from './command.ts';
import { type Answering, confirm, needAnswer } from './confirm.ts';
import { counted } from './counted.ts';
import { cancelReplays, countPendingReplays, replayDeliveries } from './documents.ts';
import { notFound } from './failure.ts';
import { momentOf } from './moment.ts';
import { print, printJson, say } from './terminal.ts';

export type ReplayOptions = ClientOptions & {
  json?: boolean;
  yes?: boolean;
  endpoint?: string;
  since?: string;
  until?: string;
  dryRun?: boolean;
  cancel?: string;
};

type Wish = { deliveryIds: readonly string[] } | { endpointId: string; since: string; until: string | null };

/** Returns the exit status: 1 when the answer was no. */
export async function replay(
  ids: readonly string[],
  options: ReplayOptions,
  { refuse }: CommandSurroundings,
): Promise<number> {
  const answering = { yes: options.yes, refuse };
  if (options.cancel !== undefined) {
    if (ids.length > 0 || [options.endpoint, options.since, options.until].some((one) => one !== undefined))
      refuse('error: --cancel takes the id of an endpoint, and nothing else');
    return await cancel(await openClient(options), options.cancel, options, answering);
  }
  const wish = wishOf(ids, options, refuse);
  const client = await openClient(options);
  const ask = async (dryRun: boolean) =>
    (await client.ask<{ replayWebhookDeliveries: number }>(replayDeliveries, { ...wish, dryRun }))
      .replayWebhookDeliveries;
  const count = await ask(true);
  if (options.dryRun === true) return show(count, 'would be sent again', options);
  say(`${counted(count, 'failed delivery', 'failed deliveries')} would be sent again.`);
  if (count === 0) {
    // What a script needs does not depend on what failed.
    needAnswer(answering);
    return show(0, 'are sent again: the others did not fail, were delivered since, or wait already', options);
  }
  if (!(await confirm('Send them again?', answering))) return 1;
  return show(await ask(false), 'wait to be sent again', options);
}

function wishOf(
  ids: readonly string[],
  { endpoint, since, until }: ReplayOptions,
  refuse: (usage: string) => never,
): Wish {
  if (ids.length > 0) {
    if (endpoint !== undefined || since !== undefined || until !== undefined) {
      refuse('error: give ids of deliveries, or --endpoint with --since');
    }
    return { deliveryIds: ids };
  }
  if (endpoint === undefined || since === undefined)
    refuse('error: give ids of deliveries, or --endpoint with --since');
  const from = momentOf(since, '--since', refuse);
  return {
    endpointId: endpoint,
    since: from,
    until: until === undefined ? null : momentOf(until, '--until', refuse),
  };
}

async function cancel(client: Client, id: string, options: ReplayOptions, answering: Answering): Promise<number> {
  const { webhookEndpoint } = await client.ask<{ webhookEndpoint: { pendingReplays: number } | null }>(
    countPendingReplays,
    { id },
  );
  if (webhookEndpoint === null) throw notFound(`endpoint ${id}`);
  if (options.dryRun === true) return show(webhookEndpoint.pendingReplays, 'would be forgotten', options);
  say(`Waiting for ${id}: ${counted(webhookEndpoint.pendingReplays, 'replay')}.`);
  if (webhookEndpoint.pendingReplays === 0) needAnswer(answering);
  else if (!(await confirm('Forget them?', answering))) return 1;
  const { cancelWebhookReplays } = await client.ask<{ cancelWebhookReplays: number }>(cancelReplays, { id });
  return show(cancelWebhookReplays, 'are forgotten', options);
}

function show(count: number, what: string, { json }: ReplayOptions): number {
  if (json === true) printJson({ count });
  else print(`${count} ${what}`);
  return 0;
}
