// What is added to GraphiQL's page: a bar for a token, for all of its tabs and kept for this tab of the browser alone.

/**
 * Markup, style and script, to stand before GraphiQL's own. A request gets the token unless a tab's own headers say
 * otherwise. sessionStorage ends with the browser's tab; localStorage would keep the token for whoever comes next.
 */
export const tokenBar = `
<style>
  body { display: flex; flex-direction: column; height: 100vh; margin: 0; }
  #root { flex: 1; min-height: 0; height: auto; }
  #token-bar { display: flex; gap: 1em; align-items: center; padding: .4em 1em; font: 14px system-ui, sans-serif; }
  #token-bar input { width: 22em; }
</style>
<div id="token-bar">
  <label for="token">Token</label>
  <input id="token" type="password" autocomplete="off" spellcheck="false" placeholder="admin_token, read_token, or a session's" />
  <button id="forget-token" type="button">Forget</button>
  <span>For all tabs below, until this browser tab is closed. Empty: the session of this browser, if there is one.</span>
</div>
<script>
  {
    const name = 'tidings-token';
    const input = document.getElementById('token');
    input.value = sessionStorage.getItem(name) ?? '';
    const keep = () => {
      if (input.value === '') sessionStorage.removeItem(name);
      else sessionStorage.setItem(name, input.value);
    };
    input.addEventListener('input', keep);
    document.getElementById('forget-token').addEventListener('click', () => {
      input.value = '';
      keep();
    });
    // A tab that can be dragged moves when it is pressed, so that a click ends beside its button.
    let pressed = { button: null, x: 0 };
    addEventListener('pointerdown', ({ target, clientX }) => {
      pressed = { button: target.closest('.graphiql-tab button'), x: clientX };
    }, true);
    addEventListener('click', ({ target, isTrusted, clientX }) => {
      const { button, x } = pressed;
      if (isTrusted && button && !button.contains(target) && Math.abs(clientX - x) < 5) button.click();
    });
    const send = globalThis.fetch.bind(globalThis);
    globalThis.fetch = (resource, init = {}) => {
      const headers = new Headers(init.headers);
      const token = input.value.trim().replace(/^Bearer\\s+/i, '');
      if (token !== '' && !headers.has('authorization')) headers.set('authorization', 'Bearer ' + token);
      return send(resource, { ...init, headers });
    };
  }
</script>
`;
