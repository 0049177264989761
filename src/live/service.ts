import {createHash} from 'node:crypto';
import type {CatalogSnapshot} from '../catalog/contract.ts';
import type {Oid, OwnerId} from '../common/ids.ts';
import type {Storage} from '../storage/contract.ts';
import type {Datum} from '../types/contract.ts';
import {LiveChannels} from './channels.ts';
import {ConsumerGroups} from './consumer-groups.ts';
import {LiveHub} from './hub.ts';
import {ResumeTokens} from './resume-token.ts';

/** What live queries are made with, once per open data directory. */
export interface LiveServiceOptions {
  readonly storage: Storage;
  /** Secret of the data directory: signs resume tokens. */
  readonly secret: Buffer;
  readonly ownerName: (owner: OwnerId) => string;
  /** Microseconds since 2000-01-01 UTC. */
  readonly now: () => bigint;
}

/** Live queries of a data directory: subscriptions and channels. */
export class LiveService {
  readonly hub: LiveHub;
  readonly channels: LiveChannels;
  readonly consumers: ConsumerGroups;

  constructor(options: LiveServiceOptions) {
    const {storage, secret, ownerName, now} = options;
    const epoch = createHash('sha256').update('epoch').update(secret).digest('hex').slice(0, 12);
    this.hub = new LiveHub({storage, tokens: new ResumeTokens(secret, epoch), ownerName, now});
    this.channels = new LiveChannels(this.hub, now);
    this.consumers = new ConsumerGroups(storage, () => Number(now() / 1000n));
  }

  /** Call it in the turn in which a committed change of a database's catalog becomes visible. */
  catalogChanged(databaseOid: Oid, catalog: CatalogSnapshot): void {
    if (this.hub.size > 0) this.hub.catalogChanged(databaseOid, catalog);
  }

  /** Rows of system.live_queries in column order. */
  rows(): readonly (readonly Datum[])[] {
    return this.hub
      .rows()
      .map(row => [
        BigInt(row.id),
        row.name === '' ? null : row.name,
        row.pid,
        row.userName,
        row.surface,
        row.class,
        row.query,
        row.state,
        row.sentSeq,
        row.lag,
        row.changes,
        row.createdAt,
        BigInt(row.resets),
      ]);
  }

  close(): void {
    this.hub.close();
  }
}
