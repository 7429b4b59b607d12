// Opens each connection as the URL asks: with TLS, without, or the one when the other is refused.
//
// pg (8.23) knows TLS or none. Of libpq's modes `prefer` tries TLS first and `allow` tries it last, so a connection has a
// list of ways, and takes the next when Postgres refuses one: by its answer to the request for TLS, by a failed handshake,
// or by an error of pg_hba.conf. pg's own code does the rest, and nothing of this is left once the connection is ready.

import { Socket } from 'node:net';
import type { PostgresAddress } from './postgres-url.ts';
import { cannotHonour, tlsOptions } from './postgres-tls.ts';

type Way = 'tls' | 'plain';

/** What pg has, as far as it is used here. */
type Connection = {
  stream: Socket;
  ssl: object | false;
  sslNegotiation: string;
  _ending: boolean;
  connect(port: number | string, host?: string): void;
  requestSsl(): void;
  attachListeners(stream: Socket): void;
  emit(name: string, message?: unknown): boolean;
  on(name: 'error', listener: () => void): unknown;
};
type Client = { connection: Connection; ssl: boolean; sslNegotiation: string };
export type ClientPool = { Client: new (options: object) => Client };

/** No access by pg_hba.conf for this kind of connection. */
const refusedByHba = '28000';

/** For `driverOptions.onPoolCreated`: each client of the pool connects as the address says. */
export function connectAs(address: PostgresAddress, pool: ClientPool): void {
  const { Client } = pool;
  pool.Client = class extends Client {
    constructor(options: object) {
      super(options);
      const { connection } = this;
      // pg would leave it open when it gives up by itself, as without a password, and Postgres waits a minute for it.
      connection.on('error', () => connection.stream.destroy());
      negotiate(this, address);
      if (address.channelBinding === 'require') requireChannelBinding(connection);
      if (address.session !== 'any') requireSession(connection, address.session);
    }
  };
}

function waysOf({ host, sslMode }: PostgresAddress): Way[] {
  if (sslMode === 'disable' || host.startsWith('/')) return ['plain'];
  if (sslMode === 'prefer') return ['tls', 'plain'];
  return sslMode === 'allow' ? ['plain', 'tls'] : ['tls'];
}

function negotiate(client: Client, address: PostgresAddress): void {
  const { connection } = client;
  const left = waysOf(address);
  if (left.length === 1 && left[0] === 'plain') return;
  const [connect, requestSsl, emit] = [connection.connect, connection.requestSsl, connection.emit].map((own) =>
    own.bind(connection),
  ) as [Connection['connect'], Connection['requestSsl'], Connection['emit']];
  let way = left.shift();
  let target: [number | string, string?] = [0];
  let isShakingHands = false;
  let forget = () => {};

  // The client asks for TLS, and the connection decides whether to pass that on.
  client.ssl = true;
  client.sslNegotiation = connection.sslNegotiation = address.tls.direct ? 'direct' : 'postgres';

  function open(): void {
    isShakingHands = false;
    try {
      connection.ssl = way === 'tls' && tlsOptions(address);
    } catch (error) {
      process.nextTick(() => emit('error', error));
      return;
    }
    const { stream } = connection;
    connect(...target);
    if (way === 'tls' && left[0] === 'plain') takeNo(stream);
    const closing = stream.listeners('close') as (() => void)[];
    forget = () => {
      for (const listener of closing) stream.off('close', listener);
      for (const one of new Set([stream, connection.stream])) {
        one.removeAllListeners('data').removeAllListeners('error');
        one.on('error', () => {}).destroy();
      }
    };
  }

  /** Postgres has no TLS: the connection goes on without. */
  function takeNo(stream: Socket): void {
    const [judge] = stream.listeners('data') as ((answer: Buffer) => void)[];
    stream.removeAllListeners('data').once('data', (answer: Buffer) => {
      if (answer.toString() !== 'N') return judge!(answer);
      way = left.shift();
      connection.attachListeners(stream);
      connection.emit('sslconnect');
    });
  }

  function tryNext(): boolean {
    forget();
    way = left.shift();
    connection.stream = new Socket();
    open();
    return true;
  }

  connection.connect = (port, host) => {
    target = [port, host];
    open();
  };
  connection.requestSsl = () => void (way === 'tls' ? requestSsl() : connection.emit('sslconnect'));
  connection.emit = (name, message) => {
    const canTryNext = left.length > 0 && !connection._ending;
    if (canTryNext && name === 'errorMessage' && (message as { code?: string }).code === refusedByHba) return tryNext();
    if (canTryNext && name === 'error' && isShakingHands) return tryNext();
    if (name === 'sslconnect') isShakingHands = way === 'tls';
    else if (name === 'errorMessage' || name.startsWith('authentication')) isShakingHands = false;
    if (name === 'readyForQuery') connection.emit = emit;
    return emit(name, message);
  };
}

/** Ends a connection on which the server does not prove by its certificate that it knows the password, before any is sent. */
function requireChannelBinding(connection: Connection): void {
  const emit = connection.emit.bind(connection);
  let [isOffered, isProved] = [false, false];
  connection.emit = (name, message) => {
    if (name === 'authenticationSASL') {
      isOffered = (message as { mechanisms: string[] }).mechanisms.includes('SCRAM-SHA-256-PLUS');
    }
    isProved ||= name === 'authenticationSASLFinal' && isOffered;
    const isRight = name === 'authenticationOk' ? isProved : name.startsWith('authenticationSASL') && isOffered;
    if (name.startsWith('authentication') && !isRight) {
      return emit('error', cannotHonour('channel_binding=require: Postgres offers none on this connection'));
    }
    if (name === 'readyForQuery') connection.emit = emit;
    return emit(name, message);
  };
}

/** Postgres 14 and newer say at each connection whether it can write. */
function requireSession(connection: Connection, wanted: 'read-write' | 'primary'): void {
  const emit = connection.emit.bind(connection);
  const said = new Map<string, string>();
  connection.emit = (name, message) => {
    if (name === 'parameterStatus') {
      const { parameterName, parameterValue } = message as { parameterName: string; parameterValue: string };
      said.set(parameterName, parameterValue);
    }
    if (name === 'readyForQuery') {
      connection.emit = emit;
      const names = ['in_hot_standby', ...(wanted === 'read-write' ? ['default_transaction_read_only'] : [])];
      if (!names.every((one) => said.get(one) === 'off')) {
        return emit('error', cannotHonour(`target_session_attrs=${wanted}: the server does not say that it is one`));
      }
    }
    return emit(name, message);
  };
}
