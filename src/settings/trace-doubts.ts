// Finds variables of OpenTelemetry that are set, and change nothing here.

import type { SettingProblem } from './problem.ts';
import { given, listed, propagator, readTraces, traceNames } from './traces.ts';

/** One for each; none where there are no traces. */
export function doubtsAboutTraces(
  environment: Readonly<Record<string, string | undefined>> = process.env,
): SettingProblem[] {
  const read = readTraces(environment);
  if (!('settings' in read) || read.settings === null) return [];
  const doubt = (path: string, message: string): SettingProblem => ({ file: 'environment', path, message });
  const unused = given(environment, Object.keys(environment))
    .filter(({ name, value }) => name.startsWith('OTEL_') && !traceNames.includes(name) && value !== 'none')
    .map(({ name }) => doubt(name, 'is not used: Tidings has traces alone, and not every setting of them'));
  const others = listed(environment['OTEL_PROPAGATORS'] ?? '').filter(
    (name) => name !== propagator && name !== 'baggage',
  );
  if (others.length === 0) return unused;
  return [...unused, doubt('OTEL_PROPAGATORS', `only ${propagator} is used, not ${others.join(', ')}`)];
}
