// The commands that talk to a running server.

import type { Command } from './command.ts';
import type { ControlOptions } from './controlled.ts';
import type { DeliveriesOptions } from './deliveries.ts';
import type { EventsOptions } from './events.ts';
import { jsonOption, limitOption, serverOptions, sinceOption, untilOption, yesOption } from './options.ts';
import type { PublishOptions } from './publish.ts';
import type { ReloadOptions } from './reload.ts';
import type { ReplayOptions } from './replay.ts';

const common = [...serverOptions, jsonOption];

const commands: readonly Command[] = [
  {
    name: 'status',
    does: 'show how the service as a whole stands',
    examples: [['tidings status', 'its instances, its log, its configuration']],
    async run(_given, options: ControlOptions) {
      const { status } = await import('./status.ts');
      await status(options);
    },
  },
  {
    name: 'endpoints',
    does: 'show the state of every endpoint, and which instance serves it',
    examples: [
      ['tidings endpoints', 'as a table'],
      ["tidings endpoints --json | jq '.[] | select(.backlog > 100)'", 'for programs'],
    ],
    async run(_given, options: ControlOptions) {
      const { endpoints } = await import('./endpoints.ts');
      await endpoints(options);
    },
  },
  {
    name: 'endpoint',
    takes: '<id>',
    does: 'show everything about one endpoint, and what to do when it is stuck',
    examples: [['tidings endpoint crm', 'its state, its blocked lines, its last day']],
    async run([id], options: ControlOptions) {
      const { endpoint } = await import('./endpoint.ts');
      await endpoint(id!, options);
    },
  },
  {
    name: 'pause',
    takes: '<id>',
    does: 'send an endpoint nothing more; its events keep their place',
    examples: [['tidings pause crm', 'until tidings resume crm']],
    async run([id], options: ControlOptions) {
      const { pause } = await import('./pause.ts');
      await pause(id!, options);
    },
  },
  {
    name: 'resume',
    takes: '<id>',
    does: 'let a paused endpoint go on where it stopped',
    examples: [['tidings resume crm', 'also after a 410, or when it was held']],
    async run([id], options: ControlOptions) {
      const { resume } = await import('./resume.ts');
      await resume(id!, options);
    },
  },
  {
    name: 'test',
    takes: '<id>',
    does: 'send a webhook.test event to one endpoint',
    examples: [['tidings test crm', 'prints the id of the event']],
    async run([id], options: ControlOptions) {
      const { testEndpoint } = await import('./test-endpoint.ts');
      await testEndpoint(id!, options);
    },
  },
  {
    name: 'rewind',
    takes: '<id>',
    does: 'send an endpoint everything from a position or a time on again, in order',
    options: [
      { flags: '--to <position|time>', does: 'a position, ISO 8601, or a duration ago such as 2h', isNeeded: true },
      yesOption,
    ],
    examples: [
      ['tidings rewind crm --to 2h', 'all of the last two hours'],
      ['tidings rewind crm --to 1200 --yes', 'from a position on, as a script does'],
    ],
    async run([id], options: ControlOptions & { to: string; yes?: boolean }, surroundings) {
      const { rewind } = await import('./rewind.ts');
      return await rewind(id!, options, surroundings);
    },
  },
  {
    name: 'retry',
    takes: '<id>',
    does: 'let a blocked line of an endpoint try at once',
    options: [
      { flags: '--subject <subject>', does: 'the line of this subject, with ordering: subject' },
      { flags: '--event <id>', does: 'the line of this event, with ordering: none' },
    ],
    examples: [['tidings retry crm', 'do not wait for the next attempt']],
    async run([id], options: ControlOptions & { subject?: string; event?: string }, surroundings) {
      const { retry } = await import('./retry.ts');
      await retry(id!, options, surroundings);
    },
  },
  {
    name: 'skip',
    takes: '<id> <event>',
    does: 'give up the event at the head of a blocked line',
    options: [yesOption],
    examples: [['tidings skip crm 0199c1f0-…', 'shows it and asks; the line goes on']],
    async run([id, event], options: ControlOptions & { yes?: boolean }, surroundings) {
      const { skip } = await import('./skip.ts');
      return await skip(id!, event!, options, surroundings);
    },
  },
  {
    name: 'events',
    does: 'list what was recorded, newest first',
    options: [
      { flags: '--type <type>', does: 'of this type; as often as needed', isList: true },
      { flags: '--subject <subject>', does: 'about this subject' },
      ...[sinceOption, untilOption, limitOption],
    ],
    examples: [
      ['tidings events --since 1h', 'of the last hour'],
      ['tidings events --type order.paid --subject 42', 'what happened to one'],
    ],
    async run(_given, options: EventsOptions, surroundings) {
      const { events } = await import('./events.ts');
      await events(options, surroundings);
    },
  },
  {
    name: 'event',
    takes: '<id>',
    does: 'show one event, and what became of it at each endpoint',
    examples: [['tidings event 0199c1f0-…', 'its body, its outcomes, its attempts']],
    async run([id], options: ControlOptions) {
      const { event } = await import('./event.ts');
      await event(id!, options);
    },
  },
  {
    name: 'deliveries',
    does: 'list attempts, newest first; or show them as they are recorded',
    options: [
      { flags: '--endpoint <id>', does: 'to this endpoint' },
      {
        flags: '--status <status>',
        does: 'that ended so',
        choices: ['delivered', 'retrying', 'failed'],
        isAnyCase: true,
      },
      { flags: '--type <type>', does: 'of events of this type' },
      { flags: '--subject <subject>', does: 'of events about this subject' },
      ...[sinceOption, untilOption, limitOption],
      { flags: '--follow', does: 'go on with those to come, until Ctrl-C' },
    ],
    more: 'With --follow and --since those that are there come first, oldest first.',
    examples: [
      ['tidings deliveries --status failed --since 1d', 'what failed since yesterday'],
      ['tidings deliveries --follow --endpoint crm', 'what one endpoint gets, as it gets it'],
    ],
    async run(_given, options: DeliveriesOptions, surroundings) {
      const { deliveries } = await import('./deliveries.ts');
      await deliveries(options, surroundings);
    },
  },
  {
    name: 'delivery',
    takes: '<id>',
    does: 'show one attempt, with its request and its answer',
    options: [{ flags: '--curl', does: 'print the command that sends the same request by hand' }],
    examples: [
      ['tidings delivery 0199c1f2-…', 'headers, timings, the answer'],
      ['tidings delivery 0199c1f2-… --curl', 'for a receiver that you debug'],
    ],
    async run([id], options: ControlOptions & { curl?: boolean }) {
      const { delivery } = await import('./delivery.ts');
      await delivery(id!, options);
    },
  },
  {
    name: 'replay',
    takes: '[ids...]',
    does: 'send failed deliveries again, beside the line',
    options: [
      { flags: '--endpoint <id>', does: 'all that failed at this endpoint, with --since' },
      ...[sinceOption, untilOption],
      { flags: '--dry-run', does: 'only count them' },
      { flags: '--cancel <id>', does: 'forget the replays that still wait for this endpoint' },
      yesOption,
    ],
    more: 'Ids are those of deliveries. It says how many there are, and asks.',
    examples: [
      ['tidings replay --endpoint crm --since 1d', "yesterday's failures"],
      ['tidings replay --endpoint crm --since 1d --dry-run', 'how many there are'],
      ['tidings replay 0199c1f2-… --yes', 'one, as a script does'],
      ['tidings replay --cancel crm', 'those that still wait are not sent'],
    ],
    async run(ids, options: ReplayOptions, surroundings) {
      const { replay } = await import('./replay.ts');
      return await replay(ids, options, surroundings);
    },
  },
  {
    name: 'publish',
    does: 'record an event of your own',
    options: [
      { flags: '--type <type>', does: 'such as order.paid', isNeeded: true },
      { flags: '--data <json>', does: 'its data: JSON, @FILE, or - for stdin ({} if absent)' },
      { flags: '--subject <subject>', does: 'whom it is about' },
      { flags: '--key <key>', does: 'the same key again within a day records nothing new' },
    ],
    examples: [
      [`tidings publish --type order.paid --data '{"order_id":7}'`, 'prints the id of the event'],
      ['tidings publish --type order.paid --data @order.json --key order-7', 'at most once a day'],
    ],
    async run(_given, options: PublishOptions, surroundings) {
      const { publish } = await import('./publish.ts');
      await publish(options, surroundings);
    },
  },
  {
    name: 'reload',
    does: 'let the service read config/webhooks.yaml again',
    options: [
      { flags: '--dry-run', does: 'only say what would change' },
      { flags: '--allow-drop', does: 'also where an endpoint with a backlog is removed or disabled' },
      yesOption,
    ],
    examples: [
      ['tidings reload --dry-run', 'see what would change'],
      ['tidings reload', 'all of it or nothing, on every instance'],
    ],
    async run(_given, options: ReloadOptions, surroundings) {
      const { reload } = await import('./reload.ts');
      return await reload(options, surroundings);
    },
  },
];

export const serverCommands: readonly Command[] = commands.map((command) => ({
  ...command,
  options: [...(command.options ?? []), ...common],
}));
