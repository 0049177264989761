import {createCatalogPort, createNameResolver} from '../../catalog/info-functions.ts';
import type {InfoContext} from '../../catalog/info/context.ts';
import type {RelationDescriptor} from '../../catalog/descriptors.ts';
import type {Oid} from '../../common/ids.ts';
import type {CatalogPort} from '../../functions/contract.ts';
import type {Datum, NameResolver} from '../../types/contract.ts';
import {viewUpdatable} from '../commands/view-uses.ts';
import {visibleBytes} from '../owner-visibility.ts';
import {tempSchemaName} from '../search-path.ts';
import type {SessionContext} from '../session-context.ts';

/** Catalog information functions and reg* names over the session's snapshot and search path. */
export class CatalogFunctions implements CatalogPort, NameResolver {
  readonly #session: SessionContext;
  readonly #port: CatalogPort;
  readonly #names: NameResolver;

  constructor(session: SessionContext) {
    this.#session = session;
    this.#port = createCatalogPort(() => this.context());
    this.#names = createNameResolver(() => ({
      snapshot: session.transaction.catalog,
      searchPath: session.searchPath(),
    }));
  }

  call(source: string, args: readonly Datum[]): Datum {
    return this.#port.call(source, args);
  }

  regIn(typeName: string, text: string): number {
    return this.#names.regIn(typeName, text);
  }

  regOut(typeName: string, value: number): string {
    return this.#names.regOut(typeName, value);
  }

  /** What the catalog's functions may know of the session. */
  context(): InfoContext {
    const session = this.#session;
    const {catalog} = session.transaction;
    const {storage, storages} = session.engine;
    return {
      snapshot: catalog,
      searchPath: session.searchPath(),
      currentRole: session.currentRole,
      tempSchema: catalog.schemaByName(tempSchemaName(session.pid))?.oid ?? (0 as Oid),
      relationSize: relation => {
        const table = catalog.tableByOid(relation);
        if (table === undefined) return pagesOf(catalog.relationByOid(relation)?.kind);
        return pages(visibleBytes(session, catalog, table));
      },
      databaseSize: database => {
        let bytes = 0n;
        const measured =
          database === catalog.databaseOid ? catalog : session.engine.catalog(database);
        for (const table of measured.tables()) {
          const stats = storage.tableStats(storages.of(measured, table));
          bytes += BigInt(stats.hotBytes + stats.coldBytes);
        }
        return bytes;
      },
      sequenceLastValue: sequence => {
        const state = storage.sequenceState(sequence);
        return state === undefined || !state.isCalled ? null : state.lastValue;
      },
      updatableColumns: view => viewUpdatable(session, view),
    };
  }
}

const PAGE = 8192n;

/** Sizes are whole pages, as PostgreSQL's are: clients divide them by block_size. */
function pages(bytes: bigint): bigint {
  return ((bytes + PAGE - 1n) / PAGE) * PAGE;
}

/** One page of 8 kB for an index or a sequence, as PostgreSQL has at least; a catalog also has its maps of free space and visibility. */
function pagesOf(kind: RelationDescriptor['kind'] | undefined): bigint {
  if (kind === 'index' || kind === 'sequence') return PAGE;
  return kind === 'systemRelation' ? 49_152n : 0n;
}
