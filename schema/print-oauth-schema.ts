// Prints the JSON Schema of config/oauth.yaml: node schema/print-oauth-schema.ts >schema/oauth.schema.json

import { oauthJsonSchema } from '../src/settings/oauth-schema.ts';

process.stdout.write(oauthJsonSchema());
