import {loadFixture} from './load-fixture.ts';

/** One type's inputs: texts to read, the type's SQL spelling and typmod, and whether the type has no order. */
export interface FixtureInput {
  readonly type: string;
  /** SQL spelling when it is not the type's name: `varchar(5)`. */
  readonly sql?: string;
  readonly typmod?: number;
  readonly texts: readonly string[];
  readonly isUnordered?: boolean;
}

/** Inputs by fixture file, as kept in fixtures/inputs.json. */
export const fixtureInputs: Readonly<Record<string, readonly FixtureInput[]>> =
  loadFixture('inputs');
