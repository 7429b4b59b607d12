// Whose processes listen at a port of this machine: a token goes to nobody else.

import { readFile } from 'node:fs/promises';

/** Linux's number of a socket that listens (tcp_states.h). */
const listening = '0A';

/** The users of all that listen at this TCP port, at whatever address; null where the system does not say. */
export async function listenersAt(port: number): Promise<Set<number> | null> {
  const tables = await Promise.all(
    ['tcp', 'tcp6'].map((name) => readFile(`/proc/net/${name}`, 'utf8').catch(() => null)),
  );
  if (tables[0] === null) return null;
  const users = new Set<number>();
  for (const line of tables.flatMap((table) => table?.split('\n').slice(1) ?? [])) {
    // https://docs.kernel.org/networking/proc_net_tcp.html
    const [, local, , state, , , , user] = line.trim().split(/\s+/);
    if (state === listening && Number.parseInt(local!.split(':')[1]!, 16) === port) users.add(Number(user));
  }
  return users;
}
