import type {Oid} from '../common/ids.ts';
import type {
  CatalogPort,
  ClockPort,
  EvalContext,
  ExternPort,
  RandomPort,
  RepeatPort,
  SequencePort,
  SessionPort,
  SettingsPort,
} from '../functions/contract.ts';
import type {FormatSettings, TypeLookup} from '../types/contract.ts';
import type {SessionContext} from './session-context.ts';

/** Does synchronous work while the session is another role; what throws leaves the role as it was. */
export function inRole<T>(session: SessionContext, role: Oid, work: () => T): T {
  const before = session.currentRole;
  session.currentRole = role;
  try {
    return work();
  } finally {
    session.currentRole = before;
  }
}

/** What a SECURITY DEFINER function's expressions see of the world: its owner is current_user, and his rights count. */
export class RoleContext implements EvalContext {
  readonly #base: EvalContext;
  readonly session: SessionPort;
  readonly sequences: SequencePort;
  readonly settings: SettingsPort;
  readonly catalog: CatalogPort;
  readonly extern: ExternPort;
  readonly repeat?: RepeatPort;

  constructor(base: EvalContext, session: SessionContext, role: Oid) {
    this.#base = base;
    const as = <T>(work: () => T): T => inRole(session, role, work);
    const {sequences, settings} = base;
    this.session = {...base.session, currentUser: () => as(() => base.session.currentUser())};
    this.sequences = {
      nextval: sequence => as(() => sequences.nextval(sequence)),
      currval: sequence => as(() => sequences.currval(sequence)),
      setval: (sequence, value, isCalled) => as(() => sequences.setval(sequence, value, isCalled)),
      lastval: () => as(() => sequences.lastval()),
    };
    this.settings = {
      get: name => settings.get(name),
      set: (name, value, isLocal) => as(() => settings.set(name, value, isLocal)),
    };
    this.catalog = {call: (source, args) => as(() => base.catalog.call(source, args))};
    if (base.repeat !== undefined) this.repeat = base.repeat;
    this.extern = {call: (source, args) => as(() => base.extern.call(source, args))};
  }

  as(role: number): EvalContext {
    return this.#base.as?.(role) ?? this;
  }

  get format(): FormatSettings {
    return this.#base.format;
  }

  get types(): TypeLookup {
    return this.#base.types;
  }

  get clock(): ClockPort {
    return this.#base.clock;
  }

  get random(): RandomPort {
    return this.#base.random;
  }
}
