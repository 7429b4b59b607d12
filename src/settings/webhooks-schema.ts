// The form of config/webhooks.yaml: each key with its rule and its description, for the reader and for editors.

import { z } from 'zod';
import { addProblem, configId, printedJsonSchema, secretName } from './config-schema.ts';
import { durationPattern, durations } from './duration.ts';
import { headerNameProblem, headerPrefixProblem, headerValueProblem, headersProblems } from './endpoint-headers.ts';
import { endpointUrlProblem } from './endpoint-url.ts';
import { type EndpointSettings, type HeaderSource, exhaustions, orderings } from './endpoint.ts';
import { type SigningScheme, signingSchemes } from '../signing/sign.ts';

export const delays = durations('1ms', '7d');
export const timeouts = durations('1ms', '5m');
export const pauseDelays = durations('1m', '30d');

const maxPreviousSecrets = 20;

/** What applies when neither the endpoint nor `defaults` sets a key. */
export const builtIn = {
  enabled: true,
  ordering: orderings[0],
  max_retries: 5,
  base_delay: '10s',
  max_delay: '1h',
  timeout: '15s',
  on_exhausted: exhaustions[0],
  headers: {} as Record<string, HeaderSource>,
  tls: {} as NonNullable<EndpointSettings['tls']>,
  signing: ['standard'] as SigningScheme[],
  previous_secrets: [] as string[],
};

/** Values that the contract names and this version lacks. */
const later = { ordering: ['subject', 'none'] };

/** Sentences for unknown keys that people may expect here. */
export const unknownKeys = {
  rate_limit: 'the key "rate_limit" is not in this version yet; remove it',
  batch: 'the key "batch" is not in this version yet; remove it',
  '<<': '"<<" is no merge here; "defaults" holds what endpoints share',
};

const headerForm = 'must be text in quotes, or { secret: NAME }';
const headerName = z.string().superRefine((name, context) => addProblem(context, headerNameProblem(name)));
const headerText = z
  .string('must be text; put it in quotes')
  .superRefine((value, context) => addProblem(context, headerValueProblem(value)));
const headerSecret = z.strictObject(
  {
    secret: secretName.meta({ description: 'The NAME of the secret that holds the value.' }),
    prefix: z
      .string('must be text; put it in quotes')
      .superRefine((value, context) => addProblem(context, headerPrefixProblem(value)))
      .optional()
      .meta({ description: 'What comes before the value.', examples: ['Bearer '] }),
  },
  headerForm,
);
const headerValue = z.union([headerText, headerSecret], headerForm);

const policy = {
  ordering: available(orderings, later.ordering).meta({
    description: 'endpoint: one event at a time, in the order of the log.',
    default: builtIn.ordering,
  }),
  max_retries: z
    .int('must be a whole number from 0 to 100')
    .min(0, 'must be a whole number from 0 to 100')
    .max(100, 'must be a whole number from 0 to 100')
    .meta({ description: 'Attempts after the first one.', default: builtIn.max_retries }),
  base_delay: duration(delays).meta({
    description: 'Retry k, from 0, waits base_delay * 2^k. 1ms to 7d.',
    default: builtIn.base_delay,
  }),
  max_delay: duration(delays).meta({
    description: 'The longest wait between two attempts. 1ms to 7d.',
    default: builtIn.max_delay,
  }),
  timeout: duration(timeouts).meta({
    description: "One attempt, from connecting to the end of the answer's headers. 1ms to 5m.",
    default: builtIn.timeout,
  }),
  on_exhausted: z.enum(exhaustions, `must be ${exhaustions.join(' or ')}`).meta({
    description:
      'When the retries are spent. skip: log the failure and go on with the next event. hold: keep the event and pause the endpoint.',
    default: builtIn.on_exhausted,
  }),
  pause_after: duration(pauseDelays).meta({
    description: 'Pause the endpoint once every attempt has failed for this long. 1m to 30d; without it, never.',
  }),
  headers: z
    .record(headerName, headerValue, 'must be a map of header names and values')
    .superRefine((headers, context) => {
      for (const { name, message } of headersProblems(headers)) {
        context.addIssue({
          code: 'custom',
          message,
          ...(name === null ? {} : { path: [name], params: { at: 'key' } }),
        });
      }
    })
    .meta({
      description: 'Sent with every request: text, or the NAME of a secret. At most 8 KiB of printable ASCII.',
      examples: [{ 'X-Env': 'production', Authorization: { secret: 'crm_token', prefix: 'Bearer ' } }],
    }),
  tls: z
    .strictObject(
      {
        ca: secretName.optional().meta({
          description: 'The NAME of a secret: certificates in PEM that are trusted beside the public authorities.',
        }),
        cert: secretName.optional().meta({
          description: 'The NAME of a secret: our certificate in PEM, with those that lead to its authority.',
        }),
        key: secretName
          .optional()
          .meta({ description: 'The NAME of a secret: the key of that certificate in PEM, without a passphrase.' }),
      },
      'must be a map of ca, cert and key',
    )
    .superRefine(({ cert, key }, context) => {
      if ((cert === undefined) === (key === undefined)) return;
      const [given, lacking] = cert === undefined ? ['key', 'cert'] : ['cert', 'key'];
      context.addIssue({ code: 'custom', path: [given], message: `needs "${lacking}" beside it: they go together` });
    })
    .meta({ description: 'Whom we trust and what we show, for https: NAMES of secrets that hold PEM.' }),
  signing: z
    .array(z.enum(signingSchemes, 'must be standard or timestamped'), 'must be a list: [standard]')
    .min(1, 'must name at least one scheme')
    .refine((schemes) => new Set(schemes).size === schemes.length, 'must name each scheme once')
    .meta({
      description: 'How requests are signed, by one scheme or both.',
      default: builtIn.signing,
      uniqueItems: true,
    }),
  previous_secrets: z
    .array(secretName, 'must be a list of names of secrets')
    .max(maxPreviousSecrets, `must name at most ${maxPreviousSecrets} secrets`)
    .meta({ description: 'NAMES of secrets to sign with as well, while receivers change over to a new one.' }),
};

/** The whole file. `allowHttp` decides about `http://` URLs. */
export function webhooksSchema({ allowHttp }: { allowHttp: boolean }) {
  const endpoint = z.strictObject(
    {
      id: configId.meta({ description: 'Names the endpoint in logs, metrics and the API. Unique.' }),
      url: z
        .string('must be a URL')
        .superRefine((url, context) => addProblem(context, endpointUrlProblem(url, allowHttp)))
        .meta({ description: 'Where events go: https, no credentials, no fragment.', format: 'uri', maxLength: 2048 }),
      secret: secretName.meta({ description: 'The NAME of the secret that signs, never the secret itself.' }),
      events: z
        .array(
          z
            .string('must be text: an event type or a pattern')
            .regex(
              /^[a-z0-9_.*]{1,128}$/,
              'must be 1 to 128 of a-z, 0-9, "_", "." and "*", such as user.created or "user.*"',
            ),
          'must be a list, such as [user.created, "user.oauth_*"]',
        )
        .min(1, 'must name at least one event type')
        .meta({ description: 'Event types; * matches any run of characters.', examples: [['user.created'], ['*']] }),
      enabled: z
        .boolean('must be true or false')
        .optional()
        .meta({ description: 'false: nothing is sent and no position is kept.', default: builtIn.enabled }),
      description: z
        .string('must be text; put it in quotes')
        .refine((text) => text.isWellFormed() && !text.includes('\0'), 'must hold no NUL and no half characters')
        .optional()
        .meta({ description: 'For people.' }),
      ...optional(policy),
    },
    'must be a map with id, url, secret and events',
  );
  return z
    .strictObject(
      {
        defaults: z.strictObject(optional(policy), 'must be a map of keys and values').optional().meta({
          description: 'What holds for every endpoint that does not say otherwise; lists and maps are replaced whole.',
        }),
        endpoints: z
          .array(endpoint, 'must be a list of endpoints; write [] for none')
          .meta({ description: 'Who gets events.' }),
      },
      'the file must be a map with the key "endpoints"',
    )
    .meta({
      title: 'Tidings webhooks',
      description: 'config/webhooks.yaml: which endpoints get which events, and how.',
    });
}

/** The JSON Schema (draft 2020-12) of the file, as committed for editors. */
export function webhooksJsonSchema(): string {
  return printedJsonSchema(webhooksSchema({ allowHttp: true }));
}

export type WebhooksYaml = z.output<ReturnType<typeof webhooksSchema>>;

function optional<T extends Record<string, z.ZodType>>(shape: T): { [K in keyof T]: z.ZodOptional<T[K]> } {
  const entries = Object.entries(shape).map(([key, schema]) => [key, schema.optional()]);
  return Object.fromEntries(entries) as { [K in keyof T]: z.ZodOptional<T[K]> };
}

function duration(rule: typeof delays) {
  const expected = `must be ${rule.expected}`;
  return z
    .string(expected)
    .refine((text) => rule.parse(text) !== null, expected)
    .meta({ pattern: durationPattern });
}

function available<const T extends readonly [string, ...string[]]>(values: T, missing: readonly string[]) {
  const known = values.join(' or ');
  return z.enum(values, {
    error: ({ input }) => {
      const comes = typeof input === 'string' && missing.includes(input);
      return comes ? `the value "${input}" is not in this version yet; write ${known}` : `must be ${known}`;
    },
  });
}
