// Which URLs an endpoint may have.

import { webUrlProblem } from './web-url.ts';

/** Why a text cannot be an endpoint's URL, or null. Never contains the text. */
export function endpointUrlProblem(text: string, allowHttp: boolean): string | null {
  const problem = webUrlProblem(text);
  if (problem !== null || allowHttp || new URL(text).protocol === 'https:') return problem;
  return 'must begin with https:// (WEBHOOK_ALLOW_HTTP=true allows http://)';
}
