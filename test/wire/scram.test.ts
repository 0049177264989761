import {createHash, createHmac, pbkdf2Sync} from 'node:crypto';
import t from 'tap';
import {
  makeScramVerifier,
  matchesScramVerifier,
  parseScramVerifier,
  saslPrep,
} from '../../src/common/scram.ts';
import {ScramServer} from '../../src/wire/scram-server.ts';

const mockSecret = Buffer.alloc(32, 7);

/** The client's side by the book. */
function clientFinal(
  password: string,
  firstBare: string,
  serverFirst: string,
  gs2 = 'n,,',
): string {
  const fields = new Map(serverFirst.split(',').map(part => [part[0], part.slice(2)]));
  const salt = Buffer.from(fields.get('s') ?? '', 'base64');
  const salted = pbkdf2Sync(password, salt, Number(fields.get('i')), 32, 'sha256');
  const hmac = (key: Buffer, data: string): Buffer =>
    createHmac('sha256', key).update(data).digest();
  const clientKey = hmac(salted, 'Client Key');
  const storedKey = createHash('sha256').update(clientKey).digest();
  const without = `c=${Buffer.from(gs2).toString('base64')},r=${fields.get('r')}`;
  const signature = hmac(storedKey, `${firstBare},${serverFirst},${without}`);
  const proof = clientKey.map((byte, i) => byte ^ signature[i]!);
  return `${without},p=${Buffer.from(proof).toString('base64')}`;
}

t.test('RFC 7677 example', t => {
  const salt = Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64');
  const verifier = parseScramVerifier(makeScramVerifier('pencil', 4096, salt));
  const scram = new ScramServer(
    {user: 'user', verifier, mockSecret},
    '%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0',
  );
  t.equal(
    scram.start('n,,n=user,r=rOprNGfwEbeRWgbNEkqO'),
    'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096',
  );
  t.equal(
    scram.finish(
      'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
    ),
    'v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=',
  );
  t.end();
});

t.test('right, wrong, unknown', t => {
  const verifier = parseScramVerifier(makeScramVerifier('secret'));
  const login = (password: string, known = verifier, gs2 = 'n,,'): string | null => {
    const scram = new ScramServer({user: 'u', verifier: known, mockSecret});
    const bare = 'n=,r=clientnonce';
    return scram.finish(clientFinal(password, bare, scram.start(gs2 + bare), gs2));
  };
  t.match(login('secret'), /^v=/);
  t.match(login('secret', verifier, 'y,,'), /^v=/, 'a client that could bind, without an offer to');
  t.equal(login('wrong'), null);
  t.equal(login('secret', null), null);
  const saltOf = (user: string): string | undefined =>
    new ScramServer({user, verifier: null, mockSecret}).start('n,,n=,r=x').split(',')[1];
  t.equal(saltOf('a'), saltOf('a'), 'an unknown user has a steady salt');
  t.not(saltOf('a'), saltOf('b'));
  t.end();
});

t.test('malformed messages are protocol violations', t => {
  const starts = ['', 'x,,n=,r=a', 'n', 'nn', 'n,,', 'n,,n=', 'n,,m=x,n=,r=a', 'n,,r=a', 'n,x'];
  for (const text of starts) {
    const scram = new ScramServer({user: 'u', verifier: null, mockSecret});
    t.throws(() => scram.start(text), {code: /^(08P01|0A000)$/}, JSON.stringify(text));
  }
  for (const text of ['', 'c=biws', 'c=eSws,r=ax,p=', 'c=biws,r=ax,p=AA==', 'c=biws,r=ay,p=']) {
    const scram = new ScramServer({user: 'u', verifier: null, mockSecret}, 'x');
    scram.start('n,,n=,r=a');
    t.throws(() => scram.finish(text), {code: '08P01'}, JSON.stringify(text));
  }
  t.end();
});

t.test('verifiers', t => {
  const text = makeScramVerifier('pass', 4096, Buffer.from('0123456789abcdef'));
  t.match(text, /^SCRAM-SHA-256\$4096:MDEyMzQ1Njc4OWFiY2RlZg==\$[\w+/]{43}=:[\w+/]{43}=$/);
  const verifier = parseScramVerifier(text)!;
  t.ok(matchesScramVerifier('pass', verifier));
  t.notOk(matchesScramVerifier('Pass', verifier));
  for (const bad of ['', 'md5abc', 'SCRAM-SHA-256$0:AA==$AA==:AA==', text.slice(0, -4)]) {
    t.equal(parseScramVerifier(bad), null, bad);
  }
  t.equal(saslPrep('I\u00adX'), 'IX');
  t.equal(saslPrep('\u00aa'), 'a');
  t.equal(saslPrep('\u2168'), 'IX');
  t.equal(saslPrep('a\u00a0b'), 'a b');
  t.equal(saslPrep('\u0007'), '\u0007', 'what is prohibited stays as it is');
  t.end();
});
