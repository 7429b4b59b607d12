// Takes the port early in a start, so that a start without one changes nothing; requests wait until there is an answer.

import { type Http, type HttpOptions, openHttp } from './server.ts';

export type Listener = Http & {
  /** Answers the requests that wait, and all that follow. */
  serve(app: HttpOptions['app']): void;
};

/** Rejects with a sentence when it cannot listen on the address. */
export async function openListener(
  address: Pick<HttpOptions, 'host' | 'port' | 'setting' | 'trustProxy' | 'limits'>,
): Promise<Listener> {
  const { promise: served, resolve: serve } = Promise.withResolvers<HttpOptions['app']>();
  const app: HttpOptions['app'] = {
    fetch: async (request, environment) => await (await served).fetch(request, environment),
  };
  return { ...(await openHttp({ ...address, app })), serve };
}
