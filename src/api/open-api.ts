// The OpenAPI description of the REST part, made from its routes.

import { OpenAPIHono } from '@hono/zod-openapi';
import { eventTypesRoute } from './event-types.ts';
import { healthzRoute, readyzRoute } from './health.ts';
import { metricsRoute } from './metrics.ts';
import { callbackRoute, linkRoute, startRoute } from './oauth-contract.ts';

/** OpenAPI 3.1 as JSON text, with a line feed at its end. */
export function openApiText(version: string): string {
  const app = new OpenAPIHono();
  const routes = [startRoute, linkRoute, callbackRoute, healthzRoute, readyzRoute, metricsRoute, eventTypesRoute];
  for (const route of routes) app.openAPIRegistry.registerPath(route);
  app.openAPIRegistry.registerComponent('securitySchemes', 'bearer', { type: 'http', scheme: 'bearer' });
  const document = app.getOpenAPI31Document({
    openapi: '3.1.0',
    info: {
      title: 'Tidings',
      version,
      description:
        'Sign-in for browsers, health for supervisors, figures for Prometheus, and the types of events. All else is GraphQL, at `/graphql`.',
    },
  });
  return `${JSON.stringify(document, null, 2)}\n`;
}
