// Finds variables that somebody meant to be a setting, and values that will not do what was meant.

import { nearest } from '../policy/nearest.ts';
import { type Environment, settingNames } from './environment.ts';
import type { SettingProblem } from './problem.ts';
import { isLoopback } from './provider-url.ts';
import { endpointNames, traceNames } from './traces.ts';

/** Of the commands that talk to a running service. */
const clientNames = ['TIDINGS_URL', 'TIDINGS_TOKEN'];

/** In a short name one other character makes another word: PATH is not meant to be PORT. */
const fewestCharacters = 9;

/** The ports that browsers refuse: https://fetch.spec.whatwg.org/#port-blocking */
const refusedByBrowsers: ReadonlySet<number> = new Set([
  ...[0, 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104, 109],
  ...[110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514, 515, 526, 530],
  ...[531, 532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190],
  ...[5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10_080],
]);

/** One for each variable whose name is almost that of a setting. The values are not looked at. */
export function doubtsAboutNames(environment: Environment = process.env): SettingProblem[] {
  const known = [...settingNames, ...traceNames, ...clientNames];
  // OpenTelemetry has names that are near each other. Without an endpoint none of the others does anything.
  const candidates = (name: string) =>
    name.startsWith('OTEL_') ? endpointNames : known.filter((other) => other.length >= fewestCharacters);
  return Object.keys(environment).flatMap((name) => {
    if (known.includes(name)) return [];
    const upper = name.toUpperCase().replaceAll('-', '_');
    const meant = known.includes(upper) ? upper : nearest(upper, candidates(upper), 2);
    if (meant === null) return [];
    return [{ file: 'environment', path: name, message: `there is no setting ${name}; did you mean ${meant}?` }];
  });
}

/** About a port that is valid. */
export function doubtsAboutPort(port: number): SettingProblem[] {
  if (port === 0 || !refusedByBrowsers.has(port)) return [];
  const message = `${port} is a port that browsers refuse: programs reach the service there, and people do not`;
  return [{ file: 'environment', path: 'PORT', message }];
}

/** About a PUBLIC_URL that is valid; null: none was given. What browsers take for this machine needs no TLS. */
export function doubtsAboutPublicUrl(publicUrl: string | null): SettingProblem[] {
  const { protocol, hostname } = new URL(publicUrl ?? 'https://localhost');
  if (protocol === 'https:' || isLoopback(hostname) || hostname.endsWith('.localhost')) return [];
  const message =
    'it is plain http: whoever is on the way reads sessions and tokens, and a sibling domain can put a session of its own into a browser; put TLS in front, and write https://';
  return [{ file: 'environment', path: 'PUBLIC_URL', message }];
}
