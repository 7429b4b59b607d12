// Reads a text as config/webhooks.yaml.

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createSecrets } from '../../src/settings/secrets.ts';
import { readWebhooks } from '../../src/settings/webhooks.ts';
import { scratchDirectory } from '../support/scratch-directory.ts';

/** `environment` holds the secrets. */
export async function readWebhooksText(
  text: string,
  environment: Record<string, string>,
): ReturnType<typeof readWebhooks> {
  await using scratch = await scratchDirectory();
  await mkdir(join(scratch.path, 'config'));
  await writeFile(join(scratch.path, 'config/webhooks.yaml'), text);
  const secrets = createSecrets({ directory: scratch.path, environment, warn: () => {} });
  return await readWebhooks({ directory: scratch.path, allowHttp: false, secrets });
}
