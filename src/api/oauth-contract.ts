// The routes of sign-in: their parameters and answers, as they are validated and as schema/openapi.json describes them.

import { createRoute, z } from '@hono/zod-openapi';
import { roles } from '../model/user.ts';

const provider = z.string().openapi({
  param: { name: 'provider', in: 'path' },
  description: "The provider's id in config/oauth.yaml.",
  example: 'google',
});

const Refused = z
  .object({
    error: z.string().openapi({ description: 'What is wrong, and what to do about it.' }),
    code: z.string().openapi({ description: 'As `extensions.code` in GraphQL.', example: 'BAD_USER_INPUT' }),
  })
  .openapi('Refused');

const Started = z
  .object({
    url: z.url().openapi({ description: "Where to send the browser: the provider's page." }),
    state: z.string().openapi({ description: 'Comes back with the code, within ten minutes, once.' }),
  })
  .openapi('Started');

const Session = z
  .object({
    token: z.string().openapi({ description: 'For the header `Authorization: Bearer <token>`.' }),
    expiresAt: z.iso.datetime().openapi({ description: 'When the session ends by itself.' }),
    user: z.object({
      id: z.uuid(),
      email: z.string().nullable(),
      displayName: z.string().nullable(),
      avatarUrl: z.string().nullable(),
      role: z.enum(roles),
    }),
  })
  .openapi('Session');

/** Each with a page instead of JSON for a client that asks for HTML. */
const refused = (description: string) => ({
  description,
  content: { 'application/json': { schema: Refused }, 'text/html': { schema: z.string() } },
});

const setCookie = {
  'Set-Cookie': {
    schema: { type: 'string' as const },
    description: 'HttpOnly, SameSite=Lax, and Secure behind https.',
  },
};
const location = (description: string) => ({
  Location: { schema: { type: 'string' as const, format: 'uri-reference' }, description },
});

const shared = {
  404: refused('There is no such provider.'),
  429: refused('Too many wrong tokens were sent by this client; see Retry-After.'),
  503: refused('The provider or the database cannot be reached, or the service is about to end.'),
};

const redirectTo = z.string().optional().openapi({
  description: 'Where the browser ends, signed in: a path of this service, or a URL of an allowed origin.',
});

export const startRoute = createRoute({
  method: 'get',
  path: '/oauth/{provider}',
  operationId: 'startSignIn',
  summary: 'Starts a sign-in, or asks for a link.',
  description:
    'Sends the browser to the provider, bound to it by the cookie `tidings_browser` (`__Host-tidings_browser` behind https). A client that asks for JSON and not for HTML gets the address instead. With `link=1` it answers with a page that asks, whose form begins the link.',
  request: {
    params: z.object({ provider }),
    query: z.object({
      redirect_to: redirectTo,
      link: z
        .literal('1')
        .optional()
        .openapi({ description: 'Asks whether to link an account to the signed-in user.' }),
      invitation: z.string().optional().openapi({
        description: 'What `startOAuth(userId:)` put into its `url`. Not together with the others.',
      }),
    }),
  },
  responses: {
    200: {
      description: 'For a client that asks for JSON; with `link=1` the page that asks.',
      headers: setCookie,
      content: { 'application/json': { schema: Started }, 'text/html': { schema: z.string() } },
    },
    302: {
      description: 'To the provider; from another host name of the service, to this address at the one of PUBLIC_URL.',
      headers: { ...location("The provider's page."), ...setCookie },
    },
    400: refused('The query is wrong, or `redirect_to` is not allowed.'),
    401: refused('A link needs a session.'),
    ...shared,
    429: refused('Too many sign-ins were begun by this client, or wrong tokens sent; see Retry-After.'),
  },
});

export const linkRoute = createRoute({
  method: 'post',
  path: '/oauth/{provider}',
  operationId: 'startLink',
  summary: 'Starts a link.',
  description:
    'Where the page that asks sends its form. Sends the browser to the provider, as a sign-in does; programs link with `startOAuth(link: true)`.',
  request: {
    params: z.object({ provider }),
    query: z.object({
      link: z.literal('1').openapi({ description: 'Nothing else begins like this.' }),
      redirect_to: redirectTo,
    }),
    body: {
      required: true,
      content: {
        'application/x-www-form-urlencoded': {
          schema: z.object({
            token: z.string().openapi({ description: 'From the form, good for this session alone.' }),
          }),
        },
      },
    },
  },
  responses: {
    200: {
      description: 'For a client that asks for JSON.',
      headers: setCookie,
      content: { 'application/json': { schema: Started } },
    },
    303: { description: 'To the provider.', headers: { ...location("The provider's page."), ...setCookie } },
    400: refused('The query is wrong, `redirect_to` is not allowed, or the form has no token.'),
    401: refused('A link needs a session.'),
    403: refused('The token is not that of this session.'),
    ...shared,
    429: refused('Too many sign-ins were begun by this client, or wrong tokens sent; see Retry-After.'),
  },
});

export const callbackRoute = createRoute({
  method: 'get',
  path: '/oauth/{provider}/callback',
  operationId: 'completeSignIn',
  summary: 'Finishes a sign-in, or a link.',
  description:
    'Where the provider sends the browser back to. Takes only what was begun by this browser at `/oauth/{provider}`; programs give the code and the state to `completeOAuth`.',
  request: {
    params: z.object({ provider }),
    query: z.looseObject({
      code: z.string().optional().openapi({ description: "The provider's code (RFC 6749, section 4.1.2)." }),
      state: z.string().optional().openapi({ description: 'The state that the sign-in began with.' }),
      iss: z.string().optional().openapi({ description: "The provider's issuer (RFC 9207)." }),
      error: z.string().optional().openapi({ description: 'Why the provider refused (RFC 6749, section 4.1.2.1).' }),
    }),
  },
  responses: {
    200: {
      description: 'For a client that asks for JSON.',
      headers: setCookie,
      content: { 'application/json': { schema: Session } },
    },
    303: {
      description:
        'Signed in: the cookie `tidings_session` holds the session (`__Host-tidings_session` behind https without a path).',
      headers: { ...location('As `redirect_to` said, else `/account`.'), ...setCookie },
    },
    400: refused('The state or the code is wrong, too old, used already or of another browser.'),
    401: refused('A link needs the session of the user who began it.'),
    403: refused('The link was begun by another user.'),
    409: refused('The account belongs to another user, or the user has another one at this provider.'),
    ...shared,
  },
});
