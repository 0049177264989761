import {readFileSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {fileURLToPath} from 'node:url';

/** A client-visible error as a fixture keeps it. */
export interface FixtureError {
  readonly code: string;
  readonly message: string;
  readonly detail?: string;
  readonly hint?: string;
  readonly where?: string;
}

/** One text of a type with what PostgreSQL made of it. */
export interface FixtureCase {
  readonly text: string;
  readonly output?: string;
  readonly binary?: string;
  readonly rank?: number;
  readonly error?: FixtureError;
}

/** All cases of one type. */
export interface TypeFixture {
  readonly type: string;
  readonly typmod: number;
  readonly isUnordered: boolean;
  readonly cases: readonly FixtureCase[];
}

/** Parsed contents of a checked-in fixture file; the caller names its shape. */
export function loadFixture<T>(name: string): T {
  const folder = join(dirname(fileURLToPath(import.meta.url)), 'fixtures');
  return JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8')) as T;
}
