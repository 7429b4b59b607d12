// Schemas that both configuration files use.

import { z } from 'zod';
import { secretNamePattern } from './secrets.ts';

const secretNameRule = 'must be the NAME of a secret (letters, digits, "_", "." and "-"), never the secret itself';
export const secretName = z.string(secretNameRule).regex(secretNamePattern, secretNameRule);

/** The id of an endpoint or a provider. */
export const configId = z
  .string('must be text; put it in quotes')
  .regex(/^[a-z0-9][a-z0-9_-]{0,62}$/, 'must be 1 to 63 of a-z, 0-9, "_" and "-", the first a letter or digit');

/** Adds a problem unless `message` is null. */
export function addProblem(context: z.RefinementCtx, message: string | null): void {
  if (message !== null) context.addIssue({ code: 'custom', message });
}

/** As JSON Schema (draft 2020-12), in the form that is committed for editors. */
export function printedJsonSchema(schema: z.ZodType): string {
  return `${JSON.stringify(z.toJSONSchema(schema, { target: 'draft-2020-12' }), null, 2)}\n`;
}
