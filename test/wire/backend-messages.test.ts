import {Readable} from 'node:stream';
import {parse} from 'pg-protocol';
import t from 'tap';
import {ByteWriter} from '../../src/common/byte-writer.ts';
import {PgError} from '../../src/common/errors.ts';
import {
  Bodiless,
  writeAuthentication,
  writeBackendKeyData,
  writeBodiless,
  writeCommandComplete,
  writeCopyData,
  writeCopyResponse,
  writeNotification,
  writeParameterDescription,
  writeParameterStatus,
  writeReadyForQuery,
  writeRowDescription,
  writeSaslMechanisms,
} from '../../src/wire/backend-messages.ts';
import {writeError, writeNotice} from '../../src/wire/error-message.ts';

/** What an independent decoder reads. */
async function decoded(write: (out: ByteWriter) => void): Promise<object[]> {
  const out = new ByteWriter(16);
  write(out);
  const found: object[] = [];
  await parse(Readable.from([out.take()]), message => found.push({...message}));
  return found;
}

const field = {
  ...{name: 'é', tableOid: 4_000_000_000, attnum: -1, typeOid: 23},
  ...{typeLength: -1, typmod: -1, format: 1},
};

t.test('pg-protocol reads what is written', async t => {
  const cases: [string, (out: ByteWriter) => void, object][] = [
    ['parseComplete', out => writeBodiless(out, Bodiless.parseComplete), {}],
    ['bindComplete', out => writeBodiless(out, Bodiless.bindComplete), {}],
    ['closeComplete', out => writeBodiless(out, Bodiless.closeComplete), {}],
    ['noData', out => writeBodiless(out, Bodiless.noData), {}],
    ['portalSuspended', out => writeBodiless(out, Bodiless.portalSuspended), {}],
    ['emptyQuery', out => writeBodiless(out, Bodiless.emptyQuery), {}],
    ['copyDone', out => writeBodiless(out, Bodiless.copyDone), {}],
    ['readyForQuery', out => writeReadyForQuery(out, 'T'), {status: 'T', length: 5}],
    ['commandComplete', out => writeCommandComplete(out, 'INSERT 0 1'), {text: 'INSERT 0 1'}],
    ['authenticationOk', out => writeAuthentication(out, 0), {}],
    [
      'authenticationSASL',
      out => writeSaslMechanisms(out, ['SCRAM-SHA-256']),
      {mechanisms: ['SCRAM-SHA-256']},
    ],
    [
      'parameterStatus',
      out => writeParameterStatus(out, 'TimeZone', 'UTC'),
      {parameterName: 'TimeZone', parameterValue: 'UTC'},
    ],
    [
      'backendKeyData',
      out => writeBackendKeyData(out, 77, Buffer.from([0, 0, 1, 0])),
      {processID: 77, secretKey: 256},
    ],
    [
      'parameterDescription',
      out => writeParameterDescription(out, [25, 23]),
      {parameterCount: 2, dataTypeIDs: [25, 23]},
    ],
    [
      'notification',
      out => writeNotification(out, 9, 'ch', 'pé'),
      {processId: 9, channel: 'ch', payload: 'pé'},
    ],
    ['copyInResponse', out => writeCopyResponse(out, 'G', true, 2), {columnTypes: [1, 1]}],
    ['copyOutResponse', out => writeCopyResponse(out, 'H', false, 1), {columnTypes: [0]}],
    ['copyData', out => writeCopyData(out, Buffer.from('abc')), {chunk: Buffer.from('abc')}],
    [
      'rowDescription',
      out => writeRowDescription(out, [field]),
      {
        fieldCount: 1,
        fields: [{name: 'é', columnID: -1, dataTypeID: 23, dataTypeModifier: -1, format: 'binary'}],
      },
    ],
    [
      'error',
      out => writeError(out, new PgError('22012', 'division by zero', {position: 8})),
      {code: '22012', severity: 'ERROR', position: '8'},
    ],
    [
      'notice',
      out => writeNotice(out, {severity: 'NOTICE', code: '00000', message: 'hi', fields: {}}),
      {code: '00000', severity: 'NOTICE'},
    ],
  ];
  for (const [name, write, expected] of cases) {
    const [message, ...more] = await decoded(write);
    t.match(message, {...expected, name}, name);
    t.equal(more.length, 0);
  }
});
