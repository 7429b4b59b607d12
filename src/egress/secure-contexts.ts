// Whom TLS trusts and what it shows, made once for all connections that share it.

import { type SecureContext, createSecureContext } from 'node:tls';

/** In PEM. `ca` is trusted beside the public authorities and NODE_EXTRA_CA_CERTS; `cert` is shown when asked. */
export type TlsMaterial = { ca?: string; cert?: string; key?: string };

/** Of the material used last; what is forgotten here lives on in its connections. */
const mostKept = 100;

let ofEverybody: SecureContext | undefined;
const kept = new Map<string, SecureContext>();

/** Throws OpenSSL's error for material that it cannot use. */
export function secureContextOf(material: TlsMaterial | null): SecureContext {
  // Made once, since each holds all root certificates.
  if (material === null) return (ofEverybody ??= createSecureContext());
  const name = JSON.stringify([material.ca, material.cert, material.key]);
  const context = kept.get(name) ?? makeContext(material);
  kept.delete(name);
  kept.set(name, context);
  if (kept.size > mostKept) kept.delete(kept.keys().next().value!);
  return context;
}

function makeContext({ ca, cert, key }: TlsMaterial): SecureContext {
  // Whatever certificate the operator names is trusted, also one that another authority signed.
  const context = createSecureContext({ cert, key, allowPartialTrustChain: ca !== undefined });
  // The option `ca` would replace the public authorities. To list them all there takes 1.2 MiB and up to 100 ms each time; this
  // adds to a copy of the list that OpenSSL shares.
  const ofOpenssl = context.context as { addCACert(pem: string): void };
  if (ca !== undefined) ofOpenssl.addCACert(ca);
  return context;
}

/** Whether a connection made by the one serves the other. */
export function isSameMaterial(one: TlsMaterial | null, other: TlsMaterial | null): boolean {
  return one?.ca === other?.ca && one?.cert === other?.cert && one?.key === other?.key;
}
