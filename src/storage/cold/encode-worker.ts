import {closeSync, fsyncSync, openSync, unlinkSync, writeSync} from 'node:fs';
import {parentPort} from 'node:worker_threads';
import {injectFault, writableBytes} from '../failpoint.ts';
import type {EncodeReply, EncodeRequest} from './encode-protocol.ts';
import {PageSink} from './page-sink.ts';
import {SegmentEncoder} from './segment-encoder.ts';

/** A file being written by this thread. */
interface Job {
  readonly path: string;
  readonly file: number;
  readonly encoder: SegmentEncoder;
}

const port = parentPort;
if (port === null) throw new Error('the encoder runs in a worker thread');
const jobs = new Map<number, Job>();
port.on('message', (request: EncodeRequest) => {
  port.postMessage(answer(request));
});

function answer(request: EncodeRequest): EncodeReply {
  const {job} = request;
  try {
    switch (request.kind) {
      case 'open':
        open(request);
        return {kind: 'done', job, result: null};
      case 'group': {
        const {encoder} = jobOf(job);
        for (const _page of encoder.group(request.columns)) continue;
        return {kind: 'done', job, result: null};
      }
      case 'finish': {
        const {encoder, file} = jobOf(job);
        const result = encoder.finish();
        injectFault('segment-sync');
        fsyncSync(file);
        closeSync(file);
        jobs.delete(job);
        return {kind: 'done', job, result};
      }
      case 'abort':
        drop(job);
        return {kind: 'done', job, result: null};
    }
  } catch (error) {
    drop(job);
    const {code, message} = error as NodeJS.ErrnoException;
    return {kind: 'failed', job, code: code ?? '', message};
  }
}

function open(request: EncodeRequest & {readonly kind: 'open'}): void {
  const file = openSync(request.path, 'wx');
  const sink = new PageSink(parts => {
    for (const part of parts) writeFully(file, part);
  });
  const encoder = new SegmentEncoder(request.plans, request.metadata, sink);
  jobs.set(request.job, {path: request.path, file, encoder});
}

function jobOf(id: number): Job {
  const job = jobs.get(id);
  if (job === undefined) throw new Error('the file could not be created or has failed');
  return job;
}

function drop(id: number): void {
  const job = jobs.get(id);
  if (job === undefined) return;
  jobs.delete(id);
  closeSync(job.file);
  unlinkSync(job.path);
}

function writeFully(file: number, bytes: Uint8Array): void {
  let at = 0;
  while (at < bytes.length) at += writeSync(file, bytes, at, writableBytes(bytes.length - at));
}
