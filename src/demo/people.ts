// The people whom the demo's provider knows.

import type { Account } from './openid-provider.ts';

export const hedy = { sub: 'hedy', name: 'Hedy Lamarr', email: 'hedy@example.com', email_verified: true };
export const joan = { sub: 'joan', name: 'Joan Clarke', email: 'joan@example.com', email_verified: true };

export const people: readonly Account[] = [hedy, joan];
