// The page: what stands around every view, and which view it shows.

import { useEffect } from 'preact/hooks';
import { home, view } from './address.ts';
import { identity, signOut } from './identity.ts';
import { notice } from './notices.ts';
import { Confirm } from './parts/confirm.tsx';
import { Keys } from './parts/keys.tsx';
import { Title } from './parts/part.tsx';
import type { View } from './routing.ts';
import { SignIn } from './sign-in.tsx';
import { DeliveriesView } from './views/deliveries.tsx';
import { DeliveryView } from './views/delivery.tsx';
import { EndpointView } from './views/endpoint.tsx';
import { EndpointsView } from './views/endpoints.tsx';
import { EventTypeView } from './views/event-type.tsx';
import { EventTypesView } from './views/event-types.tsx';
import { EventView } from './views/event.tsx';
import { EventsView } from './views/events.tsx';
import { LiveView } from './views/live.tsx';
import { PublishView } from './views/publish.tsx';
import { ServiceView } from './views/service.tsx';
import { UserView } from './views/user.tsx';
import { UsersView } from './views/users.tsx';

const links = [
  ['endpoints', 'Endpoints', 'endpoint'],
  ['live', 'Live', null],
  ['deliveries', 'Deliveries', 'delivery'],
  ['events', 'Events', 'event'],
  ['users', 'Users', 'user'],
  ['publish', 'Publish', null],
  ['service', 'Service', null],
  ['event-types', 'Event types', 'event-type'],
] as const;

export function App() {
  const who = identity.value;
  const shown = view.value;
  const isIn = who.kind === 'reader' || who.kind === 'admin';
  useEffect(() => {
    const one = 'id' in shown ? ` ${shown.id}` : '';
    document.title = `${isIn ? `${titleOf(shown)}${one}` : 'Sign in'} · Tidings`;
  }, [shown, isIn]);
  return (
    <>
      <a class="skip" href={home} rel="external" onClick={skip}>
        To the content
      </a>
      <header>
        <strong class="name">Tidings</strong>
        {isIn ? <Links shown={shown} /> : null}
        {isIn ? <Who name={who.name} isReader={who.kind === 'reader'} /> : null}
      </header>
      <main id="content" tabIndex={-1}>
        {who.kind === 'unknown' ? <p class="awaited">Asking who you are …</p> : null}
        {who.kind === 'stranger' ? <SignIn why={who.why} /> : null}
        {isIn ? <Shown of={shown} /> : null}
      </main>
      <footer>
        <span>All times are UTC.</span>
        {isIn ? <Keys /> : null}
        <a rel="external" href="graphiql">
          GraphiQL
        </a>
        <a rel="external" href="account">
          Your account
        </a>
      </footer>
      <Said />
      <Confirm />
    </>
  );
}

function titleOf({ name }: View): string {
  return links.find(([path, , one]) => path === name || one === name)?.[1] ?? 'Not found';
}

/** A link within the page would lead to the page's base. */
function skip(event: Event): void {
  event.preventDefault();
  document.querySelector<HTMLElement>('#content')?.focus();
}

function Links({ shown: { name } }: { shown: View }) {
  return (
    <nav class="views" aria-label="Views">
      {links.map(([path, word, one]) => (
        <a key={path} href={path} aria-current={path === name ? 'page' : one === name ? 'true' : undefined}>
          {word}
        </a>
      ))}
    </nav>
  );
}

function Who({ name, isReader }: { name: string; isReader: boolean }) {
  return (
    <div class="who">
      <span>{isReader ? 'Read only' : name}</span>
      <button type="button" class="plain" onClick={() => void signOut()}>
        Sign out
      </button>
    </div>
  );
}

function Shown({ of }: { of: View }) {
  switch (of.name) {
    case 'endpoints':
      return <EndpointsView />;
    case 'endpoint':
      return <EndpointView key={of.id} id={of.id} />;
    case 'live':
      return <LiveView />;
    case 'deliveries':
      return <DeliveriesView />;
    case 'delivery':
      return <DeliveryView key={of.id} id={of.id} />;
    case 'events':
      return <EventsView />;
    case 'event':
      return <EventView key={of.id} id={of.id} />;
    case 'users':
      return <UsersView />;
    case 'user':
      return <UserView key={of.id} id={of.id} />;
    case 'publish':
      return <PublishView />;
    case 'service':
      return <ServiceView />;
    case 'event-types':
      return <EventTypesView />;
    case 'event-type':
      return <EventTypeView key={of.id} type={of.id} />;
    case 'nowhere':
  }
  return (
    <>
      <Title>Not found</Title>
      <p class="empty">No view has this address. The links above lead to all of them.</p>
    </>
  );
}

/** What was done is said politely, what failed at once. */
function Said() {
  const said = notice.value;
  return (
    <div class="notices">
      <div role="status">{said?.kind === 'done' ? <p class="done">{said.text}</p> : null}</div>
      <div role="alert">
        {said?.kind === 'failed' ? (
          <p class="failed">
            {said.text}
            <button type="button" class="plain" onClick={() => (notice.value = null)}>
              Close
            </button>
          </p>
        ) : null}
      </div>
    </div>
  );
}
