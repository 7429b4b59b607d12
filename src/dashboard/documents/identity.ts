// What the page asks to find out who looks at it.

import { doc } from '../doc.ts';

export type Me = { id: string; email: string | null; displayName: string | null; role: 'USER' | 'ADMIN' };

export const meDocument = doc<{ me: Me | null }>(`
  query Me { me { id email displayName role } }
`);

export const logoutDocument = doc<object>(`
  mutation Logout { logout }
`);

export const mayLookDocument = doc<object>(`
  query MayLook { webhookEvents(first: 0) { pageInfo { hasNextPage } } }
`);

export const mayChangeDocument = doc<object>(`
  mutation MayChange { resumeWebhookEndpoint(id: "") { id } }
`);
