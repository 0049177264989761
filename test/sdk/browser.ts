import {existsSync} from 'node:fs';
import puppeteer, {type Browser} from 'puppeteer-core';

const places = [
  ...['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'],
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];

/** Why tests in a browser are skipped; false when there is one. WADI_CHROMIUM names one that is elsewhere. */
export function browserMissing(): string | false {
  return executable() === undefined ? 'no Chromium: apt-get install chromium' : false;
}

/** Starts a headless browser of its own. */
export function startBrowser(): Promise<Browser> {
  return puppeteer.launch({
    executablePath: executable()!,
    headless: true,
    // As root, and in containers, there is no sandbox and little shared memory.
    args: ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu'],
  });
}

function executable(): string | undefined {
  return [process.env['WADI_CHROMIUM'] ?? '', ...places].find(
    path => path !== '' && existsSync(path),
  );
}
