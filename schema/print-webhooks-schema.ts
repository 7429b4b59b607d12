// Prints the JSON Schema of config/webhooks.yaml: node schema/print-webhooks-schema.ts >schema/webhooks.schema.json

import { webhooksJsonSchema } from '../src/settings/webhooks-schema.ts';

process.stdout.write(webhooksJsonSchema());
