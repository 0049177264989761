import type {ColumnData, ColumnPlan} from './column-plan.ts';
import type {EncodedSegment} from './segment-encoder.ts';

/** What the encoder thread is told. A job is one file. */
export type EncodeRequest =
  | {
      readonly kind: 'open';
      readonly job: number;
      readonly path: string;
      readonly plans: readonly ColumnPlan[];
      readonly metadata: Readonly<Record<string, string>>;
    }
  | {readonly kind: 'group'; readonly job: number; readonly columns: readonly ColumnData[]}
  | {readonly kind: 'finish'; readonly job: number}
  | {readonly kind: 'abort'; readonly job: number};

/** What it answers to each request, in order. After `failed` the job is over and its file removed. */
export type EncodeReply =
  | {readonly kind: 'done'; readonly job: number; readonly result: EncodedSegment | null}
  | {
      readonly kind: 'failed';
      readonly job: number;
      readonly code: string;
      readonly message: string;
    };
