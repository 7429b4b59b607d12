// Finds secrets that are not what somebody meant to store. No sentence contains the value.

/** About any secret; null where it may be meant as it is. */
export function doubtAboutSecret(value: string): string | null {
  if (value.startsWith('\uFEFF')) {
    return 'the secret begins with a byte order mark, which an editor has added, and which counts; store it without';
  }
  if (/^\s|\s$/.test(value)) {
    return 'the secret begins or ends with a blank or a line break, which counts (of a file one line break at the end does not); remove it';
  }
  if (/^(["']).*\1$/s.test(value)) return 'the secret is in quotes, which count; remove them';
  return null;
}

/** About a secret that signs. */
export function doubtAboutSigningSecret(value: string): string | null {
  const doubt = doubtAboutSecret(value);
  if (doubt !== null) return doubt;
  const prefix = value.startsWith('v1,') ? ['v1,', 'whsec_'] : value.startsWith('v1a,') ? ['v1a,', 'whsk_'] : null;
  if (prefix) return `the secret begins with "${prefix[0]}", as signatures do; it should begin with ${prefix[1]}`;
  if (value.startsWith('whpk_')) {
    return 'the secret begins with whpk_, as a public key does, which cannot sign; the secret key begins with whsk_';
  }
  if (/^(whsec|whsk)[_-]/i.test(value) && !/^(whsec|whsk)_/.test(value)) {
    return 'the secret almost begins with whsec_ or whsk_, so its characters are the key; write that in small letters, with "_"';
  }
  if (/.(whsec|whsk)_/.test(value)) {
    return 'the secret holds whsec_ or whsk_, and does not begin with it, so all its characters are the key; remove what comes before';
  }
  if (value.includes('-----BEGIN ')) {
    return 'the secret is a PEM file, whose characters would be the key; an ed25519 key is written as whsk_ and base64';
  }
  return null;
}
