// By what people can sign in, as the service wrote it into the page.

export type Provider = { id: string; name: string };

export const providers: readonly Provider[] = [
  ...document.querySelectorAll<HTMLMetaElement>('meta[name="provider"]'),
].map(({ content, dataset }) => ({ id: content, name: dataset['name'] ?? content }));
