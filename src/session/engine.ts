import type {CatalogChange, CatalogSnapshot, RuntimeFacts, SystemRelations} from '../catalog/contract.ts';
import type {Oid} from '../common/ids.ts';
import type {FactoryCache} from '../expr/factory-cache.ts';
import type {FunctionLibrary} from '../functions/contract.ts';
import type {BindCache} from '../sql/contract.ts';
import type {SqlParser} from '../sql/parse/parser.ts';
import type {Storage} from '../storage/contract.ts';
import type {LiveService} from '../live/service.ts';
import type {NotifyHub} from './notify-hub.ts';
import type {PlanCache} from '../sql/plan/plan-cache.ts';
import type {PlanEntry} from './plan-store.ts';
import type {SettingDefinitions} from './settings.ts';
import type {TableStorages} from './table-storages.ts';
import type {WadiSession} from './wadi-session.ts';

/** What a logger must offer; pino fits. */
export interface SessionLogger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** What all sessions of a process share; made by the composition root. */
export interface Engine {
  readonly storage: Storage;
  readonly storages: TableStorages;
  readonly library: FunctionLibrary;
  readonly parser: SqlParser;
  readonly factories: FactoryCache;
  readonly plans: PlanCache<PlanEntry>;
  readonly bindCache: BindCache;
  readonly systemRelations: SystemRelations;
  readonly notifications: NotifyHub;
  /** Subscriptions and live channels. */
  readonly live: LiveService;
  readonly settingDefinitions: SettingDefinitions;
  readonly settingDefaults: ReadonlyMap<string, string>;
  readonly sessions: Map<number, WadiSession>;
  readonly logger: SessionLogger;
  /** Microseconds since 2000-01-01 UTC. */
  readonly startedAt: bigint;
  readonly spillDir: string;
  /** Full text of version(). */
  readonly versionText: string;
  /** Test mode: PAUSE before every next. */
  readonly injectsPauses: boolean;
  readonly extensions: EngineExtensions;
  /** Newest committed catalog of a database. */
  catalog(databaseOid: Oid): CatalogSnapshot;
  /** Checks changes against the newest catalog; throws on a name clash. Called right before the commit that carries them. */
  checkCatalogChanges(databaseOid: Oid, changes: readonly CatalogChange[]): void;
  /** Makes committed changes visible: called in the turn in which their commit was applied. */
  publishCatalogChanges(databaseOid: Oid, changes: readonly CatalogChange[]): void;
  /** Facts about what runs, as this session may see them. */
  factsFor(session: WadiSession): RuntimeFacts;
  /** Cleans up after a session: its temporary objects, its subscriptions. */
  sessionEnded(session: WadiSession): Promise<void>;
}

/** What layers beside the session add: live queries, jobs. */
export interface EngineExtensions {
  /** Functions of upper layers by prosrc (system.flush ...). Undefined = unknown. */
  call(session: WadiSession, source: string, args: readonly unknown[]): unknown;
  /** 42501 when the session may not LISTEN on a reserved channel. */
  checkListen(session: WadiSession, channel: string): void;
}
