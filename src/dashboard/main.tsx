// Where the page begins.

import { effect } from '@preact/signals';
import { render } from 'preact';
import { followLinks } from './address.ts';
import { refusedAsUnknown } from './api.ts';
import { App } from './app.tsx';
import { identity, recognise } from './identity.ts';
import { listenToKeys } from './parts/keys.tsx';

followLinks();
listenToKeys();
void recognise();

// The token was changed, or the session ended: whoever it is now is found out anew.
effect(() => {
  if (refusedAsUnknown.value > 0 && (identity.peek().kind === 'admin' || identity.peek().kind === 'reader')) {
    void recognise();
  }
});

const page = document.querySelector('#page');
if (page !== null) {
  page.replaceChildren();
  render(<App />, page);
}
