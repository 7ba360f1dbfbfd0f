import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  describeConninfo,
  type Environment,
  parseConninfo,
  redactConninfo,
  withDatabase,
} from '../../../src/db/conninfo.js';
import { ReplicateError } from '../../../src/errors/replicate-error.js';

const ENVIRONMENT: Environment = { USER: 'ann', HOME: '/nonexistent' };

function parse(text: string, environment: Environment = {}) {
  return parseConninfo(text, { ...ENVIRONMENT, ...environment });
}

function messageOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    expect(error).toBeInstanceOf(ReplicateError);
    expect((error as ReplicateError).code).toBe('PC103');
    return (error as ReplicateError).message;
  }
  throw new Error('nothing was thrown');
}

describe('keyword/value form', () => {
  test('every part is read', () => {
    expect(parse('host=old port=6432 dbname=myapp user=postgres password=x connect_timeout=3')).toMatchObject(
      {
        host: 'old',
        port: 6432,
        database: 'myapp',
        user: 'postgres',
        password: 'x',
        connectTimeoutMs: 3000,
      },
    );
  });

  test('spaces may stand around "=" and anywhere between', () => {
    expect(parse('  host = old\n\tport= 1  dbname =d ')).toMatchObject({
      host: 'old',
      port: 1,
      database: 'd',
    });
  });

  test('a quoted value keeps spaces, quotes and backslashes', () => {
    expect(parse(String.raw`host=h password='a b\'c\\d;e#f' dbname=x`).password).toBe(
      String.raw`a b'c\d;e#f`,
    );
  });

  test('a backslash keeps the next character of a value without quotes', () => {
    expect(parse(String.raw`host=h password=a\ b\\c`).password).toBe(String.raw`a b\c`);
  });

  test('the last value of a keyword counts', () => {
    expect(parse('host=a host=b').host).toBe('b');
  });

  test('any password survives when it is quoted', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), (password) => {
        const quoted = password.replaceAll(/['\\]/g, '\\$&');
        expect(parse(`host=h password='${quoted}' dbname=d`).password).toBe(password);
      }),
    );
  });

  test.each([
    ['host', 'at its start'],
    ['=x', 'at its start'],
    ['host=a secret', 'after the value of "host"'],
    ["password='abc", 'no closing quote after "password="'],
    ['hots=a', 'unknown keyword "hots"'],
    ['host=a,b', 'several hosts in "host"'],
    ['host=a port=1,2', 'several hosts in "port"'],
    ['host=a port=70000', 'port=70000'],
    ['host=a port=x', 'port=x'],
    ['host=a sslmode=maybe', 'sslmode=maybe'],
    ['host=a channel_binding=require', 'channel_binding=require is not supported'],
  ])('%s is refused', (text, part) => {
    expect(messageOf(() => parse(text))).toContain(part);
  });

  test('no error shows a part of a password that was not quoted', () => {
    expect(messageOf(() => parse('host=a password=top secret'))).not.toContain('secret');
  });

  test('keepalives, target_session_attrs and names of the application are accepted', () => {
    expect(
      parse('host=h keepalives=1 keepalives_idle=5 target_session_attrs=read-write application_name=x').host,
    ).toBe('h');
  });
});

describe('URL form', () => {
  test('every part is read and percent sequences are replaced', () => {
    expect(
      parse('postgresql://us%40er:p%3Aw%2F@h.example:6000/my%20db?connect_timeout=2&options=-c%20x%3D1'),
    ).toMatchObject({
      host: 'h.example',
      port: 6000,
      database: 'my db',
      user: 'us@er',
      password: 'p:w/',
      connectTimeoutMs: 2000,
      options: '-c x=1',
    });
  });

  test('host and user may stand in the query', () => {
    expect(parse('postgres:///app?host=/tmp&port=6001&user=bob')).toMatchObject({
      host: '/tmp',
      port: 6001,
      database: 'app',
      user: 'bob',
    });
  });

  test('an IPv6 address stands in brackets', () => {
    expect(parse('postgresql://[::1]:6000/x')).toMatchObject({ host: '::1', port: 6000 });
  });

  test('an encoded socket folder may be the host', () => {
    expect(parse('postgresql://%2Ftmp/x').host).toBe('/tmp');
  });

  test('an empty URL leaves everything to the environment', () => {
    expect(parse('postgresql://', { PGHOST: 'e', PGDATABASE: 'd' })).toMatchObject({
      host: 'e',
      database: 'd',
      user: 'ann',
    });
  });

  test('ssl=true means sslmode=require, as JDBC writes it', () => {
    expect(parse('postgresql://h/d?ssl=true').ssl).toMatchObject({ rejectUnauthorized: false });
  });

  test.each([
    ['postgresql://a,b/x', 'several hosts'],
    ['postgresql://a:1,b:2/x', 'several hosts'],
    ['postgresql://a/x?nonsense=1', 'unknown keyword "nonsense"'],
    ['postgresql://a/x?nonsense', 'without "name="'],
    ['postgresql://u:50%@a/x', 'percent sequence in "password"'],
    ['postgresql://::1/x', 'IPv6'],
  ])('%s is refused', (text, part) => {
    expect(messageOf(() => parse(text))).toContain(part);
  });
});

describe('environment and defaults', () => {
  test('the user is that of the system and the database is named after the user', () => {
    expect(parse('host=h')).toMatchObject({ port: 5432, database: 'ann', user: 'ann' });
    expect(parse('host=h user=bob').database).toBe('bob');
  });

  test('without a host the socket folder of this machine is used', () => {
    expect(['/var/run/postgresql', '/tmp']).toContain(parse('').host);
  });

  test('PG variables fill up what the connect string leaves out, and no more', () => {
    const environment = { PGHOST: 'e', PGPORT: '7000', PGUSER: 'eu', PGPASSWORD: 'ep', PGDATABASE: 'ed' };
    expect(parse('port=1 user=u', environment)).toMatchObject({
      host: 'e',
      port: 1,
      user: 'u',
      password: 'ep',
      database: 'ed',
    });
  });

  test('hostaddr is connected to and host names it', () => {
    expect(parse('host=db.example hostaddr=10.0.0.1').host).toBe('10.0.0.1');
  });

  test('connect_timeout=0 waits without end and none leaves it open', () => {
    expect(parse('host=h connect_timeout=0').connectTimeoutMs).toBe(0);
    expect(parse('host=h').connectTimeoutMs).toBeUndefined();
  });

  test('without any user name the error names the keyword', () => {
    expect(messageOf(() => parseConninfo('host=h', {}))).toContain('names no user');
  });
});

describe('TLS', () => {
  test.each(['disable', 'allow', 'prefer'])('sslmode=%s uses none', (mode) => {
    expect(parse(`host=h sslmode=${mode}`).ssl).toBe(false);
  });

  test('a socket uses none whatever the mode is', () => {
    expect(parse('host=/tmp sslmode=require').ssl).toBe(false);
  });

  test('require encrypts without checking the certificate', () => {
    expect(parse('host=h', { PGSSLMODE: 'require' }).ssl).toMatchObject({ rejectUnauthorized: false });
  });

  test('verify-ca checks the certificate but not the name', () => {
    const folder = mkdtempSync(join(tmpdir(), 'conninfo-'));
    writeFileSync(join(folder, 'root.pem'), 'certificate');
    const { ssl } = parse(`host=h sslmode=verify-ca sslrootcert=${folder}/root.pem`);
    expect(ssl).toMatchObject({ rejectUnauthorized: true, ca: Buffer.from('certificate') });
    const check = (ssl as { checkServerIdentity(host: string, peer: object): unknown }).checkServerIdentity;
    expect(check('other', { subject: { CN: 'other' } })).toBeUndefined();
  });

  test('verify-full checks the name of the connect string', () => {
    const { ssl } = parse('host=db.example hostaddr=10.0.0.1 sslmode=verify-full sslrootcert=system');
    const check = (ssl as { checkServerIdentity(host: string, peer: object): unknown }).checkServerIdentity;
    expect(check('10.0.0.1', { subject: { CN: 'db.example' } })).toBeUndefined();
    expect(check('10.0.0.1', { subject: { CN: 'evil.example' } })).toBeInstanceOf(Error);
  });

  test('verify-full without a root certificate is refused', () => {
    expect(messageOf(() => parse('host=h sslmode=verify-full'))).toContain('needs sslrootcert');
  });

  test('a certificate that is not there is named', () => {
    expect(messageOf(() => parse('host=h sslmode=require sslcert=/no/such'))).toContain(
      '/no/such of sslcert',
    );
  });
});

describe('password file', () => {
  test('the password of the line that matches is used, from HOME or PGPASSFILE or passfile', () => {
    const home = mkdtempSync(join(tmpdir(), 'conninfo-'));
    writeFileSync(join(home, '.pgpass'), '#c\nh:5432:d:u:one\n*:*:*:u:two\n', { mode: 0o600 });
    writeFileSync(join(home, 'other'), '*:*:*:*:three\n', { mode: 0o600 });
    expect(parse('host=h dbname=d user=u', { HOME: home }).password).toBe('one');
    expect(parse('host=h dbname=e user=u', { HOME: home }).password).toBe('two');
    expect(parse('host=h dbname=e user=v', { HOME: home }).password).toBeUndefined();
    expect(parse('host=h', { PGPASSFILE: `${home}/other` }).password).toBe('three');
    expect(parse(`host=h passfile=${home}/other`).password).toBe('three');
    expect(parse('host=h dbname=d user=u password=own', { HOME: home }).password).toBe('own');
  });

  test('a file that others may read is not used, and a note says so', () => {
    const home = mkdtempSync(join(tmpdir(), 'conninfo-'));
    writeFileSync(join(home, '.pgpass'), '*:*:*:*:open\n', { mode: 0o644 });
    const parameters = parse('host=h', { HOME: home });
    expect(parameters.password).toBeUndefined();
    expect(parameters.passwordNote).toContain('0600');
  });
});

describe('service file', () => {
  test('the service fills up the connect string and goes over the environment', () => {
    const home = mkdtempSync(join(tmpdir(), 'conninfo-'));
    writeFileSync(
      join(home, '.pg_service.conf'),
      '[x]\nhost=wrong\n[shop]\nhost=s\nport=6003\n# c\ndbname=sd\n[y]\nuser=no\n',
    );
    const environment = { HOME: home, PGPORT: '1', PGUSER: 'eu' };
    const expected = { host: 's', port: 6003, database: 'own', user: 'eu' };
    expect(parse('service=shop dbname=own', environment)).toMatchObject(expected);
    expect(parse('dbname=own', { ...environment, PGSERVICE: 'shop' })).toMatchObject(expected);
  });

  test('PGSERVICEFILE names the file, PGSYSCONFDIR the folder of the second one', () => {
    const folder = mkdtempSync(join(tmpdir(), 'conninfo-'));
    mkdirSync(join(folder, 'etc'));
    writeFileSync(join(folder, 'etc', 'pg_service.conf'), '[sys]\nhost=system\n');
    writeFileSync(join(folder, 'mine'), '[own]\nhost=mine\n');
    const environment = { PGSERVICEFILE: join(folder, 'mine'), PGSYSCONFDIR: join(folder, 'etc') };
    expect(parse('service=own', environment).host).toBe('mine');
    expect(parse('service=sys', environment).host).toBe('system');
    expect(messageOf(() => parse('service=none', environment))).toContain('"none" is in none of');
  });
});

describe('for people', () => {
  test('a description holds neither user nor password', () => {
    expect(describeConninfo('user=u password=geheim dbname=d host=h')).toBe('host=h dbname=d');
    expect(describeConninfo('postgresql://u:geheim@h:1/d')).toBe('host=h port=1 dbname=d');
    expect(describeConninfo('host=h password=geheim oops')).toBe('host=h password=*** oops');
  });

  test.each([
    ['host=h password=geheim dbname=d', 'host=h password=*** dbname=d'],
    [String.raw`host=h password = 'ge\'h eim' dbname=d`, 'host=h password = *** dbname=d'],
    [String.raw`password=ge\ heim dbname=d`, 'password=*** dbname=d'],
    ['at postgresql://u:geheim@h/d now', 'at postgresql://u:***@h/d now'],
    ['at postgres://u:ge@heim@h/d now', 'at postgres://u:***@h/d now'],
    ['sslpassword=geheim', 'sslpassword=***'],
    ['password authentication failed', 'password authentication failed'],
    ['see https://example.org/a', 'see https://example.org/a'],
  ])('%s is shown as %s', (text, shown) => {
    expect(redactConninfo(text)).toBe(shown);
  });
});

test('a connect string can be pointed at another database', () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1 }), (database) => {
      for (const text of ['host=h dbname=old', '', 'postgresql://h/old', 'postgresql://h/old?port=1']) {
        expect(parse(withDatabase(text, database)).database).toBe(database);
      }
    }),
  );
});
