import {existsSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import type {Browser, HTTPRequest, Page} from 'puppeteer-core';
import {ensureSdkBuilt, root} from '../../scripts/prepare.mjs';
import type {Commit} from '../../sdk/src/change-stream.ts';
import type {SavedRows} from '../../sdk/src/row-set.ts';
import {type Change, Feed} from './chat-feed.ts';
import type {Subscriber} from './chat-subscribers.ts';
import {passwordOf, type World} from './chat-world.ts';

const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** The browser of this machine, or none. */
export async function openBrowser(): Promise<Browser | null> {
  const executablePath = CHROMIUM.find(path => existsSync(path));
  if (executablePath === undefined) return null;
  if (!ensureSdkBuilt()) throw new Error('the client library does not compile');
  const {default: puppeteer} = await import('puppeteer-core');
  return puppeteer.launch({executablePath, headless: true, args: ['--no-sandbox']});
}

interface Message {
  readonly id: string;
  readonly role: string;
  readonly content: string;
}

/** What the page tells: a commit, that everything was told up to a commit, or what went wrong. */
interface Told {
  readonly commit?: Commit<Message>;
  readonly liveAt?: string;
  readonly columns?: SavedRows['columns'];
  readonly problem?: string;
}

const OPS: Readonly<Record<string, Change['op']>> = {insert: '+', update: '~', delete: '-'};

/** What the page runs: the client library, one live query, every commit of it. */
const script = (options: object, sql: string, saved: SavedRows | null): string => `
  import {connect} from '/sdk/src/client.js';
  const tell = message => window.told(JSON.stringify(message));
  const db = connect({url: location.origin, ...${JSON.stringify(options)}});
  const live = db.live(${JSON.stringify(sql)}, [], undefined, {saved: ${JSON.stringify(saved)}});
  const commits = live.changes();
  live.ready.then(
    () => tell({liveAt: live.seq, columns: live.columns}),
    error => tell({problem: String(error)}),
  );
  try {
    for await (const commit of commits) tell({commit, columns: live.columns});
  } catch (error) {
    tell({problem: String(error)});
  }`;

/** A page of a browser with the client library. */
export class BrowserSubscriber implements Subscriber {
  readonly feed = new Feed('browser');
  readonly #browser: Browser;
  readonly #user: string;
  readonly #sql: string;
  #page: Page | null = null;
  #isLive: () => void = () => undefined;
  /** The rows as the library saves them: those of the commits that were told. */
  readonly #raw = new Map<string, SavedRows['rows'][number]>();
  #columns: SavedRows['columns'] = [];
  #isFirst = true;

  constructor(browser: Browser, user: string, sql: string) {
    this.#browser = browser;
    this.#user = user;
    this.#sql = sql;
  }

  async start(world: World): Promise<void> {
    const page = await this.#browser.newPage();
    this.#page = page;
    this.#isFirst = true;
    await page.exposeFunction('told', (text: string) => {
      if (page === this.#page) this.#take(JSON.parse(text) as Told);
    });
    await page.setRequestInterception(true);
    page.on('request', answer);
    page.on('pageerror', error => this.feed.problem(String(error)));
    // Any page of the server has the right origin.
    await page.goto(`${world.server.httpUrl}/health`);
    const saved = this.#saved();
    if (saved !== null) this.feed.resumed += 1;
    const live = new Promise<void>(resolve => (this.#isLive = resolve));
    const options = {user: this.#user, password: passwordOf(this.#user)};
    await page.addScriptTag({type: 'module', content: script(options, this.#sql, saved)});
    await live;
  }

  #saved(): SavedRows | null {
    const {token, seq} = this.feed;
    if (token === null) return null;
    return {
      token,
      seq: String(seq),
      columns: this.#columns,
      order: null,
      rows: [...this.#raw.values()],
    };
  }

  #take({commit, liveAt, columns, problem}: Told): void {
    if (columns !== undefined) this.#columns = columns;
    if (problem !== undefined) {
      this.feed.problem(problem);
      this.#isLive();
    }
    if (commit !== undefined) this.#commit(commit);
    if (liveAt === undefined) return;
    this.feed.at(liveAt, null);
    this.#isLive();
  }

  #commit({kind, seq, token, changes}: Commit<Message>): void {
    const isFirst = this.#isFirst;
    this.#isFirst = false;
    if (kind === 'snapshot') {
      // What was saved, or nothing: rows before the first of the storm are not in the query.
      if (!isFirst || changes.length !== this.#raw.size)
        this.feed.problem(`${changes.length} rows anew at ${seq}`);
      return this.feed.at(seq, token);
    }
    const told: Change[] = [];
    for (const change of changes) {
      const key = change.key as SavedRows['rows'][number][0];
      const text = JSON.stringify(key);
      if (change.op === 'delete') this.#raw.delete(text);
      else
        this.#raw.set(text, [
          key,
          this.#columns.map(({name}) => change.row[name as keyof Message]),
        ]);
      const {role = '', content = ''} = change.op === 'delete' ? {} : change.row;
      told.push({op: OPS[change.op]!, id: String(key[0]), role, content});
    }
    this.feed.commit(seq, told, token);
  }

  async cut(): Promise<void> {
    const page = this.#page;
    this.#page = null;
    await page?.close();
  }
}

/** The library's modules as if the server had them; everything else goes to the server. */
function answer(request: HTTPRequest): void {
  const {pathname} = new URL(request.url());
  if (!pathname.startsWith('/sdk/')) {
    void request.continue();
    return;
  }
  const body = readFileSync(join(root, 'sdk', 'dist', pathname.slice(5)), 'utf8');
  void request.respond({contentType: 'text/javascript', body});
}
