import {checkStorage} from './commands/storage-check.ts';
import {alterStorage, createStorage, dropStorage} from './commands/storage-definition.ts';
import {jsonObject} from './commands/storage-options.ts';
import type {SessionContext} from './session-context.ts';

/** prosrc of the functions about storages: CREATE, ALTER, DROP STORAGE and STORAGE CHECK for drivers and migration tools. */
export const STORAGE_FUNCTIONS: ReadonlySet<string> = new Set([
  'system.create_storage',
  'system.alter_storage',
  'system.drop_storage',
  'system.check_storage',
]);

/** Answers a function about storages; undefined when the prosrc is not one. */
export function storageCall(
  session: SessionContext,
  source: string,
  args: readonly unknown[],
): Promise<boolean | string> | undefined {
  const [name, second, third] = args as readonly string[];
  switch (source) {
    case 'system.create_storage':
      return writing(session, source, async () => {
        const options = Object.entries(jsonObject('options', third!));
        await createStorage(session, {name: name!, type: second!, ifNotExists: false, options});
        return true;
      });
    case 'system.alter_storage':
      return writing(session, source, async () => {
        await alterStorage(session, name!, Object.entries(jsonObject('options', second!)));
        return true;
      });
    case 'system.drop_storage':
      return writing(session, source, () => dropStorage(session, name!, false));
    case 'system.check_storage':
      return checkStorage(session, name!).then(found => found.error?.message ?? 'healthy');
    default:
      return undefined;
  }
}

async function writing<T>(
  session: SessionContext,
  source: string,
  run: () => Promise<T>,
): Promise<T> {
  session.assertWritable(`${source}()`);
  session.transaction.hasRun = true;
  return run();
}
