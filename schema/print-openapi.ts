// Prints the OpenAPI description of the REST part: node schema/print-openapi.ts >schema/openapi.json

import packageJson from '../package.json' with { type: 'json' };
import { openApiText } from '../src/api/open-api.ts';

process.stdout.write(openApiText(packageJson.version));
