import type {Engine} from '../engine.ts';
import {type ManifestChange, NO_MANIFEST_CHANGE} from './commit-unit.ts';

/** Forgets intents whose work failed. When even that cannot be committed, as on a full disk, the next start does it. */
export async function giveUp(engine: Engine, doneIntents: readonly number[]): Promise<void> {
  await submit(engine, {doneIntents}).catch((error: unknown) =>
    engine.logger.warn(`intents ${doneIntents.join(', ')} stay listed: ${String(error)}`),
  );
}

/** Commits a change of the manifest and waits until it is durable. The change is queued before the first wait. */
export async function submit(engine: Engine, change: Partial<ManifestChange>): Promise<void> {
  const {commits, durability} = engine;
  const seq = await new Promise<number>((resolve, reject) => {
    commits.enqueue(
      {
        tables: [],
        bulk: [],
        ddl: [],
        sequences: [],
        manifest: {...NO_MANIFEST_CHANGE, ...change},
        applied: resolve,
        failed: reject,
      },
      false,
    );
  });
  await durability.whenDurable(seq);
}
