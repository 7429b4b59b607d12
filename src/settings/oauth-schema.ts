// The form of config/oauth.yaml: each key with its rule and its description, for the reader and for editors.

import { z } from 'zod';
import { addProblem, configId, printedJsonSchema, secretName } from './config-schema.ts';
import { providerUrlProblem } from './provider-url.ts';

/** A provider's defaults. */
export const builtIn = {
  openid: { scopes: ['openid', 'email', 'profile'] },
  github: { scopes: ['read:user', 'user:email'], url: 'https://github.com' },
};

/** Sentences for unknown keys that people may expect here. */
export const unknownKeys = { '<<': '"<<" is no merge here; write each provider in full' };

const clientIdRule = 'must be text that is not empty and holds no control characters';

const nameRule = 'must be text on one line, without blanks around it';

const providerUrl = z
  .string('must be a URL')
  .superRefine((url, context) => addProblem(context, providerUrlProblem(url)))
  .optional();

/** RFC 6749, section 3.3. */
const scope = z
  .string('must be text: a scope')
  .regex(/^[\x21\x23-\x5b\x5d-\x7e]+$/, 'must be one scope: printable ASCII without blanks, quotes and backslashes');

const provider = z
  .strictObject(
    {
      id: configId.meta({ description: 'Names the provider in /oauth/<id>, in events and in the API. Unique.' }),
      name: z
        .string(nameRule)
        .regex(/^\S(.*\S)?$/u, nameRule)
        .max(100, 'must have at most 100 characters')
        .refine((text) => !/\p{Cc}/u.test(text), nameRule)
        .optional()
        .meta({ description: 'What people read on the page where they sign in; the id when absent.' }),
      issuer: providerUrl.meta({
        description:
          'The issuer of an OpenID Connect provider, as its discovery document has it; http only on loopback.',
        format: 'uri',
        maxLength: 2048,
      }),
      preset: z
        .literal('github', 'must be github')
        .optional()
        .meta({ description: 'Instead of an issuer: GitHub, which speaks plain OAuth 2.0.' }),
      url: providerUrl.meta({
        description: 'With "preset: github": the site of a GitHub Enterprise Server.',
        default: builtIn.github.url,
        format: 'uri',
        maxLength: 2048,
      }),
      client_id: z
        .string('must be text; put it in quotes')
        .regex(/\S/, clientIdRule)
        .refine((text) => !/\p{Cc}/u.test(text), clientIdRule)
        .meta({ description: 'What the provider calls this client.' }),
      client_secret: secretName.meta({
        description: 'The NAME of the secret of this client, never the secret itself.',
      }),
      scopes: z
        .array(scope, 'must be a list, such as [openid, email, profile]')
        .min(1, 'must name at least one scope')
        .refine((scopes) => new Set(scopes).size === scopes.length, 'must name each scope once')
        .optional()
        .meta({
          description: `What is asked for: ${builtIn.openid.scopes.join(', ')} of an issuer, which must have openid; ${builtIn.github.scopes.join(', ')} of GitHub.`,
          uniqueItems: true,
        }),
    },
    'must be a map with id, issuer or preset, client_id and client_secret',
  )
  .refine(({ issuer, preset }) => issuer !== undefined || preset !== undefined, {
    message: 'must have an issuer, or "preset: github"',
    when: isMap,
  })
  .refine(({ issuer, preset }) => issuer === undefined || preset === undefined, {
    message: 'cannot be given together with an issuer; remove one of the two',
    path: ['preset'],
    params: { at: 'key' },
    when: isMap,
  })
  .refine(({ url, preset }) => url === undefined || preset !== undefined, {
    message: 'is only for "preset: github"',
    path: ['url'],
    params: { at: 'key' },
    when: isMap,
  })
  .refine(
    ({ issuer, preset, scopes }) =>
      issuer === undefined || preset !== undefined || !Array.isArray(scopes) || scopes.includes('openid'),
    { message: 'must contain openid, or the issuer does not say who signs in', path: ['scopes'], when: isMap },
  )
  .meta({
    oneOf: [{ required: ['issuer'] }, { required: ['preset'] }],
    dependentRequired: { url: ['preset'] },
  });

/** The whole file. */
export const oauthSchema = z
  .strictObject(
    {
      providers: z
        .array(provider, 'must be a list of providers; write [] for none')
        .meta({ description: 'Who vouches for people.' }),
    },
    'the file must be a map with the key "providers"',
  )
  .meta({
    title: 'Tidings sign-in',
    description: 'config/oauth.yaml: the OAuth providers through which people sign in.',
  });

/** The JSON Schema (draft 2020-12) of the file, as committed for editors. */
export function oauthJsonSchema(): string {
  return printedJsonSchema(oauthSchema);
}

export type ProviderYaml = z.output<typeof provider>;

/** Rules over several keys run also when single keys are wrong, so that all problems come at once. */
function isMap({ value }: { value: unknown }): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
