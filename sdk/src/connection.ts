import {asWadiError, SqlState, WadiError} from './errors.ts';
import {COUNTED, type ServerMessage, utf8Length} from './protocol.ts';

/** Whether the server can be reached now. `closed` is final: by close(), or because it refuses us. */
export type ConnectionState = 'connecting' | 'online' | 'offline' | 'closed';

/** Gives a token that is good now; it is called for every connection, and again before a token ends. */
export type TokenSource = () => string | Promise<string>;

/** Who connects, where to. */
export interface ConnectionOptions {
  /** `ws://localhost:5480`, `https://db.example`: with or without path; `/ws` is its default. */
  readonly url: string;
  readonly user?: string;
  readonly password?: string;
  readonly token?: string;
  readonly getToken?: TokenSource;
  readonly database?: string;
  /** Bytes that the server may send unread: 4096 to 16777216. Default 262144. */
  readonly window?: number;
  /** Delay between attempts in milliseconds: doubled each time from `min` to `max`, less a random part. Default 250, 30000. */
  readonly backoff?: {readonly min: number; readonly max: number};
  /** Milliseconds of silence after which the server is asked whether it is there. Default 20000. */
  readonly pingInterval?: number;
}

/** What the connection tells its owner. */
export interface ConnectionEvents {
  /** A new connection is welcome: everything that is open is to be asked for again. */
  onOnline(): void;
  /** The connection is gone; another will follow unless the state is `closed`. */
  onLost(error: WadiError): void;
  onMessage(message: ServerMessage): void;
  onState(state: ConnectionState): void;
}

const defaultWindow = 262_144;
const answerLimitMs = 10_000;
/** The same, when the browser says that the network has changed. */
const hintedLimitMs = 2_000;
/** A connection that lasted so long ends the row of attempts. */
const stableMs = 5_000;
const maxTimerMs = 0x7fff_ffff;

type Timer = ReturnType<typeof setTimeout>;

/** One WebSocket after another to the same server: hello, credit, renewal of the token, heartbeat, back-off. */
export class Connection {
  state: ConnectionState = 'connecting';
  /** Why it is offline or closed. */
  error: WadiError | null = null;
  readonly #options: ConnectionOptions;
  readonly #events: ConnectionEvents;
  readonly #window: number;
  /** What is under way or open; null while it waits for the next attempt. */
  #attempt: object | null = null;
  #socket: WebSocket | null = null;
  #isWelcome = false;
  #attempts = 0;
  /** Attempts in a row that were refused for who we are. */
  #refusals = 0;
  #refusal: WadiError | null = null;
  #retryTimer: Timer | undefined;
  #pingTimer: Timer | undefined;
  #renewTimer: Timer | undefined;
  #received = 0;
  #acknowledged = 0;
  #welcomeAt = 0;
  readonly #endpoint: string;

  constructor(options: ConnectionOptions, events: ConnectionEvents) {
    this.#options = options;
    this.#events = events;
    this.#endpoint = endpoint(options.url);
    this.#window = options.window ?? defaultWindow;
    listenToNetwork('addEventListener', this);
  }

  /** Begins, or tries again at once when it waits for the next attempt. */
  open(): void {
    if (this.state === 'closed' || this.#attempt !== null) return;
    clearTimeout(this.#retryTimer);
    void this.#connect();
  }

  /** Ends it for good. */
  close(error: WadiError | null = null): void {
    if (this.state === 'closed') return;
    listenToNetwork('removeEventListener', this);
    clearTimeout(this.#retryTimer);
    const closed = error ?? lost('the client is closed', SqlState.connectionDoesNotExist);
    this.#drop(closed, 'closed');
  }

  /** Sends a request; false when there is no connection now. */
  send(text: string): boolean {
    if (!this.#isWelcome || this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(text);
    return true;
  }

  /** `online` and `offline` of the browser: a hint only, a server on this machine may be there without any network. */
  handleEvent(event: {readonly type: string}): void {
    if (event.type === 'online') this.open();
    this.#ping(hintedLimitMs);
  }

  async #connect(): Promise<void> {
    const attempt = {};
    this.#attempt = attempt;
    this.#received = 0;
    this.#acknowledged = 0;
    this.#refusal = null;
    if (this.#attempts > 0) this.#setState('connecting');
    try {
      // First who we are: the server does not wait long for it.
      const credentials = await this.#credentials();
      if (this.#attempt === attempt) this.#openSocket(credentials);
    } catch (error) {
      if (this.#attempt === attempt) this.#failed(asWadiError(error), 0);
    }
  }

  /** Throws when a page over https may not connect without TLS. */
  #openSocket(credentials: object): void {
    const socket = new WebSocket(this.#endpoint, 'wadi.v1');
    this.#socket = socket;
    this.#expectAnswer(answerLimitMs);
    const {database} = this.#options;
    const hello = {type: 'hello', ...credentials, window: this.#window};
    socket.addEventListener('open', () =>
      socket.send(JSON.stringify(database === undefined ? hello : {...hello, database})),
    );
    socket.addEventListener('message', event => this.#onData(socket, String(event.data)));
    socket.addEventListener('close', ({code, reason}) => {
      if (this.#socket !== socket) return;
      const why = reason === '' ? `connection closed (${code})` : reason;
      this.#failed(this.#refusal ?? lost(why), code);
    });
    socket.addEventListener('error', () => undefined);
  }

  async #credentials(): Promise<object> {
    const {token, getToken, user, password} = this.#options;
    if (getToken !== undefined) return {token: await getToken()};
    if (token !== undefined) return {token};
    if (user === undefined) return {};
    return password === undefined ? {user} : {user, password};
  }

  // --- what comes

  #onData(socket: WebSocket, text: string): void {
    if (this.#socket !== socket) return;
    const message = JSON.parse(text) as ServerMessage;
    this.#listen();
    switch (message.type) {
      case 'welcome':
        this.#welcome(message.expires);
        return;
      case 'auth':
        this.#renewAt(message.expires);
        return;
      case 'bye':
      case 'pong':
        return;
      case 'error':
        if (message.id !== undefined) break;
        if (!this.#isWelcome || message.error.code === SqlState.protocolViolation)
          this.#refusal = new WadiError(message.error);
        return;
      default:
    }
    try {
      this.#events.onMessage(message);
    } finally {
      if (COUNTED.has(message.type)) this.#workedOff(utf8Length(text));
    }
  }

  #workedOff(bytes: number): void {
    this.#received += bytes;
    if (this.#received - this.#acknowledged < this.#window / 4) return;
    if (this.send(`{"type":"ack","bytes":${this.#received}}`)) this.#acknowledged = this.#received;
  }

  #welcome(expires: string | null): void {
    this.#isWelcome = true;
    this.#welcomeAt = Date.now();
    this.#refusals = 0;
    this.error = null;
    this.#renewAt(expires);
    this.#setState('online');
    this.#events.onOnline();
  }

  // --- the token

  #renewAt(expires: string | null): void {
    clearTimeout(this.#renewTimer);
    if (expires === null || this.#options.getToken === undefined) return;
    const left = Date.parse(expires) - Date.now();
    // A clock that is ahead of the server's must not make it ask all the time.
    const delay = left <= 0 ? 60_000 : Math.max(500, left * 0.75);
    this.#renewTimer = setTimeout(() => void this.#renew(expires), Math.min(delay, maxTimerMs));
  }

  async #renew(expires: string): Promise<void> {
    const socket = this.#socket;
    try {
      const token = await this.#options.getToken!();
      if (this.#socket === socket) this.send(JSON.stringify({type: 'auth', token}));
    } catch {
      // The old token still counts: another attempt before it ends.
    }
    // Unless an answer moves it.
    if (this.#socket === socket) this.#renewAt(expires);
  }

  // --- whether it is there

  /** Something came: silence is counted from now. */
  #listen(): void {
    clearTimeout(this.#pingTimer);
    this.#pingTimer = setTimeout(
      () => this.#ping(answerLimitMs),
      this.#options.pingInterval ?? 20_000,
    );
    unref(this.#pingTimer);
  }

  #ping(limitMs: number): void {
    if (this.send('{"type":"ping"}')) this.#expectAnswer(limitMs);
  }

  #expectAnswer(limitMs: number): void {
    clearTimeout(this.#pingTimer);
    const socket = this.#socket;
    this.#pingTimer = setTimeout(() => {
      if (this.#socket === socket) this.#retry(lost('the server does not answer'));
    }, limitMs);
  }

  // --- the end of a socket

  #failed(error: WadiError, code: number): void {
    if (this.#isRefused(error, code)) this.close(error);
    else this.#retry(error);
  }

  /** Whether another attempt with what we have is of no use. A new token is worth one attempt. */
  #isRefused(error: WadiError, code: number): boolean {
    if (code === 4003) return this.#options.getToken === undefined;
    // A message that breaks the protocol would do so again.
    if (error.code === SqlState.protocolViolation) return true;
    if (!/^(28|3D)/.test(error.code)) return false;
    return this.#options.getToken === undefined || ++this.#refusals > 1;
  }

  #retry(error: WadiError): void {
    if (this.#isWelcome && Date.now() - this.#welcomeAt > stableMs) this.#attempts = 0;
    this.#drop(error, 'offline');
    // Who hears of it may have closed the client.
    if (this.state !== 'offline') return;
    const {min, max} = this.#options.backoff ?? {min: 250, max: 30_000};
    const delay = Math.min(max, min * 2 ** Math.min(this.#attempts++, 30));
    this.#retryTimer = setTimeout(() => this.open(), delay * (0.5 + Math.random() / 2));
  }

  #drop(error: WadiError, state: 'offline' | 'closed'): void {
    const socket = this.#socket;
    this.#socket = null;
    this.#attempt = null;
    this.#isWelcome = false;
    this.error = error;
    clearTimeout(this.#pingTimer);
    clearTimeout(this.#renewTimer);
    // Closing one that was never open is an error in some browsers' consoles only.
    socket?.close();
    this.#setState(state);
    this.#events.onLost(error);
  }

  #setState(state: ConnectionState): void {
    if (this.state === state) return;
    this.state = state;
    this.#events.onState(state);
  }
}

function lost(message: string, code: string = SqlState.connectionFailure): WadiError {
  return new WadiError({code, message});
}

/** The WebSocket address of a server that may be given as http, with or without path. */
function endpoint(text: string): string {
  const url = new URL(text.replace(/^http/, 'ws'));
  if (url.pathname === '/') url.pathname = '/ws';
  return url.href;
}

/** Timers that only watch do not keep a Node process alive. */
function unref(timer: Timer): void {
  if (typeof timer === 'object' && 'unref' in timer) timer.unref();
}

function listenToNetwork(
  verb: 'addEventListener' | 'removeEventListener',
  listener: {handleEvent(event: {readonly type: string}): void},
): void {
  const target = globalThis as unknown as Partial<
    Record<typeof verb, (type: string, listener: object) => void>
  >;
  for (const type of ['online', 'offline']) target[verb]?.(type, listener);
}
