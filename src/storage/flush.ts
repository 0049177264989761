import {featureNotSupported} from '../common/errors.ts';
import type {OwnerId} from '../common/ids.ts';
import type {FlushResult, TableStorage} from './contract.ts';
import type {Engine} from './engine.ts';

/** Moves rows of tables to segments. */
export class Flusher {
  readonly #engine: Engine;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  async flush(table: TableStorage, _owner: OwnerId | null): Promise<FlushResult> {
    throw featureNotSupported(`flush of table "${table.name}" in ${this.#engine.dataDir}`);
  }

  async compact(table: TableStorage): Promise<FlushResult> {
    throw featureNotSupported(`compaction of table "${table.name}"`);
  }

  async close(): Promise<void> {}
}
