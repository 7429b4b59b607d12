// Reads a text as config/oauth.yaml.

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type OAuth, readOAuth } from '../../src/settings/oauth.ts';
import { problemLine } from '../../src/settings/problem.ts';
import { createSecrets } from '../../src/settings/secrets.ts';
import { scratchDirectory } from '../support/scratch-directory.ts';

/** `environment` holds the secrets; null leaves them unresolved. Lines are joined. */
export async function readOAuthText(
  text: string | readonly string[] | Buffer,
  environment: Record<string, string> | null,
): Promise<OAuth> {
  await using scratch = await scratchDirectory();
  await mkdir(join(scratch.path, 'config'));
  const content = typeof text === 'string' || Buffer.isBuffer(text) ? text : text.join('\n');
  await writeFile(join(scratch.path, 'config/oauth.yaml'), content);
  const secrets = environment && createSecrets({ directory: scratch.path, environment, warn: () => {} });
  return await readOAuth({ directory: scratch.path, secrets });
}

/** The lines of all problems, each from its line number on. */
export async function oauthProblems(...given: Parameters<typeof readOAuthText>): Promise<string[]> {
  const read = await readOAuthText(...given);
  return read.ok ? [] : read.problems.map((problem) => problemLine(problem).replace('config/oauth.yaml:', ''));
}
