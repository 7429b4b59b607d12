// The storage of oidc-provider, in memory.

import type { Adapter, AdapterPayload } from 'oidc-provider';

/** `clients` is read each time, so that a client may get its redirect URIs after the start. */
export function memoryAdapter(clients: ReadonlyMap<string, AdapterPayload>): (model: string) => Adapter {
  const records = new Map<string, AdapterPayload>();

  return (model) => {
    const key = (id: string) => `${model}:${id}`;
    const search = (field: 'uid' | 'userCode', value: string) =>
      [...records].find(([id, record]) => id.startsWith(`${model}:`) && record[field] === value)?.[1];
    return {
      upsert: async (id, payload) => void records.set(key(id), payload),
      find: async (id) => (model === 'Client' ? clients.get(id) : records.get(key(id))),
      findByUid: async (uid) => search('uid', uid),
      findByUserCode: async (userCode) => search('userCode', userCode),
      consume: async (id) => {
        const record = records.get(key(id));
        if (record) record.consumed = Math.floor(Date.now() / 1000);
      },
      destroy: async (id) => void records.delete(key(id)),
      revokeByGrantId: async (grantId) => {
        for (const [id, record] of records) if (record.grantId === grantId) records.delete(id);
      },
    };
  };
}
