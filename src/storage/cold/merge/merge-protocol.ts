import type {MergeJob, MergeOutcome} from './merge-job.ts';
import type {TypeSpec} from './type-specs.ts';

/** What the thread that merges is told: one file. */
export interface MergeRequest {
  readonly id: number;
  readonly job: MergeJob;
  /** Of the job's indexes. */
  readonly types: readonly TypeSpec[];
}

/** What it answers. After `failed` and `stopped` its file is removed. */
export type MergeReply =
  | {readonly kind: 'done'; readonly id: number; readonly outcome: MergeOutcome}
  | {readonly kind: 'stopped'; readonly id: number}
  | {
      readonly kind: 'failed';
      readonly id: number;
      /** SQLSTATE, or null for what is no error of files. */
      readonly code: string | null;
      readonly message: string;
    };
