// What sign-in needs of an OAuth provider, of either protocol.

/** Who came back from a provider. */
export type Identity = {
  /** The provider's id in config/oauth.yaml. */
  provider: string;
  /** The provider's name for this person, 1 to 255 characters. Identity is (provider, subject). */
  subject: string;
  /** As the provider gives it; null when it gives none that a user may have, or says that it is not verified. */
  email: string | null;
  displayName: string | null;
  avatarUrl: string | null;
};

/** Made when a sign-in begins, and needed to finish it. */
export type BegunSignIn = {
  state: string;
  /** OpenID Connect Core 1.0, section 3.1.2.1. */
  nonce: string;
  /** RFC 7636, section 4.1; its S256 challenge goes to the provider. */
  codeVerifier: string;
  redirectUri: string;
};

/**
 * How the answer came: through the REST shim, as the provider sent it, or by a program that was given only `code` and
 * `state`. A program's answer may lack the `iss` that the provider promises (RFC 9207), because the state is bound to
 * this provider, which has a redirect URI of its own (RFC 9700 section 4.4.2.2).
 */
export type Entrance = 'shim' | 'program';

export type Provider = {
  id: string;
  /** Where to send the browser. Throws Refusal UNAVAILABLE when the provider cannot be asked for its endpoints. */
  authorizationUrl(begun: BegunSignIn): Promise<URL>;
  /**
   * Exchanges the code of the provider's answer (`code`, `state`, `iss`, `error` … as they came to the redirect URI)
   * for who it is about. Throws Refusal BAD_USER_INPUT when the answer is not accepted, UNAVAILABLE when the
   * provider fails; neither holds anything that the provider wrote but its error code. Answers within 20 s.
   */
  identify(answer: URLSearchParams, begun: BegunSignIn, entrance: Entrance): Promise<Identity>;
};

export type NamedProvider = Provider & {
  /** What people read. */
  name: string;
};
