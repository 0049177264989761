import {randomBytes} from 'node:crypto';
import {closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync} from 'node:fs';
import {join} from 'node:path';
import {ResumeTokens} from './resume-token.ts';

const FILE = 'live.key';
const SECRET_BYTES = 32;
const EPOCH_BYTES = 8;

/** The signer of a data directory: its secret and the name of its history lie in a file of its own, made at first use. */
export function openResumeTokens(dataDir: string): ResumeTokens {
  const path = join(dataDir, FILE);
  let content: Buffer;
  try {
    content = readFileSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    content = randomBytes(SECRET_BYTES + EPOCH_BYTES);
    writeWhole(path, content);
  }
  if (content.length !== SECRET_BYTES + EPOCH_BYTES) throw new Error(`${path} is damaged: delete it, and all live subscriptions start over`);
  return new ResumeTokens(content.subarray(0, SECRET_BYTES), content.subarray(SECRET_BYTES).toString('hex'));
}

function writeWhole(path: string, content: Buffer): void {
  const temporary = `${path}.new`;
  const file = openSync(temporary, 'w', 0o600);
  try {
    writeSync(file, content);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(temporary, path);
}
