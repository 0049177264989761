// sdk/react in a real browser, in StrictMode with React's development build.
import {readFileSync, writeFileSync} from 'node:fs';
import {createServer} from 'node:http';
import {createRequire} from 'node:module';
import type {AddressInfo} from 'node:net';
import {join} from 'node:path';
import t from 'tap';
import {createElement} from 'react';
import {renderToString} from 'react-dom/server';
import {useLive, WadiProvider} from '../../sdk/react/use-live.ts';
import {type Client, connect} from '../../sdk/src/client.ts';
import {ensureSdkBuilt, root} from '../../scripts/prepare.mjs';
import {postSql} from '../support/http-client.ts';
import {temporaryFolder} from '../support/temporary-folder.ts';
import {startWadi} from '../support/wadi-server.ts';
import {browserMissing, startBrowser} from './browser.ts';

t.setTimeout(240_000);

const require = createRequire(import.meta.url);
const libraries: Readonly<Record<string, string>> = {
  react: 'react/cjs/react.development.js',
  'react-dom': 'react-dom/cjs/react-dom.development.js',
  'react-dom/client': 'react-dom/cjs/react-dom-client.development.js',
  scheduler: 'scheduler/cjs/scheduler.development.js',
};

/** React for a page without a bundler: CommonJS files behind a `require`, and modules that take their names from it. */
function vendorScript(): string {
  const modules = Object.entries(libraries).map(([name, path]) => {
    const source = readFileSync(join(root, 'node_modules', path), 'utf8');
    return `${JSON.stringify(name)}: (module, exports, require) => {${source}\n}`;
  });
  return `window.process = {env: {NODE_ENV: 'development'}};
    const sources = {${modules.join(',\n')}};
    const loaded = {};
    window.require = name => {
      if (loaded[name] === undefined) {
        const module = {exports: {}};
        loaded[name] = module;
        sources[name](module, module.exports, window.require);
      }
      return loaded[name].exports;
    };`;
}

function moduleScript(name: string): string {
  const names = Object.keys(require(name) as object).filter(each => /^[a-z]\w*$/i.test(each));
  return `export const {${names.join()}} = window.require(${JSON.stringify(name)});`;
}

t.test('useLive', {skip: browserMissing()}, async t => {
  t.ok(ensureSdkBuilt());
  let wadiUrl = '';
  const pages = createServer((request, response) => {
    const path = request.url ?? '/';
    const type =
      path === '/' ? 'text/html' : path === '/config.json' ? 'text/plain' : 'text/javascript';
    response.setHeader('content-type', type);
    if (path === '/')
      response.end(readFileSync(join(import.meta.dirname, 'fixtures', 'react-page.html')));
    else if (path === '/config.json') response.end(JSON.stringify({url: wadiUrl}));
    else if (path === '/vendor.js') response.end(vendorScript());
    else if (path.startsWith('/module/')) response.end(moduleScript(path.slice('/module/'.length)));
    else if (path.startsWith('/sdk/'))
      response.end(readFileSync(join(root, 'sdk', 'dist', path.slice(5))));
    else response.end();
  });
  await new Promise<void>(resolve => pages.listen(0, '127.0.0.1', resolve));
  t.teardown(() => void pages.close());
  const pageUrl = `http://127.0.0.1:${(pages.address() as AddressInfo).port}`;
  const folder = temporaryFolder('react');
  t.teardown(() => folder.remove());
  const config = join(folder.path, 'wadi.toml');
  writeFileSync(config, `[http]\norigins = ["${pageUrl}"]\n`);
  const server = await startWadi({args: ['--config', config]});
  t.teardown(() => server.stop());
  wadiUrl = server.httpUrl;
  const run = async (sql: string): Promise<readonly (readonly unknown[])[]> => {
    const {error, results} = await postSql(wadiUrl, sql);
    if (error !== undefined) throw new Error(error.message);
    return results[0]?.rows ?? [];
  };
  await run(`CREATE TABLE msgs (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, room int, body text);
    INSERT INTO msgs (room, body) VALUES (1, 'a'), (2, 'b'), (1, 'c')`);

  const browser = await startBrowser();
  t.teardown(() => browser.close());
  const page = await browser.newPage();
  const faults: string[] = [];
  page.on('pageerror', error => faults.push(String(error)));
  page.on('console', message => {
    if (message.type() === 'error') faults.push(message.text());
  });
  await page.goto(pageUrl);
  /** Both lists show this, in this state. */
  const shows = (state: string, ...bodies: string[]): Promise<unknown> => {
    const wanted = [state, ...bodies].join();
    const own = `[...document.querySelectorAll('.room')].map(l => [l.dataset.state, ...[...l.children].map(i => i.textContent)].join())`;
    return page.waitForFunction(
      `(lists => lists.length === 2 && lists.every(each => each === ${JSON.stringify(wanted)}))(${own})`,
    );
  };
  const subscriptions = async (count: number): Promise<void> => {
    while (Number((await run('SELECT count(*) FROM system.live_queries'))[0]?.[0]) !== count);
  };

  await shows('live', 'a', 'c');
  await subscriptions(1);
  t.pass('two components in StrictMode share one subscription');
  await run(`INSERT INTO msgs (room, body) VALUES (1, 'd'), (2, 'e')`);
  await shows('live', 'a', 'c', 'd');
  const before = await page.evaluate('window.renders.count');
  await run(`UPDATE msgs SET body = 'f' WHERE body = 'e'`);
  await page.click('#write');
  await shows('live', 'a', 'c', 'd', 'written');
  const after = Number(await page.evaluate('window.renders.count')) - Number(before);
  t.equal(after, 4, 'one commit is one rendering of each, doubled by StrictMode; others are none');
  await page.click('#next');
  await shows('live', 'b', 'f');
  await subscriptions(1);
  await page.click('#toggle');
  await subscriptions(0);
  await page.click('#toggle');
  await shows('live', 'b', 'f');
  t.equal(
    await page.$eval('#connection', each => (each as unknown as {textContent: string}).textContent),
    'online',
  );
  await page.click('#none');
  await shows('loading');
  await subscriptions(0);
  t.same(faults, []);
});

t.test('rendering on a server', t => {
  const Count = (): string => {
    const {rows, state} = useLive('SELECT 1');
    return `${state} ${rows.length}`;
  };
  const client: Client = connect({url: 'http://127.0.0.1:9', user: 'nobody'});
  const text = renderToString(createElement(WadiProvider, {client}, createElement(Count)));
  client.close();
  t.equal(text, 'loading 0');
  t.throws(() => renderToString(createElement(Count)), /WadiProvider/);
  t.end();
});
