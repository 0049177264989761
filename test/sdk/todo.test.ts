// examples/todo in a real browser: two devices of one user, live and offline.
import {spawn} from 'node:child_process';
import {writeFileSync} from 'node:fs';
import type {AddressInfo} from 'node:net';
import {join} from 'node:path';
import {createInterface} from 'node:readline';
import type {Browser, Page} from 'puppeteer-core';
import t from 'tap';
import {pageServer, setUp} from '../../examples/todo/serve.ts';
import {ensureSdkBuilt, root} from '../../scripts/prepare.mjs';
import {postSql} from '../support/http-client.ts';
import {temporaryFolder} from '../support/temporary-folder.ts';
import {startWadi} from '../support/wadi-server.ts';
import {browserMissing, startBrowser} from './browser.ts';

t.setTimeout(240_000);

const skip = browserMissing();

/** One window: what its user does and sees. */
class Window {
  readonly page: Page;
  readonly faults: string[] = [];

  constructor(page: Page) {
    this.page = page;
    page.on('pageerror', error => this.faults.push(String(error)));
  }

  /** In a browser profile of its own: another device. */
  static async open(browser: Browser, url: string): Promise<Window> {
    const context = await browser.createBrowserContext();
    const window = new Window(await context.newPage());
    await window.page.goto(url);
    return window;
  }

  async add(title: string): Promise<void> {
    await this.page.type('#title', title);
    await this.page.keyboard.press('Enter');
  }

  async #item(title: string): Promise<string> {
    await this.sees(titles => titles.some(each => each.endsWith(title)));
    const index = (await this.titles()).findIndex(each => each.endsWith(title));
    return `#tasks li:nth-child(${index + 1})`;
  }

  async check(title: string): Promise<void> {
    await this.page.click(`${await this.#item(title)} input[type=checkbox]`);
  }

  async remove(title: string): Promise<void> {
    await this.page.click(`${await this.#item(title)} .delete`);
  }

  async rename(title: string, other: string): Promise<void> {
    await this.page.click(`${await this.#item(title)} .text`, {count: 3});
    await this.page.keyboard.type(other);
    await this.page.keyboard.press('Enter');
  }

  /** Titles in order; those of done tasks after `x `. */
  titles(): Promise<string[]> {
    return this.page.$$eval('#tasks li', items =>
      items.map(item => {
        const text = item.querySelector('.text') as unknown as {value: string};
        return `${item.classList.contains('done') ? 'x ' : ''}${text.value}`;
      }),
    );
  }

  async sees(holds: readonly string[] | ((titles: string[]) => boolean)): Promise<void> {
    const test =
      typeof holds === 'function' ? holds : (titles: string[]) => titles.join() === holds.join();
    await until(
      async () => test(await this.titles()),
      async () => String(await this.titles()),
    );
  }

  async status(wanted: string): Promise<void> {
    const read = (): Promise<string> =>
      this.page.$eval('#status', each => (each as unknown as {textContent: string}).textContent);
    await until(async () => (await read()) === wanted, read);
  }
}

async function until(holds: () => Promise<boolean>, tell: () => Promise<string>): Promise<void> {
  const end = Date.now() + 20_000;
  while (!(await holds())) if (Date.now() > end) throw new Error(`waited in vain: ${await tell()}`);
}

t.test('the todo example', {skip}, async t => {
  t.ok(ensureSdkBuilt());
  let wadiUrl = '';
  const pages = pageServer(() => wadiUrl);
  await new Promise<void>(resolve => pages.listen(0, '127.0.0.1', resolve));
  t.teardown(() => void pages.close());
  const pageUrl = `http://127.0.0.1:${(pages.address() as AddressInfo).port}/`;
  const folder = temporaryFolder('todo');
  t.teardown(() => folder.remove());
  const config = join(folder.path, 'wadi.toml');
  writeFileSync(config, `[http]\norigins = ["${new URL(pageUrl).origin}"]\n`);
  const start = (port: string): ReturnType<typeof startWadi> =>
    startWadi({
      dataDir: join(folder.path, 'data'),
      args: ['--config', config, '--http-port', port],
    });
  let server = await start('0');
  t.teardown(() => server.stop());
  wadiUrl = server.httpUrl;
  await setUp(wadiUrl);
  await setUp(wadiUrl);
  const browser = await startBrowser();
  t.teardown(() => browser.close());
  const one = await Window.open(browser, pageUrl);
  const two = await Window.open(browser, pageUrl);

  await t.test('add, edit, check and delete are seen in the other window', async t => {
    await one.status('live');
    await two.status('live');
    await one.add('bread');
    await two.sees(['bread']);
    await two.add('olives');
    await one.sees(['bread', 'olives']);
    await one.rename('olives', 'black olives');
    await two.sees(['bread', 'black olives']);
    await two.check('bread');
    await one.sees(['x bread', 'black olives']);
    await two.remove('bread');
    await one.sees(['black olives']);
    const other = await Window.open(browser, `${pageUrl}?user=bert`);
    await other.status('live');
    t.same(await other.titles(), [], 'another user has tasks of his own');
    await other.page.close();
  });

  await t.test('the server is gone: both go on, and meet when it is back', async t => {
    await server.kill('SIGKILL');
    await one.status('offline');
    await two.status('offline');
    t.same(await one.titles(), ['black olives'], 'rows stay');
    await one.add('milk');
    await one.check('olives');
    await two.add('salt');
    await two.rename('olives', 'green olives');
    await one.sees(['x black olives', 'milk']);
    await two.sees(['green olives', 'salt']);
    await one.status('offline, 2 to send');
    await one.page.reload();
    await one.sees(['x black olives', 'milk']);
    await one.status('offline, 2 to send');
    server = await start(new URL(wadiUrl).port);
    await one.status('live');
    await two.status('live');
    await one.sees(['x green olives', 'milk', 'salt']);
    await two.sees(['x green olives', 'milk', 'salt']);
    const {results} = await postSql(
      wadiUrl,
      'SELECT _user_id, title, done FROM todo.tasks ORDER BY created_at',
    );
    t.same(results[0]?.rows, [
      ['anna', 'green olives', true],
      ['anna', 'milk', false],
      ['anna', 'salt', false],
    ]);
  });

  await t.test('the network is gone', async t => {
    await one.page.setOfflineMode(true);
    await one.status('offline');
    await two.remove('milk');
    await one.remove('salt');
    await one.status('offline, 1 to send');
    await two.sees(['x green olives', 'salt']);
    await one.page.setOfflineMode(false);
    await one.status('live');
    await one.sees(['x green olives']);
    await two.sees(['x green olives']);
    t.same([...one.faults, ...two.faults], []);
  });
});

t.test('npm run example:todo', async t => {
  const folder = temporaryFolder('todo-main');
  t.teardown(() => folder.remove());
  const main = join(root, 'examples', 'todo', 'main.ts');
  const args = ['--port', '0', '--http-port', '0', '--data-dir', folder.path];
  const child = spawn(process.execPath, [main, ...args], {stdio: ['ignore', 'pipe', 'ignore']});
  t.teardown(() => child.kill('SIGKILL'));
  const ended = new Promise<number | null>(resolve => child.on('exit', resolve));
  const url = await new Promise<string>(resolve =>
    createInterface({input: child.stdout}).on('line', line => {
      const match = /^todo ready (\S+)/.exec(line);
      if (match !== null) resolve(match[1]!);
    }),
  );
  for (const [path, pattern] of [
    ['/', /<title>Todo/],
    ['/app.js', /connect/],
    ['/sdk/src/client.js', /export function connect/],
    ['/config.json', /^{"url":"http:/],
  ] as const) {
    const response = await fetch(url + path);
    t.equal(response.status, 200);
    t.match(await response.text(), pattern);
  }
  t.equal((await fetch(`${url}/%2e%2e/serve.ts`)).status, 404);
  child.kill('SIGTERM');
  t.equal(await ended, 0);
});
