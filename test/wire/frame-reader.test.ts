import t from 'tap';
import {Frame, FrameReader} from '../../src/wire/frame-reader.ts';
import {SASL_LIMITS, SESSION_LIMITS} from '../../src/wire/protocol.ts';

function frame(type: string, size: number, fill = 1): Buffer {
  const bytes = Buffer.alloc(size + 5, fill);
  bytes.write(type, 0, 'latin1');
  bytes.writeInt32BE(size + 4, 1);
  return bytes;
}

/** All messages that the chunks give, as [type, body]. */
function read(chunks: readonly Buffer[]): [string, string][] {
  const reader = new FrameReader();
  const found: [string, string][] = [];
  for (const chunk of chunks) {
    reader.push(Buffer.from(chunk));
    while (reader.next(SESSION_LIMITS) === Frame.message) {
      const body = reader.buffer.subarray(reader.bodyStart, reader.bodyEnd);
      found.push([String.fromCharCode(reader.type), body.toString('hex')]);
    }
  }
  return found;
}

t.test('every cut in two and in three gives the same messages', t => {
  const stream = Buffer.concat([frame('Q', 3, 7), frame('S', 0), frame('B', 9, 2), frame('d', 1)]);
  const expected = read([stream]);
  t.equal(expected.length, 4);
  for (let i = 0; i <= stream.length; i++) {
    for (let j = i; j <= stream.length; j++) {
      const cut = [stream.subarray(0, i), stream.subarray(i, j), stream.subarray(j)];
      const same = JSON.stringify(read(cut.filter(chunk => chunk.length > 0)));
      if (same !== JSON.stringify(expected)) t.fail(`cut at ${i} and ${j}`);
    }
  }
  t.end();
});

t.test('bodies that were handed out are not overwritten', t => {
  const reader = new FrameReader();
  const bodies: Buffer[] = [];
  for (let i = 0; i < 200; i++) {
    const bytes = frame('d', 700, i);
    for (const part of [bytes.subarray(0, 300), bytes.subarray(300)]) {
      reader.push(Buffer.from(part));
      while (reader.next(SESSION_LIMITS) === Frame.message) {
        bodies.push(reader.buffer.subarray(reader.bodyStart, reader.bodyEnd));
      }
    }
  }
  t.equal(bodies.length, 200);
  t.ok(bodies.every((body, i) => body.length === 700 && body.every(byte => byte === i)));
  t.end();
});

t.test('room grows with what arrives, not with what is declared', t => {
  const reader = new FrameReader();
  const head = Buffer.from([0x64, 0x3f, 0xff, 0xff, 0xff]);
  reader.push(head);
  t.equal(reader.next(SESSION_LIMITS), Frame.incomplete);
  for (let i = 0; i < 40; i++) reader.push(Buffer.alloc(65_536));
  t.equal(reader.next(SESSION_LIMITS), Frame.incomplete);
  t.ok(reader.buffer.length < 8 * 1024 * 1024, `${reader.buffer.length} bytes of room`);
  t.end();
});

t.test('limits', t => {
  const result = (bytes: Buffer, limits = SESSION_LIMITS): number => {
    const reader = new FrameReader();
    reader.push(bytes);
    return reader.next(limits);
  };
  const head = (type: string, length: number): Buffer => {
    const bytes = frame(type, 0);
    bytes.writeInt32BE(length, 1);
    return bytes;
  };
  t.equal(result(head('S', 3)), Frame.badLength);
  t.equal(result(head('S', -1)), Frame.badLength);
  t.equal(result(head('S', 10_001)), Frame.badLength);
  t.equal(result(head('S', 10_000)), Frame.incomplete);
  t.equal(result(head('B', 0x4000_0000)), Frame.badLength);
  t.equal(result(head('B', 0x3fff_ffff)), Frame.incomplete);
  t.equal(result(Buffer.from('y')), Frame.unknownType);
  t.equal(result(Buffer.from('Q'), SASL_LIMITS), Frame.unknownType);
  t.equal(result(head('p', 1028), SASL_LIMITS), Frame.incomplete);
  t.equal(result(head('p', 1029), SASL_LIMITS), Frame.badLength);
  const startup = (length: number): number => {
    const reader = new FrameReader();
    const bytes = Buffer.alloc(8);
    bytes.writeInt32BE(length);
    reader.push(bytes);
    return reader.nextStartup();
  };
  t.equal(startup(7), Frame.badLength);
  t.equal(startup(8), Frame.message);
  t.equal(startup(10_000), Frame.incomplete);
  t.equal(startup(10_001), Frame.badLength);
  t.end();
});
